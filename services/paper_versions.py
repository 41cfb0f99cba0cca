"""文书模板: an office changes a paper or adds one — uploaded by one person, approved by another, put in force, gone back on."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalogue import loader as catalogue
from models.base import now
from models.paper_template import PaperFolder, PaperRelease, PaperTemplate
from process import journal
from process.access import Actor
from process.refusals import Conflict, Forbidden, InvalidInput, NotAvailable, NotFound, Stale
from services import paper_conditions, papers_generic, papers_out
from services.papers import definition, folders, own, trial
from services.papers.definition import Paper
from services.papers.errors import DefinitionError

STREAM = "system"
LONGEST_REASON = 500
EDITORS = frozenset({"system_admin"})
# Whoever keeps the catalogue answers for what an item's result looks like.
APPROVERS = frozenset({"system_admin", "catalogue_manager"})
READERS = EDITORS | APPROVERS | {"supervisor"}
# Kinds that hold any text: a value made for one of them fits the others.
_TEXTS = papers_generic.TEXT
_LETTERS = re.compile(r"[A-Z]{2,4}")


# --- Uploading


@dataclass(frozen=True)
class Examined:
    """A folder that was read, checked and printed with every kind of data, and is not kept yet."""

    paper: str
    title: str
    digest: str
    whole: folders.Files
    note: str
    found: list[trial.Tried]


def examine(session: Session, actor: Actor, data: bytes, note: str, *, expected: str | None = None) -> Examined:
    """Checks and prints an uploaded folder, which takes seconds and writes nothing. Raises DefinitionError with the place."""
    _require(actor, EDITORS, "文书模板由系统管理员上传。")
    if not data:
        raise InvalidInput("请选择要上传的 .zip 文件。", {"file": "请选择文件"})
    paper_id, files = folders.read_archive(data)
    return _examined(session, paper_id, files, note, expected)


def examine_texts(session: Session, actor: Actor, paper_id: str, texts: dict[str, str], note: str) -> Examined:
    """The same for texts changed in the browser; pictures stay those of the version in force."""
    _require(actor, EDITORS, "文书模板由系统管理员修改。")
    files = files_in_force(session, paper_id)
    for name in folders.TEXTS:
        if name in texts:
            files[name] = texts[name].replace("\r\n", "\n").encode("utf-8", "surrogatepass")
    return _examined(session, folders.check_files(files), files, note, paper_id)


def upload(
    session: Session, actor: Actor, data: bytes, note: str, *, expected: str | None = None
) -> tuple[PaperTemplate, list[trial.Tried]]:
    """Examines and keeps in one go, for whoever holds nobody up."""
    return keep(session, actor, examine(session, actor, data, note, expected=expected))


def edit(
    session: Session, actor: Actor, paper_id: str, texts: dict[str, str], note: str
) -> tuple[PaperTemplate, list[trial.Tried]]:
    """The same with texts changed in the browser."""
    return keep(session, actor, examine_texts(session, actor, paper_id, texts, note))


def _examined(session: Session, paper_id: str, files: folders.Files, note: str, expected: str | None) -> Examined:
    reason = _reason(note, "请写明为什么改这个文书，这句话会留在记录里。", "note")
    if expected and expected != paper_id:
        raise DefinitionError("paper.yaml", "id", f"是“{paper_id}”，这一页改的是“{expected}”")
    whole = folders.snapshot(paper_id, files)
    digest = folders.digest_of(whole)
    _require_new(session, paper_id, digest)
    if own.is_shipped(paper_id) and folders.digest_of(folders.snapshot_of(definition.ROOT / paper_id)) == digest:
        raise Conflict("这一版与随软件提供的一模一样，没有改动。")
    root = folders.unpacked(digest, folders.packed(whole))
    try:
        paper = trial.read(root / paper_id)
        require_sources(paper)
        found = trial.tried(paper)
    except DefinitionError:
        shutil.rmtree(root, ignore_errors=True)
        raise
    return Examined(paper_id, paper.title_zh[:120], digest, whole, reason, found)


def _require_new(session: Session, paper_id: str, digest: str) -> None:
    if session.scalar(select(PaperTemplate.id).where(PaperTemplate.paper == paper_id, PaperTemplate.digest == digest)):
        raise Conflict("这一版已经上传过，内容一模一样；请在版本列表里找到它。")


def keep(session: Session, actor: Actor, made: Examined) -> tuple[PaperTemplate, list[trial.Tried]]:
    """Keeps what was examined, in a short transaction; asked again, because somebody may have been faster."""
    _require(actor, EDITORS, "文书模板由系统管理员上传。")
    _require_new(session, made.paper, made.digest)
    own.store(session, made.paper, made.whole)
    row = PaperTemplate(
        paper=made.paper, digest=made.digest, title=made.title, note=made.note, uploaded_by_id=actor.person_id or 0
    )
    row.tried = {one.case: [one.pages, one.size, one.problem] for one in made.found}
    session.add(row)
    session.flush()
    _journal(session, "paper_template:upload", actor, row, made.note)
    return row, made.found


def require_sources(paper: Paper) -> None:
    """Every field gets its value from somewhere; a role, condition or unit of text that does not exist is told."""
    known = _given(paper.id)
    for field in paper.fields:
        given = known.get(field.name)
        if given is not None:
            if given != field.kind and not (given in _TEXTS and field.kind in _TEXTS):
                raise DefinitionError(
                    "paper.yaml", f"fields({field.name}).kind", f"现有数据是 {given}，不能改成 {field.kind}"
                )
        elif not papers_generic.fits(field, paper.id):
            raise DefinitionError(
                "paper.yaml",
                f"fields({field.name}).source",
                f"“{field.source}”给不出{field.kind}字段“{field.label}”的值；可用 form.申请表字段名 和 "
                + "、".join(papers_generic.SOURCES),
            )
    for role in sorted(paper.who_may_print):
        if role not in catalogue.roles():
            raise DefinitionError("paper.yaml", "who_may_print", f"没有名为“{role}”的角色")
    for name in paper_conditions.unknown(paper.terms.conditions):
        raise DefinitionError("paper.yaml", "conditions", f"没有名为“{name}”的条件")
    if not own.is_shipped(paper.id) and not paper.has("number"):
        raise DefinitionError("paper.yaml", "fields", "新文书须有 number 字段，source 写 certificate.number")
    if not own.is_shipped(paper.id) and paper.series is not None and not _LETTERS.fullmatch(paper.series):
        raise DefinitionError("paper.yaml", "series", "新文书的编号字头应是 2 到 4 个大写字母，例如 CJ，或写 null")


def _given(paper_id: str) -> dict[str, str]:
    """What the program itself collects for this paper: its own fields as they are shipped."""
    if not own.is_shipped(paper_id) or paper_id not in papers_out.known_papers():
        return {}
    return {field.name: field.kind for field in definition.shipped(paper_id).fields}


# --- Deciding


def approve(session: Session, actor: Actor, template_id: int, reason: str = "") -> PaperTemplate:
    """A second person has looked at it. Whoever uploaded it cannot approve it."""
    row = _to_decide(session, actor, template_id)
    return _decide(session, actor, row, "approved", reason.strip()[:LONGEST_REASON])


def refuse(session: Session, actor: Actor, template_id: int, reason: str) -> PaperTemplate:
    row = _to_decide(session, actor, template_id)
    return _decide(session, actor, row, "refused", _reason(reason, "请写明为什么不同意，上传人要照着改。"))


def withdraw(session: Session, actor: Actor, template_id: int, reason: str) -> PaperTemplate:
    """Taken back by an administrator before it came into force; the files stay."""
    _require(actor, EDITORS, "文书模板由系统管理员撤回。")
    row = _locked(session, template_id)
    if row.state not in ("uploaded", "approved"):
        raise NotAvailable("这一版已经处理过，不能再撤回。")
    if current(session, row.paper) == row.id:
        raise NotAvailable("这一版正在使用。请先换成别的版本，再撤回它。")
    return _decide(session, actor, row, "withdrawn", _reason(reason, "请写明为什么撤回。"))


def _to_decide(session: Session, actor: Actor, template_id: int) -> PaperTemplate:
    _require(actor, APPROVERS, "文书模板由事项管理员或另一位系统管理员审核。")
    row = _locked(session, template_id)
    if row.state != "uploaded":
        raise NotAvailable("这一版已经有人处理过了，请刷新看结果。")
    if row.uploaded_by_id == actor.person_id:
        raise Forbidden("这一版是您上传的，须由另一个人审核。请转告事项管理员或另一位系统管理员。")
    return row


def _decide(session: Session, actor: Actor, row: PaperTemplate, state: str, reason: str) -> PaperTemplate:
    row.state, row.decision, row.decided_at = state, reason, now()
    if state != "withdrawn":
        row.approved_by_id = actor.person_id
    session.flush()
    _journal(session, f"paper_template:{state}", actor, row, reason)
    return row


# --- Putting in force and going back


def publish(
    session: Session,
    actor: Actor,
    paper_id: str,
    template_id: int | None,
    reason: str,
    *,
    seen: int | None = None,
    rehearsed: bool = False,
) -> PaperRelease:
    """From now on new papers are made with this version; no version: back to what came with the software.

    `seen`: the last release that the page showed; another one meanwhile is not overwritten unseen.
    `rehearsed`: it was printed a moment ago, before this transaction (`rehearse`)."""
    _require(actor, EDITORS, "文书模板由系统管理员发布。")
    said = _reason(reason, "请写明为什么换版本，这句话会留在记录里。")
    last = _last(session, paper_id, alone=True)
    if seen is not None and seen != (last.id if last is not None else 0):
        raise Stale("您看的时候，别人换了这个文书的版本。请重新看一看再决定。")
    if last is None and template_id is None and not own.is_shipped(paper_id):
        raise NotFound()
    before = last.template_id if last is not None else None
    if before == template_id:
        raise Conflict("这一版已经在使用，没有可以发布的变化。")
    if template_id is not None:
        row = _locked(session, template_id)
        if row.paper != paper_id:
            raise NotFound()
        if row.state != "approved":
            raise NotAvailable("只有经另一个人审核同意的版本可以发布。")
        if not rehearsed:
            _still_good(session, row)
    made = PaperRelease(
        paper=paper_id, template_id=template_id, before_id=before, reason=said, person_id=actor.person_id, at=now()
    )
    session.add(made)
    session.flush()
    journal.record(
        session,
        "paper_template:publish",
        actor,
        stream=STREAM,
        comment=said,
        details={"paper": paper_id, "template": template_id, "before": before},
    )
    return made


def rehearse(session: Session, actor: Actor, paper_id: str, template_id: int | None) -> bool:
    """Reads and prints a version that is about to come into force; False: there is nothing to print."""
    _require(actor, EDITORS, "文书模板由系统管理员发布。")
    row = session.get(PaperTemplate, template_id) if template_id is not None else None
    if row is None or row.paper != paper_id or row.state != "approved":
        return False
    _still_good(session, row)
    return True


def _still_good(session: Session, row: PaperTemplate) -> None:
    """The software may have changed since it was approved: what cannot be printed today does not come into force."""
    kept = session.get_one(PaperFolder, row.digest)
    try:
        paper = trial.read(folders.unpacked(row.digest, kept.body) / row.paper)
        require_sources(paper)
        trial.printed(paper, trial.SAMPLE)
    except DefinitionError as error:
        raise NotAvailable(f"这一版在现在的软件里不能用了：{error.detail}。请改好后重新上传。") from error


def _last(session: Session, paper_id: str, *, alone: bool = False) -> PaperRelease | None:
    if alone:
        # Two who publish the same paper at once come one after the other.
        session.scalars(select(PaperTemplate.id).where(PaperTemplate.paper == paper_id).with_for_update()).all()
    return session.scalar(
        select(PaperRelease).where(PaperRelease.paper == paper_id).order_by(PaperRelease.id.desc()).limit(1)
    )


def last_release(session: Session, paper_id: str) -> int:
    """The number of the last release of a paper, 0 when there was none."""
    found = _last(session, paper_id)
    return found.id if found is not None else 0


def current(session: Session, paper_id: str) -> int | None:
    """The uploaded version in force; none: the one that came with the software."""
    found = _last(session, paper_id)
    return found.template_id if found is not None else None


# --- Looking


def papers(session: Session) -> list[tuple[str, str, PaperRelease | None, int]]:
    """Every paper: id, title, its last release, and how many versions wait for a second person."""
    rows = session.scalars(select(PaperTemplate).order_by(PaperTemplate.id)).all()
    latest = {one.paper: one for one in session.scalars(select(PaperRelease).order_by(PaperRelease.id))}
    waiting: dict[str, int] = {}
    titles = {one.paper: one.title for one in rows}
    for one in rows:
        waiting[one.paper] = waiting.get(one.paper, 0) + (one.state == "uploaded")
    titles |= {name: paper.title_zh for name, paper in definition.load_all().items()}
    return [(name, titles[name], latest.get(name), waiting.get(name, 0)) for name in sorted(titles)]


def versions(session: Session, paper_id: str) -> Sequence[PaperTemplate]:
    """The uploaded versions of a paper, the newest first."""
    return session.scalars(
        select(PaperTemplate).where(PaperTemplate.paper == paper_id).order_by(PaperTemplate.id.desc())
    ).all()


def releases(session: Session, paper_id: str) -> Sequence[PaperRelease]:
    return session.scalars(
        select(PaperRelease).where(PaperRelease.paper == paper_id).order_by(PaperRelease.id.desc()).limit(100)
    ).all()


def get(session: Session, template_id: int) -> PaperTemplate:
    found = session.get(PaperTemplate, template_id)
    if found is None:
        raise NotFound()
    return found


def known(session: Session, paper_id: str) -> bool:
    return own.is_shipped(paper_id) or bool(versions(session, paper_id))


def paper_of(session: Session, paper_id: str, template_id: int | None) -> Paper | None:
    """The paper of an uploaded version, or of what came with the software; None when there is no such paper."""
    if template_id is not None:
        row = get(session, template_id)
        return own.read(session, row.paper, row.digest)
    return definition.shipped(paper_id) if own.is_shipped(paper_id) else None


def files_in_force(session: Session, paper_id: str) -> folders.Files:
    """The folder of the version in force, to be edited or downloaded."""
    template_id = current(session, paper_id)
    if template_id is None and not own.is_shipped(paper_id):
        newest = next(iter(versions(session, paper_id)), None)
        template_id = newest.id if newest is not None else None
        if template_id is None:
            raise NotFound()
    return files_of(session, paper_id, template_id)


def files_of(session: Session, paper_id: str, template_id: int | None) -> folders.Files:
    if template_id is not None:
        row = get(session, template_id)
        return folders.own_files(session.get_one(PaperFolder, row.digest).body, row.paper)
    if not own.is_shipped(paper_id):
        return {}
    folder = definition.ROOT / paper_id
    return {one.name: one.read_bytes() for one in sorted(folder.iterdir()) if one.is_file()}


def archive(session: Session, paper_id: str, template_id: int | None) -> bytes:
    """A version as a .zip that can be changed and uploaded again."""
    files = files_of(session, paper_id, template_id)
    if not files:
        raise NotFound()
    return folders.packed({f"{paper_id}/{name}": content for name, content in files.items()})


# --- Small


def _locked(session: Session, template_id: int) -> PaperTemplate:
    row = session.get(PaperTemplate, template_id, with_for_update=True, populate_existing=True)
    if row is None:
        raise NotFound()
    return row


def _require(actor: Actor, roles: frozenset[str], sentence: str) -> None:
    if roles.isdisjoint(actor.roles):
        raise Forbidden(sentence)


def _reason(text: str, sentence: str, field: str = "reason") -> str:
    if not text.strip():
        raise InvalidInput(sentence, {field: "请写明原因"})
    return " ".join(text.split())[:LONGEST_REASON]


def _journal(session: Session, action: str, actor: Actor, row: PaperTemplate, reason: str) -> None:
    journal.record(
        session,
        action,
        actor,
        stream=STREAM,
        comment=reason or None,
        details={"paper": row.paper, "template": row.id, "digest": row.digest},
    )
