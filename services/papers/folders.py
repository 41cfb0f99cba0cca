"""The files of one version of a paper: read from an archive that is not trusted, kept as one, unpacked to be printed."""

from __future__ import annotations

import hashlib
import io
import os
import re
import shutil
import stat
import tempfile
import zipfile
from pathlib import Path

import yaml
from PIL import Image

from services import pictures

from .definition import COMMON, ROOT
from .errors import DefinitionError
from .prepared import place

TEXTS = ("paper.yaml", "page.html", "style.css", "sample.yaml")
MOST_BYTES, MOST_FILES = 4 * 1024 * 1024, 24
MOST_UNPACKED, MOST_TEXT = 8 * 1024 * 1024, 200_000
MOST_PIXELS = 20_000_000
DEEPEST, MOST_EVENTS = 12, 20_000
_PICTURE = re.compile(r"[a-z0-9][a-z0-9_-]{0,60}\.(?:png|jpg)\Z")
_ID = re.compile(r"[a-z][a-z0-9_]{1,59}\Z")
# What desktop systems put into every archive without being asked.
_LITTER = re.compile(r"(?:^|/)(?:__MACOSX/.*|\.DS_Store|Thumbs\.db|desktop\.ini)\Z")
Files = dict[str, bytes]


def read_archive(data: bytes) -> tuple[str, Files]:
    """The paper's id and its files from an uploaded .zip. Raises DefinitionError that names the file and the reason."""
    if len(data) > MOST_BYTES:
        raise DefinitionError("压缩包", "", f"超过 {MOST_BYTES // 1024**2} MB，请缩小图片后重新打包")
    files: Files = {}
    left = MOST_UNPACKED
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            found = [one for one in archive.infolist() if not _LITTER.search(one.filename) and not one.is_dir()]
            if len(found) > MOST_FILES:
                raise DefinitionError("压缩包", "", f"有 {len(found)} 个文件，一种文书最多 {MOST_FILES} 个")
            names = _names(found)
            for info, name in zip(found, names, strict=True):
                with archive.open(info) as stream:
                    # What an archive says about its sizes is not believed.
                    files[name] = stream.read(left + 1)
                left -= len(files[name])
                if left < 0:
                    raise DefinitionError("压缩包", name, f"解开后超过 {MOST_UNPACKED // 1024**2} MB")
    except (zipfile.BadZipFile, zipfile.LargeZipFile, EOFError, OSError, NotImplementedError, ValueError) as error:
        raise DefinitionError("压缩包", "", "打不开，请用 .zip 格式重新打包一个文书文件夹") from error
    except RuntimeError as error:
        raise DefinitionError("压缩包", "", "有密码，请去掉密码后重新打包") from error
    return check_files(files), files


def _names(found: list[zipfile.ZipInfo]) -> list[str]:
    """Plain names; one folder around them is taken off, anything deeper or elsewhere is refused."""
    folders, names = set(), []
    for info in found:
        shown = info.filename[:80]
        mode = info.external_attr >> 16
        if mode and stat.S_IFMT(mode) not in (0, stat.S_IFREG):
            raise DefinitionError("压缩包", shown, "是链接或特殊文件，只收普通文件")
        if info.flag_bits & 1:
            raise DefinitionError("压缩包", shown, "有密码，请去掉密码后重新打包")
        parts = info.filename.split("/")
        if len(parts) > 2 or "\\" in info.filename or any(part in ("", ".", "..") for part in parts):
            raise DefinitionError("压缩包", shown, "不在文书文件夹里；压缩包里只能有一个文件夹，文件直接放在里面")
        folders.add(parts[0] if len(parts) == 2 else "")
        names.append(parts[-1])
    if len(folders) > 1:
        raise DefinitionError("压缩包", "", "有不止一个文件夹；一次上传一种文书")
    for name in names:
        if names.count(name) > 1:
            raise DefinitionError("压缩包", name[:80], "同一个文件出现两次")
    return names


def check_files(files: Files) -> str:
    """Only the four texts and pictures, each what its name says; the id that paper.yaml gives."""
    for name in TEXTS:
        if name not in files:
            raise DefinitionError(name, "", "缺少这个文件")
    for name, content in files.items():
        if name in TEXTS:
            _text(name, content)
        elif _PICTURE.match(name):
            _picture(name, content)
        else:
            raise DefinitionError(
                name[:80], "", "不收这种文件；只收 paper.yaml、page.html、style.css、sample.yaml 和 png、jpg 图片"
            )
    _mapping("sample.yaml", files["sample.yaml"])
    paper = _mapping("paper.yaml", files["paper.yaml"]).get("id")
    if not isinstance(paper, str) or not _ID.match(paper):
        raise DefinitionError("paper.yaml", "id", "应是文书的名称，由小写字母、数字和下划线组成，不超过 60 个字符")
    return paper


def _text(name: str, content: bytes) -> str:
    if len(content) > MOST_TEXT:
        raise DefinitionError(name, "", f"超过 {MOST_TEXT // 1000} KB")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DefinitionError(name, f"第{line}行", "不是 UTF-8 文字，请另存为 UTF-8 后再上传") from error
    if "\0" in text:
        raise DefinitionError(name, "", "含有空字符，不是文字文件")
    return text


def _mapping(name: str, content: bytes) -> dict[str, object]:
    """YAML measured before it is read: no depth and no aliases that break the reader."""
    text, depth = _text(name, content), 0
    try:
        for count, event in enumerate(yaml.parse(text, Loader=yaml.SafeLoader)):
            line = f"第{event.start_mark.line + 1}行" if event.start_mark else ""
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if isinstance(event, yaml.AliasEvent):
                raise DefinitionError(name, line, "不能用 & 和 * 引用，请把内容写全")
            if depth > DEEPEST or count > MOST_EVENTS:
                raise DefinitionError(name, line, f"嵌套超过 {DEEPEST} 层或内容过多")
        raw = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        said = getattr(error, "problem", None) or getattr(error, "reason", None) or "格式不对"
        raise DefinitionError(name, f"第{mark.line + 1}行" if mark else "", f"不是有效的 YAML：{said}") from error
    except (ValueError, TypeError, RecursionError, OverflowError) as error:
        # A date that does not exist, a number without an end.
        raise DefinitionError(name, "", f"有不能读的值：{str(error)[:120]}") from error
    if not isinstance(raw, dict) or not all(isinstance(key, str) for key in raw):
        raise DefinitionError(name, "", "应是一组“键: 值”")
    return raw


def _picture(name: str, content: bytes) -> None:
    wanted = "PNG" if name.endswith(".png") else "JPEG"
    try:
        with pictures.opened(content, (wanted,)) as picture:
            if picture.width * picture.height > MOST_PIXELS:
                raise DefinitionError(name, "", "图片太大，请缩小到 2000 万像素以内")
            picture.load()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DefinitionError(name, "", f"不是 {wanted} 图片，或者已损坏") from error


# --- Kept and unpacked


def snapshot(paper: str, files: Files, common: Path = ROOT / COMMON) -> Files:
    """A folder with the shared parts of today: a later edition of those must not change what was approved."""
    shared = {f"{COMMON}/{one.name}": one.read_bytes() for one in sorted(common.iterdir()) if one.is_file()}
    return shared | {f"{paper}/{name}": content for name, content in files.items()}


def snapshot_of(folder: Path) -> Files:
    """The same of a folder that is there already, such as a shipped one."""
    files = {one.name: one.read_bytes() for one in sorted(folder.iterdir()) if one.is_file()}
    return snapshot(folder.name, files, folder.parent / COMMON)


def digest_of(files: Files) -> str:
    digest = hashlib.sha256()
    for name in sorted(files):
        digest.update(f"{name}\0".encode() + hashlib.sha256(files[name]).digest())
    return digest.hexdigest()


def packed(files: Files) -> bytes:
    """As one archive whose bytes depend on nothing but the files."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, 0o600 << 16
            archive.writestr(info, files[name])
    return target.getvalue()


def files_of(body: bytes) -> Files:
    """The files of a kept archive, which is our own."""
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        return {info.filename: archive.read(info) for info in archive.infolist()}


def own_files(body: bytes, paper: str) -> Files:
    """Only the folder itself, as it was uploaded."""
    return {
        name.removeprefix(f"{paper}/"): content
        for name, content in files_of(body).items()
        if name.startswith(f"{paper}/")
    }


def unpacked(digest: str, body: bytes) -> Path:
    """A folder of papers that holds this version alone; made once, and anew when somebody touched it."""
    root = place.folder() / "editions" / digest[:40]
    if root.is_dir() and _digest_on_disk(root) == digest:
        return root
    root.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=".edition-", dir=root.parent))
    for name, content in files_of(body).items():
        target = draft / name
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(content)
    if root.is_dir() and _digest_on_disk(root) != digest:
        shutil.rmtree(root)
    try:
        os.rename(draft, root)
    except OSError:
        # Another process was a moment faster with the same files.
        shutil.rmtree(draft, ignore_errors=True)
    return root


def _digest_on_disk(root: Path) -> str:
    return digest_of(
        {one.relative_to(root).as_posix(): one.read_bytes() for one in sorted(root.rglob("*")) if one.is_file()}
    )
