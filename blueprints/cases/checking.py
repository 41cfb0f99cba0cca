"""The reviewer's page: every material with its files, one tick each, and everything that is missing told at once."""

from __future__ import annotations

from collections import defaultdict
from types import SimpleNamespace
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from blueprints import present, timeline
from blueprints.cases.bp import bp
from blueprints.catalogue.offers import FORM_WORDS
from blueprints.content.actions import url_of
from blueprints.content.facts import questions
from blueprints.context import current_actor, db_session, for_whom, load_or_404
from blueprints.dynamic_forms import uploaded
from extensions import db
from models.base import now
from models.case import Case, Material
from models.content import Content
from models.paper import Document
from process import access, engine, journal
from process.library import library
from process.refusals import Forbidden, InvalidInput, NotFound, Refusal
from process.words import N_
from services import actions, files, inside, materials, papers_letters
from services.case_forms import FROM_RECORD
from services.catalogue_items import record_of

MAX_FILES = 10
SELF_FILED = frozenset({"online_pc", "online_mobile", "wechat_account", "app", "self_service_terminal"})
TICKING = ("review", "review_again", "supplement_needed")


@bp.get("/cases/<uid>/materials", endpoint="materials")
@login_required
def materials_page(uid: str) -> ResponseReturnValue:
    return _page(load_or_404(Case, uid, access.VIEW_FULL))


@bp.post("/cases/<uid>/materials")
@login_required
def check(uid: str) -> ResponseReturnValue:
    """Ticks, then reviews — or, when something is wrong, proposes one notice that names all of it."""
    case, session, actor = load_or_404(Case, uid, access.VIEW_FULL), db_session(), current_actor()
    wanted = request.form.get("do", "save")
    allowed = {t.id: t for t in engine.available(case, actor)}
    if not allowed.keys() & set(TICKING):
        raise Forbidden(_("这件的材料现在不由您核对。"))
    lines = _ticks(case)
    try:
        with session.begin_nested():
            materials.note_uploads(session, case)
            materials.tick(session, case, actor, lines, now())
            if wanted == "notice" and request.form.get("named", _named(case)) != _named(case):
                # Ticked anew on the same press: the words on the page no longer name what is wrong.
                wanted = "propose"
            if wanted == "notice":
                actions.perform(
                    case,
                    "supplement_needed",
                    actor,
                    {"comment": request.form.get("comment", "")},
                    expected_version=_version(),
                    on_behalf_of=for_whom(),
                )
            elif wanted == "review_anyway" or (wanted == "review" and not materials.defects(case)):
                actions.perform(
                    case,
                    "review" if "review" in allowed else "review_again",
                    actor,
                    {"materials": lines, "comment": request.form.get("opinion", "")},
                    expected_version=_version(),
                    on_behalf_of=for_whom(),
                )
            else:
                journal.record(
                    session,
                    "case:tick",
                    actor,
                    content=case,
                    details={"codes": [m.code for m in case.materials if m.verdict]},
                )
                wanted = "save" if wanted == "save" else "propose"
    except Refusal as refusal:
        if refusal.status != 422:
            raise
        session.expire_all()
        return _page(load_or_404(Case, uid, access.VIEW_FULL), refusal=refusal), 422
    if wanted == "propose":
        flash(_("核对结果已存。下面列好了要一次告知的内容，看过后发出。"), "warning")
        return redirect(url_for("cases.materials", uid=uid) + "#notice", 303)
    flash(
        {"save": _("核对结果已存。"), "notice": _("已一次性告知，办理时限暂停，等申请人补齐。")}.get(
            wanted, _("%(n)s 已审核。", n=case.number)
        ),
        "success",
    )
    if wanted == "save" or not _still_visible(case):
        return redirect(url_for("cases.materials", uid=uid) if wanted == "save" else url_for("desk.index"), 303)
    return redirect(url_for("content.show", uid=uid), 303)


@bp.post("/cases/<uid>/materials/received")
@login_required
def receive(uid: str) -> ResponseReturnValue:
    """What was brought to the counter since: ticks, originals and sheets."""
    case, session, actor = load_or_404(Case, uid, access.VIEW_FULL), db_session(), current_actor()
    lines = []
    for slot in case.materials:
        brought = bool(request.form.get(f"got-{slot.code}"))
        original = request.form.get(f"form-{slot.code}") == "original"
        sheets = request.form.get(f"sheets-{slot.code}") or 1
        if brought != slot.provided or (
            brought and (original != slot.original_held or str(sheets) != str(slot.sheets))
        ):
            lines.append({"code": slot.code, "provided": brought, "original": original, "sheets": sheets})
    try:
        with session.begin_nested():
            changed = materials.provide(session, case, actor, lines)
    except InvalidInput as refusal:
        session.expire_all()
        return _page(load_or_404(Case, uid, access.VIEW_FULL), refusal=refusal), 422
    flash(
        _("已登记 %(n)d 份材料的变化。", n=len(changed)) if changed else _("没有变化。"),
        "success" if changed else "info",
    )
    return redirect(url_for("cases.materials", uid=uid), 303)


@bp.post("/cases/<uid>/materials/<code>/files")
@login_required
def upload(uid: str, code: str) -> ResponseReturnValue:
    """Scans and photos into the slot of one material."""
    case, session, actor = load_or_404(Case, uid), db_session(), current_actor()
    slot = next((m for m in case.materials if m.code == code), None)
    if slot is None or not access.may(actor, "attach", case, session):
        raise NotFound()
    found = uploaded("file")[:MAX_FILES]
    try:
        if not found:
            raise InvalidInput(
                _("还没有为“%(name)s”选文件。请选照片或 PDF 后再上传。", name=slot.name),
                {f"file-{code}": _("请先选文件")},
            )
        with session.begin_nested():
            for one in found:
                files.store_document(session, case, actor, one.read(), one.filename or "", "material", material=slot)
            _filled(case, slot)
    except InvalidInput as refusal:
        session.expire_all()
        return _page(
            load_or_404(Case, uid, access.VIEW_FULL),
            refusal=InvalidInput(refusal.detail, {f"file-{code}": refusal.detail}),
        ), 422
    flash(_("“%(name)s”已上传 %(n)d 个文件。", name=slot.name, n=len(found)), "success")
    back = request.form.get("back", "")
    return redirect(back if back.startswith("/apply/") else url_for("cases.materials", uid=uid) + f"#m-{code}", 303)


def _filled(case: Case, slot: Material) -> None:
    """A new file answers the old verdict: the slot is looked at again."""
    session = db_session()
    materials.note_uploads(session, case)
    slot.verdict, slot.defect, slot.checked_by_id, slot.checked_at = "", "", None, None
    journal.record(session, "document:add", current_actor(), content=case, details={"material": slot.code})


def _ticks(case: Case) -> list[dict[str, Any]]:
    return [
        {
            "code": m.code,
            "verdict": request.form[f"verdict-{m.code}"],
            "defect": request.form.get(f"defect-{m.code}", ""),
        }
        for m in case.materials
        if request.form.get(f"verdict-{m.code}")
    ]


def _version() -> int | None:
    value = request.form.get("version", "")
    return int(value) if value.isascii() and value.isdigit() else None


def _still_visible(case: Case) -> bool:
    return (
        db.session.scalar(access.visible(select(Content.id).where(Content.id == case.id), current_actor())) is not None
    )


def _named(case: Case) -> str:
    """What a notice made now would name, to see whether the text on the page is still about it."""
    return "|".join(f"{slot.code}={why}" for slot, why in materials.defects(case))


# Where a paper comes from that nobody brought for this case, in two or three words; the sentence stands beside them.
SOURCES = {
    "record": N_("以前交过"),
    "shared": N_("数据共享"),
    "visit": N_("同次来访"),
    "fax": N_("传真"),
    "upload": N_("网上上传"),
    "post": N_("邮寄"),
    "courier": N_("快递或跑腿工"),
    "commit": N_("承诺代替"),
}


def source_of(case: Case, slot: Material) -> str:
    """How the paper got here, for whoever has to judge it."""
    if slot.source:
        return "：".join(part for part in (_(SOURCES.get(slot.source, slot.source)), slot.source_words or "") if part)
    if case.channel in SELF_FILED:
        return _("本人网上上传")
    return _("窗口当面收取") if case.channel.startswith("window_") else _("随申报收取")


def _size(size: int) -> str:
    return f"{size / 1024 / 1024:.1f} MB" if size >= 1024 * 1024 else f"{max(1, round(size / 1024))} KB"


def _documents(case: Case) -> Any:
    return (
        select(Document)
        .where(Document.content_id == case.id)
        .options(joinedload(Document.uploaded_by))
        .order_by(Document.id)
    )


def files_of(case: Case) -> dict[int | None, list[Any]]:
    found: dict[int | None, list[Any]] = defaultdict(list)
    for d in db_session().scalars(_documents(case)):
        found[d.material_id].append(
            SimpleNamespace(
                url=url_for("content.document", uid=case.uid, document_uid=d.uid),
                name=d.filename,
                kind=d.media_type.rpartition("/")[2].upper(),
                size=_size(d.size),
                hash=d.sha256[:12],
                when=present.moment(d.created_at),
                who=d.uploaded_by.name if d.uploaded_by else "",
                thumb=url_for("content.thumbnail", uid=case.uid, document_uid=d.uid, part="thumbnail")
                if d.thumbnail_key
                else None,
                image=d.media_type.startswith("image/"),
            )
        )
    return found


def _page(case: Case, *, refusal: Refusal | None = None) -> str:
    session, actor = db_session(), current_actor()
    kept, allowed = files_of(case), engine.available(case, actor)
    ids = {t.id for t in allowed}
    errors = {name: message for name, message in (refusal.errors if refusal else {}).items()}
    posted = request.method == "POST" and refusal is not None
    # The service names lines by their index among the ticked ones; the page shows them beside the slot.
    ticked = [line["code"] for line in _ticks(case)] if posted else []
    found = materials.defects(case)
    missing, owed = {m.code for m, _why in found}, {m.code for m in materials.owed(case)}
    when = {m.id: m.when for m in record_of(case.item).materials}
    rows = []
    for m in case.materials:
        index = ticked.index(m.code) if m.code in ticked else -1
        wrong = (
            errors.get(f"file-{m.code}")
            or errors.get(f"materials.{m.code}")
            or next((text for name, text in errors.items() if name.startswith(f"materials[{index}]")), "")
        )
        holder = m.holder_person.name if m.holder_person else m.holder_unit.name if m.holder_unit else ""
        verdict = request.form.get(f"verdict-{m.code}", m.verdict) if posted else m.verdict
        rows.append(
            SimpleNamespace(
                code=m.code,
                name=m.name,
                critical=m.critical,
                form_word=str(FORM_WORDS.get(m.form, "")),
                form=m.form,
                provided=m.provided or bool(kept.get(m.id)),
                sheets=m.sheets or 1,
                original=m.original_held,
                holder=holder if m.original_held else "",
                verdict=verdict,
                when=when.get(m.code, ""),
                source=source_of(case, m) if m.provided else "",
                missing=m.code in missing,
                owed=m.code in owed,
                files=kept.get(m.id, []),
                wrong=wrong,
                defect=request.form.get(f"defect-{m.code}", m.defect) if posted else m.defect,
                checked=_("%(who)s %(when)s 核对", who=m.checked_by.name, when=present.moment(m.checked_at))
                if m.checked_by
                else "",
            )
        )
    definition = library.of(case, session)
    return render_template(
        "cases/materials.html",
        case=case,
        rows=rows,
        state=present.state_view(definition.states[case.state]),
        steps=timeline.way(session, case, definition),
        may_tick=bool(ids & set(TICKING)),
        may_review=bool(ids & {"review", "review_again"}),
        again="review_again" in ids,
        given_back=inside.reason(session, case)
        if inside.asked(case) and access.may(actor, "internal", case, session)
        else None,
        may_ask="supplement_needed" in ids,
        may_attach=access.may(actor, "attach", case, session),
        others=kept.get(None, []),
        may_receive=actor.unit_id is not None and any(access.may(actor, p, case, session) for p in ("edit", "attach")),
        taken_over=[questions(case).get(name, name) for name in case.values.get(FROM_RECORD, ())],
        defects=found,
        named=_named(case),
        told=bool(materials.notices(case)),
        comment=request.form.get("comment")
        if posted and "comment" in request.form
        else papers_letters.notice_text(case, found)
        if found
        else "",
        opinion=request.form.get("opinion", ""),
        problem=refusal.detail if refusal else "",
        actions=[
            SimpleNamespace(label=present.title_of(t), url=url_of(case, t), primary=t.primary)
            for t in allowed
            if t.id not in TICKING
        ],
    )
