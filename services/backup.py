"""One archive with everything an office cannot make again: database, files, keys. Written whole or not at all."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shutil
import sqlite3
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, inspect, text

from config import Settings
from services import files
from services.exchange import keys as exchange_keys
from services.storage import FileStore
from services.trust import keystore as trust_keys

FORMAT = 1
MANIFEST, SQLITE, POSTGRES, KEY = "manifest.json", "daiban.db", "daiban.pgdump", "secret.key"
FOLDER = "files/"
FACES = "faces"
_FACE = re.compile(r"(fang|own)-[0-9a-f]{64}\.ttf\Z")
_CHUNK = 1 << 20


class BackupError(OSError):
    """One line that says why nothing was written or brought back."""


@dataclass(frozen=True)
class Told:
    files: int
    size: int
    made_at: str
    note: str = ""


def write(settings: Settings, engine: Engine, target: Path) -> Told:
    """Database first, files after: a file that came in between is only more than the database knows."""
    made_at = datetime.now(UTC).isoformat(timespec="seconds")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".backup-") as folder:
        work = Path(folder)
        dump = work / (SQLITE if engine.dialect.name == "sqlite" else POSTGRES)
        _copy_sqlite(engine, dump) if engine.dialect.name == "sqlite" else _dump_postgres(engine, dump)
        key = work / KEY
        key.write_text(settings.secret_key + "\n")
        store = files.store()
        kept = list(store.keys())
        exchange = settings.var / exchange_keys.FILE
        # Without it no partner city would know the office that was brought back.
        own = {exchange_keys.FILE: exchange} if exchange.exists() else {}
        # Sealed with SECRET_KEY or a passphrase; without it no paper could be signed as before.
        if settings.trust_keys.exists():
            own[trust_keys.FILE] = settings.trust_keys
        # A licensed 仿宋 and drawn characters: without them names would be refused that were printed before.
        own |= {path.name: path for path in sorted((settings.var / FACES).glob("*.ttf")) if _FACE.match(path.name)}
        parts = {dump.name: dump, KEY: key, **own, **{FOLDER + name: store.path(name) for name in kept}}
        hashes = {name: _sha256(path) for name, path in parts.items()}
        manifest = {
            "format": FORMAT,
            "made_at": made_at,
            "database": engine.dialect.name,
            "revision": _revision(engine),
            "sha256": hashes,
        }
        draft = work / "archive.tar"
        with tarfile.open(draft, "w") as archive:
            _add(archive, MANIFEST, json.dumps(manifest, indent=1, sort_keys=True).encode())
            for name, path in parts.items():
                archive.add(path, name, recursive=False)
        with draft.open("rb") as written:
            os.fsync(written.fileno())
        draft.chmod(0o600)
        os.replace(draft, target)
    return Told(len(parts), target.stat().st_size, made_at)


def read(settings: Settings, engine: Engine, source: Path, *, force: bool = False) -> Told:
    """Checks every hash before anything is touched; then files, then the database."""
    if not force and (holds := _holds_something(engine)):
        raise BackupError(
            f"this installation is not empty ({holds}); use another DAIBAN_VAR, or --force to replace what is there"
        )
    try:
        with tempfile.TemporaryDirectory(dir=settings.var, prefix=".restore-") as folder:
            work = Path(folder)
            manifest = _unpack(source, work)
            wanted = SQLITE if engine.dialect.name == "sqlite" else POSTGRES
            if wanted not in manifest["sha256"]:
                raise BackupError(
                    f"{source.name}: was made from {manifest['database']}, this installation uses "
                    f"{engine.dialect.name}; set DATABASE_URL accordingly"
                )
            count = _bring_files(work, manifest, files.store())
            _restore_sqlite(engine, work / wanted) if wanted == SQLITE else _restore_postgres(engine, work / wanted)
            note = _bring_key(settings, (work / KEY).read_text().strip())
            if (work / exchange_keys.FILE).exists():
                _put_secret(settings.var, exchange_keys.FILE, (work / exchange_keys.FILE).read_text())
            if (work / trust_keys.FILE).exists():
                _put_secret(settings.trust_keys.parent, settings.trust_keys.name, (work / trust_keys.FILE).read_text())
            _bring_faces(settings.var / FACES, work)
            return Told(count, source.stat().st_size, manifest["made_at"], note)
    except tarfile.TarError as error:
        raise BackupError(f"{source.name}: is no backup of daiban, or was cut short ({error})") from error


def _unpack(source: Path, work: Path) -> dict[str, Any]:
    """Only names of the manifest, only plain files, each with its hash: an archive is not trusted with paths."""
    with tarfile.open(source, "r:") as archive:
        first = archive.next()
        if first is None or first.name != MANIFEST or not first.isreg() or first.size > 500_000_000:
            raise BackupError(f"{source.name}: is no backup of daiban")
        stream = archive.extractfile(first)
        assert stream is not None
        try:
            manifest: dict[str, Any] = json.loads(stream.read())
            hashes: dict[str, str] = manifest["sha256"]
        except (ValueError, KeyError, TypeError) as error:
            raise BackupError(f"{source.name}: its manifest cannot be read") from error
        if manifest.get("format") != FORMAT:
            raise BackupError(f"{source.name}: format {manifest.get('format')} is not known to this version")
        found: set[str] = set()
        for member in archive.getmembers()[1:]:
            if not member.isreg() or member.name not in hashes or member.name in found:
                raise BackupError(f"{source.name}: holds {member.name[:80]!r}, which does not belong there")
            _take_out(archive, member, work, hashes[member.name], source)
            found.add(member.name)
    if missing := sorted(set(hashes) - found):
        raise BackupError(f"{source.name}: {missing[0]} is missing, the archive was cut short")
    return manifest


def _take_out(archive: tarfile.TarFile, member: tarfile.TarInfo, work: Path, expected: str, source: Path) -> None:
    name = member.name.removeprefix(FOLDER)
    if "/" in name or name.startswith("."):
        raise BackupError(f"{source.name}: holds {member.name[:80]!r}, which does not belong there")
    target = work / (f"file-{name}" if member.name.startswith(FOLDER) else name)
    stream = archive.extractfile(member)
    assert stream is not None
    digest = hashlib.sha256()
    with target.open("wb") as out:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
            out.write(chunk)
    if digest.hexdigest() != expected:
        raise BackupError(f"{source.name}: {member.name} is damaged, nothing was restored; use an older backup")


def _bring_files(work: Path, manifest: dict[str, Any], store: FileStore) -> int:
    count = 0
    for name in manifest["sha256"]:
        if name.startswith(FOLDER):
            with (work / f"file-{name.removeprefix(FOLDER)}").open("rb") as stream:
                if store.put(stream) != name.removeprefix(FOLDER):
                    raise BackupError(f"{name} is not what its name says, nothing was restored")
            count += 1
    return count


def _bring_faces(folder: Path, work: Path) -> None:
    """The office's own faces in place of those of the same kind; a backup without any takes none away."""
    for face in sorted(one for one in work.glob("*.ttf") if _FACE.match(one.name)):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        beside = folder / f"{face.stem}.new"
        shutil.copyfile(face, beside)
        os.replace(beside, folder / face.name)
        for old in folder.glob(f"{face.stem.partition('-')[0]}-*.ttf"):
            if old.name != face.name:
                old.unlink()


def _bring_key(settings: Settings, key: str) -> str:
    """Without the key of that time personal data cannot be read."""
    if key == settings.secret_key:
        return ""
    path = settings.var / "secret.key"
    if path.exists() and path.read_text().strip() == settings.secret_key:
        _put_secret(settings.var, path.name, key + "\n")
        return ""
    return (
        "SECRET_KEY is set in the environment and is not the one of the backup: "
        "set it to the key in the archive (secret.key) before starting"
    )


def _put_secret(folder: Path, name: str, body: str) -> None:
    """Whole or not at all, and for nobody else's eyes."""
    handle, draft = tempfile.mkstemp(dir=folder, prefix=".secret-")
    with os.fdopen(handle, "w") as out:
        out.write(body)
        out.flush()
        os.fsync(out.fileno())
    os.replace(draft, folder / name)


def _copy_sqlite(engine: Engine, target: Path) -> None:
    """SQLite's online backup: a whole picture of one moment while others write."""
    origin = sqlite3.connect(f"{Path(str(engine.url.database)).resolve().as_uri()}?mode=ro", uri=True, timeout=20)
    copy = sqlite3.connect(target)
    try:
        origin.backup(copy)
        if (answer := copy.execute("PRAGMA integrity_check").fetchone()[0]) != "ok":
            raise BackupError(f"the database is damaged ({str(answer).splitlines()[0]}); restore the last good backup")
        copy.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.Error as error:
        raise BackupError(f"the database cannot be copied: {error}") from error
    finally:
        copy.close()
        origin.close()


def _restore_sqlite(engine: Engine, dump: Path) -> None:
    """Written into the database through SQLite itself, so that a process still reading sees all or nothing."""
    engine.dispose()
    origin, target = sqlite3.connect(dump), sqlite3.connect(str(engine.url.database), timeout=5)
    try:
        origin.backup(target)
        target.execute("PRAGMA journal_mode=WAL")
    except sqlite3.Error as error:
        raise BackupError(f"the database cannot be replaced ({error}); stop daiban first") from error
    finally:
        target.close()
        origin.close()


def _dump_postgres(engine: Engine, target: Path) -> None:
    _run("pg_dump", engine, "--format=custom", "--no-owner", "--no-privileges", f"--file={target}")


def _restore_postgres(engine: Engine, dump: Path) -> None:
    engine.dispose()
    _run(
        "pg_restore",
        engine,
        "--clean",
        "--if-exists",
        "--no-owner",
        "--no-privileges",
        "--single-transaction",
        "--exit-on-error",
        str(dump),
    )


def _run(program: str, engine: Engine, *arguments: str) -> None:
    path = shutil.which(program)
    if path is None:
        raise BackupError(
            f"{program} is not on this machine; install the PostgreSQL client (apt-get install postgresql-client)"
        )
    url = engine.url
    # The password goes through the environment: everybody may read a command line.
    known = {
        "PGPASSWORD": url.password,
        "PGHOST": url.host or str(url.query.get("host", "")),
        "PGPORT": str(url.port or ""),
        "PGUSER": url.username,
    }
    environment = {**os.environ, **{name: str(value) for name, value in known.items() if value}}
    done = subprocess.run(
        [path, f"--dbname={url.database}", *arguments], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise BackupError(f"{program} failed: {(done.stderr.strip() or 'no reason given').splitlines()[0]}")


def _holds_something(engine: Engine) -> str:
    tables = set(inspect(engine).get_table_names())
    with engine.connect() as connection:
        for table, words in (("content", "things"), ("person", "accounts"), ("journal", "journal rows")):
            if table in tables and (count := connection.execute(text(f"SELECT count(*) FROM {table}")).scalar()):
                return f"{count} {words}"
    return ""


def _revision(engine: Engine) -> str | None:
    if "alembic_version" not in inspect(engine).get_table_names():
        return None
    with engine.connect() as connection:
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mode, info.mtime = len(content), 0o600, int(datetime.now(UTC).timestamp())
    archive.addfile(info, io.BytesIO(content))
