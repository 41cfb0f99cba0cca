"""The page of one thing, whatever its type: look, act, write, attach, read the history."""

from __future__ import annotations

from flask import Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import get_locale
from flask_babel import gettext as _
from flask_login import login_required
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from blueprints import present, timeline
from blueprints.content import actions as buttons
from blueprints.content.bp import bp
from blueprints.content.facts import questions
from blueprints.content.page import page_of
from blueprints.context import current_actor, db_session, for_whom, load_for_step, load_or_404
from blueprints.dynamic_forms import is_mendable, posted, show_refusal, uploaded
from blueprints.generic import forms as type_forms
from extensions import db
from models.base import now
from models.content import Content
from models.paper import Document
from process import access, clock, engine, field_access, journal
from process.drawing import draw
from process.field_rules import HIDDEN
from process.hop_bar import draw_hops
from process.inputs import clean_text
from process.library import library
from process.refusals import InvalidInput, NotFound, Refusal
from services import actions, editing, field_choices, files, notes, visits


@bp.get("/<uid>")
@login_required
def show(uid: str) -> ResponseReturnValue:
    return page_of(load_or_404(Content, uid))


@bp.route("/<uid>/do/<transition>", methods=["GET", "POST"])
@login_required
def do(uid: str, transition: str) -> ResponseReturnValue:
    """One step: its form, and firing it."""
    content, session, actor = load_for_step(Content, uid, transition), db_session(), current_actor()
    known = library.of(content, session).transitions.get(transition)
    if known is None:
        raise NotFound()
    form = buttons.form_for(session, content, known, actor)
    if request.method == "GET":
        if (content.type, transition) in buttons.FEATURE_PAGES:
            return redirect(buttons.url_of(content, known), 303)
        joint = buttons.JOINT_PAGES.get((content.type, transition))
        if joint is not None and "on_behalf_of" not in request.args and (page := joint(session, content, actor)):
            return redirect(page[1], 303)
        allowed = known in engine.available(content, actor)
        if allowed and not known.inputs:
            return redirect(url_for("content.show", uid=uid) + f"#act-{transition}", 303)
        return render_template(
            "content/do.html",
            content=content,
            transition=known,
            form=form,
            allowed=allowed,
            title=present.title_of(known),
            standing=buttons.in_whose_name(session, content, known, actor),
        ), 200 if allowed else 409
    inputs = posted(form)
    try:
        with session.begin_nested():
            for spec in known.inputs:
                if spec.kind == "photos":
                    inputs[spec.name] = [
                        files.store_document(session, content, actor, f.read(), f.filename or "", "photo").uid
                        for f in uploaded(spec.name)
                    ]
            actions.perform(content, transition, actor, inputs, expected_version=_version(), on_behalf_of=for_whom())
    except Refusal as refusal:
        session.expire_all()
        if not is_mendable(refusal):
            raise
        if not known.inputs:
            return page_of(load_or_404(Content, uid), failed=(transition, None, refusal))
        show_refusal(form, refusal)
        if all(spec.kind in buttons.SIMPLE_KINDS for spec in known.inputs):
            return page_of(load_or_404(Content, uid), failed=(transition, form, refusal))
        return render_template(
            "content/do.html",
            content=content,
            transition=known,
            form=form,
            allowed=True,
            title=present.title_of(known),
            standing=buttons.in_whose_name(session, content, known, actor),
        ), 422
    flash(
        _("%(number)s：%(what)s，已办好。", number=content.number or content.title, what=present.title_of(known)),
        "success",
    )
    # Whoever just gave the thing away may no longer see it.
    if db.session.scalar(access.visible(select(Content.id).where(Content.id == content.id), actor)) is None:
        return redirect(url_for("desk.index"), 303)
    return redirect(url_for("content.show", uid=uid), 303)


def _version() -> int | None:
    value = request.form.get("version", "")
    return int(value) if value.isdecimal() and len(value) < 10 else None


@bp.route("/<uid>/edit", methods=["GET", "POST"])
@login_required
def edit(uid: str) -> ResponseReturnValue:
    """The fields of a type without Python, to be mended; types with Python are mended where they are worked on."""
    content, session, actor = load_or_404(Content, uid), db_session(), current_actor()
    kind = library.type(content.type)
    if not kind.generic or not access.may(actor, "edit", content, session):
        raise NotFound()
    rights = field_access.rights(session, content, actor)
    form = type_forms.edit_form(kind, field_choices.for_type(session, actor, kind), content, rights)
    if request.method == "POST":
        changes = type_forms.changed(form, kind, content, rights)
        try:
            with session.begin_nested():
                if changes:
                    editing.edit(session, content, actor, changes, expected_version=_version() or 0)
        except Refusal as refusal:
            if not is_mendable(refusal):
                raise
            session.expire_all()
            type_forms.show_errors(form, refusal)
        else:
            flash(_("修改已保存。") if changes else _("没有改动。"), "success")
            return redirect(url_for("content.show", uid=uid), 303)
    return render_template(
        "content/edit.html",
        content=content,
        form=form,
        number=present.number_of(content),
        kind=present.title_of(kind),
    ), 422 if request.method == "POST" else 200


@bp.get("/<uid>/history")
@login_required
def history(uid: str) -> ResponseReturnValue:
    """Who, for whom, what, when — and the drawing of the process with the way it took."""
    content, session, actor = load_or_404(Content, uid), db_session(), current_actor()
    definition = library.of(content, session)
    full = access.may(actor, access.VIEW_FULL, content, session)
    rows = session.scalars(
        select(journal.JournalEntry)
        .where(journal.JournalEntry.content_id == content.id, journal.JournalEntry.to_state.is_not(None))
        .options(joinedload(journal.JournalEntry.person))
        .order_by(journal.JournalEntry.id)
    ).all()
    taken = {"locale": str(get_locale()), "visited": [r.to_state for r in rows if r.to_state], "current": content.state}
    return render_template(
        "content/history.html",
        content=content,
        definition=definition,
        drawing=draw(definition, **taken),
        drawing_for_phone=draw(definition, **taken, vertical=True),
        explanation=clock.explain(session, content, definition, locale=str(get_locale()), full=full),
        days_drawing=clock.picture(session, content, definition, locale=str(get_locale()), full=full),
        hops_drawing=draw_hops(clock.hops(session, content), str(get_locale())),
        state=present.state_view(definition.states[content.state]),
        entries=timeline.entries(session, content, actor, limit=500),
        number=present.number_of(content),
    )


@bp.post("/<uid>/notes")
@login_required
def note(uid: str) -> ResponseReturnValue:
    content, session, actor = load_or_404(Content, uid), db_session(), current_actor()
    audience = {"message": "resident", "unit": "unit"}.get(request.form.get("kind", ""), "internal")
    notes.add(session, content, actor, audience=audience, text=request.form.get("text", ""))
    return redirect(url_for("content.show", uid=uid) + "#thread", 303)


@bp.post("/<uid>/documents")
@login_required
def attach(uid: str) -> ResponseReturnValue:
    content, session, actor = load_or_404(Content, uid), db_session(), current_actor()
    if not access.may(actor, "attach", content, session):
        raise NotFound()
    found = uploaded("file")
    if not found:
        raise InvalidInput(_("还没有选文件。请选择照片或 PDF 后再上传。"), {"file": _("请选择文件")})
    for file in found[:20]:
        kept = files.store_document(session, content, actor, file.read(), file.filename or "", "attachment")
        details = {"document": kept.uid, "purpose": kept.purpose}
        journal.record(session, "document:add", actor, content=content, details=details)
    flash(_("已上传 %(n)d 个文件。", n=len(found[:20])), "success")
    return redirect(url_for("content.show", uid=uid), 303)


@bp.get("/<uid>/documents/<document_uid>")
@bp.get("/<uid>/documents/<document_uid>/<any(thumbnail):part>", endpoint="thumbnail")
@login_required
def document(uid: str, document_uid: str, part: str = "") -> ResponseReturnValue:
    """A stored file, to people who may see the contents of its thing."""
    content = load_or_404(Content, uid, access.VIEW_FULL)
    found = db.session.scalar(select(Document).where(Document.uid == document_uid, Document.content_id == content.id))
    if found is None:
        raise NotFound()
    key = found.thumbnail_key if part and found.thumbnail_key else found.storage_key
    response = Response(
        files.store().read(key), mimetype="image/jpeg" if part and found.thumbnail_key else found.media_type
    )
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    shown = found.media_type.startswith("image/")
    response.headers.set("Content-Disposition", "inline" if shown else "attachment", filename=found.filename)
    return response


@bp.route("/<uid>/reveal", methods=["GET", "POST"])
@login_required
def reveal(uid: str) -> ResponseReturnValue:
    """Personal data in full, for a reason that is written into the journal."""
    content, session, actor = load_or_404(Content, uid, access.VIEW_FULL), db_session(), current_actor()
    if content.applicant is None and not content.private:
        raise NotFound()
    problem = None
    if request.method == "POST":
        try:
            reason = clean_text(request.form.get("reason", ""), 200)
        except ValueError as error:
            reason, problem = "", str(error)
        if reason:
            journal.record(session, "personal:reveal", actor, content=content, comment=reason, at=now())
            rights = field_access.rights(session, content, actor, full=True)
            barred = frozenset(name for name, right in rights.items() if right == HIDDEN)
            return render_template(
                "content/reveal.html",
                content=content,
                person=None if "applicant" in barred else content.applicant,
                full=True,
                private=private_facts(content, visits.hidden(session, content, actor) | barred),
            )
        problem = problem or _("请写明为什么要看完整信息，例如“电话通知补材料”。")
    return render_template(
        "content/reveal.html", content=content, person=content.applicant, full=False, problem=problem
    ), 422 if problem else 200


def private_facts(content: Content, hidden: frozenset[str]) -> list[tuple[str, str]]:
    titles = questions(content)
    return [
        (titles.get(name, name), str(value))
        for name, value in (content.private or {}).items()
        if name not in hidden and isinstance(value, (str, int)) and value != ""
    ]
