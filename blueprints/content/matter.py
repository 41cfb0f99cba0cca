"""The left side of the object page: fields, materials and papers of a thing, masked for whoever looks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any

from flask import url_for
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from blueprints import present
from blueprints.content.facts import filled_in
from blueprints.content.own_facts import own
from blueprints.exchange.tickets import facts as other_half
from models.case import Case, Material
from models.content import Content
from models.errand import Errand
from models.paper import Document, Paper
from process import access, field_access
from process.access import Actor
from process.library import library
from process.words import N_
from services import commitments, courier_record, linked, owed, visits
from services.errand_codes import code_for

# Boxes of their own below the matter, per type: what a feature tells of the thing, with the template that draws it.
PANELS: dict[str, Callable[[Session, Any, Actor, bool], Any]] = {}
FORM_WORDS = {"original": N_("原件"), "copy": N_("复印件"), "either": N_("原件或复印件")}


def matter(session: Session, content: Content, actor: Actor, full: bool) -> dict[str, Any]:
    """Sections, materials and papers for content/show.html."""
    papers = _papers(session, content, actor, full)
    hidden = visits.hidden(session, content, actor)
    health = bool(hidden & visits.HEALTH)
    sections = [
        s
        for s in (
            own(content, full and not health, field_access.rights(session, content, actor, full=full)),
            _linked(session, content, actor),
            filled_in(session, content, actor, full, hidden),
            _committed(session, content, full),
            _promised(session, content, full),
            other_half(session, content, full),
        )
        if s is not None and s.facts
    ]
    code = code_for(content, actor) if isinstance(content, Errand) else None
    if code and sections:
        sections[0].facts.append(SimpleNamespace(label=_("收件确认码（只告诉收件人）"), value=code, wide=False))
    if sections and isinstance(content, Errand):
        sections[0].facts += _thanks(session, [content], actor)
    answer: dict[str, Any] = {
        "sections": sections,
        "papers": papers,
        "materials": [],
        "materials_note": "",
        "materials_action": None,
        "panel": PANELS[content.type](session, content, actor, full) if content.type in PANELS else None,
    }
    case = content if isinstance(content, Case) else getattr(content, "case", None)
    if isinstance(case, Case) and case.materials:
        shown = full and (content is case or access.may(actor, access.VIEW_FULL, case, session))
        answer["materials"] = _materials(session, case, shown)
        have = sum(m.provided for m in case.materials)
        answer["materials_note"] = _("已收 %(have)s / %(all)s 份", have=have, all=len(case.materials))
        if content is case and shown:
            answer["materials_action"] = present.Link(_("看材料"), url_for("cases.materials", uid=case.uid))
    elif full:
        answer["materials"] = _attachments(session, content)
    return answer


def _committed(session: Session, content: Content, full: bool) -> Any:
    """承诺备案: what was committed to in this case, by when, and what the check found."""
    made = commitments.of_case(session, content) if isinstance(content, Case) and full else []
    facts = [
        SimpleNamespace(
            label=one.subject,
            value=_("%(day)s前兑现 · %(state)s", day=present.day_of(one.due), state=_(commitments.STATES[one.state]))
            + (f" · {one.finding}" if one.finding else ""),
            wide=True,
        )
        for one in made
    ]
    return SimpleNamespace(title=_("承诺备案"), facts=facts) if facts else None


def _promised(session: Session, content: Content, full: bool) -> Any:
    """容缺: what a thing without slots of its own is owed, as the ledger has it."""
    lines = owed.of_thing(session, content) if full and content.type == owed.BESIDE else []
    facts = [
        SimpleNamespace(
            label=one.paper,
            value=_("%(day)s 前补齐 · %(state)s", day=present.day_of(one.due), state=_(owed.STATES[one.state])),
            wide=True,
        )
        for one in lines
    ]
    return SimpleNamespace(title=_("承诺后补的材料"), facts=facts) if facts else None


def _linked(session: Session, content: Content, actor: Actor) -> Any:
    """Things joined to this one, each only if the actor may see it."""
    ids = linked.ids(session, content)
    if not ids:
        return None
    rows = session.execute(
        access.visible(
            select(Content.uid, Content.number, Content.type, Content.state, Content.workflow_version)
            .where(Content.id.in_(ids))
            .order_by(Content.id),
            actor,
        )
    ).all()
    facts = []
    for one in rows:
        state = library.version(one.workflow_version, session).states[one.state]
        facts.append(
            SimpleNamespace(
                label=present.title_of(library.type(one.type)),
                wide=False,
                value=SimpleNamespace(
                    number=one.number or _("还没有编号"),
                    url=url_for("content.show", uid=one.uid),
                    state=present.state_view(state),
                ),
            )
        )
    brought = [one.uid for one in rows if one.type == "errand" and one.state == "confirmed"]
    if brought and actor.person_id is not None:
        errands = access.visible(select(Errand).where(Errand.uid.in_(brought)), actor, Errand)
        facts += _thanks(session, session.scalars(errands), actor)
    return SimpleNamespace(title=_("相关"), facts=facts, links=True)


def _thanks(session: Session, errands: Iterable[Errand], actor: Actor) -> list[Any]:
    """Where whoever was served may say a word to the courier who came; until it was said."""
    return [
        SimpleNamespace(
            label=_("跑腿工送到了"),
            wide=False,
            value=SimpleNamespace(
                number=_("谢谢跑腿工"),
                url=url_for("errands.thank", uid=errand.uid),
                state=SimpleNamespace(label=_("可以写一句话"), tone="waiting"),
            ),
        )
        for errand in errands
        if "applicant" in access.tokens(errand, actor)
        and courier_record.may_thank(errand, actor)
        and courier_record.thanks_of(session, errand) is None
    ]


def _materials(session: Session, case: Case, shown: bool) -> list[Any]:
    files: dict[int | None, list[Any]] = defaultdict(list)
    if shown:
        for document in session.scalars(select(Document).where(Document.content_id == case.id).order_by(Document.id)):
            files[document.material_id].append(_thumb(case, document))
    rows = [
        SimpleNamespace(
            name=m.name,
            form=_(FORM_WORDS[m.form]) if m.form in FORM_WORDS else "",
            sheets=m.sheets if m.provided else None,
            critical=m.critical,
            status=_status(m),
            status_label=_status_label(m),
            note=m.defect if shown else "",
            thumbs=files.get(m.id, []),
            tick_name=None,
        )
        for m in case.materials
    ]
    if files.get(None):
        rows.append(
            SimpleNamespace(
                name=_("其他文件"),
                form="",
                sheets=None,
                status="ok",
                status_label="",
                note="",
                thumbs=files[None],
                tick_name=None,
            )
        )
    return rows


def _attachments(session: Session, content: Content) -> list[Any]:
    found = [
        _thumb(content, d)
        for d in session.scalars(select(Document).where(Document.content_id == content.id).order_by(Document.id))
    ]
    return (
        [
            SimpleNamespace(
                name=_("照片和签名"),
                form="",
                sheets=None,
                status="ok",
                status_label="",
                note="",
                thumbs=found,
                tick_name=None,
            )
        ]
        if found
        else []
    )


def _thumb(content: Content, document: Document) -> Any:
    url = url_for("content.document", uid=content.uid, document_uid=document.uid)
    thumb = (
        url_for("content.thumbnail", uid=content.uid, document_uid=document.uid, part="thumbnail")
        if document.thumbnail_key
        else None
    )
    return SimpleNamespace(
        url=url, thumb=thumb, alt=document.filename, kind=document.media_type.rpartition("/")[2].upper()
    )


def _status(material: Material) -> str:
    if material.verdict == "rejected":
        return "problem"
    if material.provided:
        return "ok"
    return "deferred" if not material.critical else "missing"


def _status_label(material: Material) -> str:
    if material.verdict == "accepted":
        return _("已核对")
    if material.verdict == "rejected":
        return _("需要补正")
    holder = (
        material.holder_person.name
        if material.holder_person
        else material.holder_unit.name
        if material.holder_unit
        else ""
    )
    if material.provided and material.original_held and holder:
        return _("原件在 %(holder)s", holder=holder)
    return _("已收") if material.provided else _("还没有收到")


def _papers(session: Session, content: Content, actor: Actor, full: bool) -> list[Any]:
    if not full:
        return []
    found = session.scalars(select(Paper).where(Paper.content_id == content.id).order_by(Paper.id.desc())).all()
    words = {"waiting": _("正在生成"), "failed": _("没有生成：%(why)s", why=""), "ready": ""}
    rows = []
    newest: set[tuple[str, str]] = set()
    earlier = _("清点前的一份")
    for paper in found:
        # A list is printed when it is given out and again when it is counted: one list, the counted one stands for it.
        known = (paper.paper, paper.number or "")
        if paper.paper == "handover_list" and known in newest and paper.valid:
            row = next(one for one in rows if one.known == known)
            row.earlier = row.earlier or (
                url_for("certificates.paper", uid=paper.uid) if paper.status == "ready" else None
            )
            continue
        if paper.valid:
            newest.add(known)
        note = words[paper.status] if paper.status != "failed" else _("没有生成：%(why)s", why=paper.error or "")
        if not paper.valid:
            note = _("已作废")
        elif paper.prints:
            note = _("已打印 %(n)s 次", n=paper.prints)
        rows.append(
            SimpleNamespace(
                title=paper.title,
                number=paper.number,
                note=note,
                known=known,
                earlier=None,
                earlier_label=earlier,
                url=url_for("certificates.paper", uid=paper.uid) if paper.status == "ready" else None,
            )
        )
    return rows
