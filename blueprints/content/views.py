"""The page of one thing, whatever its type: look, act, write, attach, read the history."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from flask import Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import get_locale
from flask_babel import gettext as _
from flask_login import login_required
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from blueprints import present, timeline
from blueprints.content import actions as buttons
from blueprints.content import office
from blueprints.content.bp import bp
from blueprints.content.facts import questions
from blueprints.content.matter import matter
from blueprints.content.waiting import waiting
from blueprints.context import current_actor, db_session, for_whom, load_for_step, load_or_404
from blueprints.dynamic_forms import is_mendable, label_of, posted, show_refusal, uploaded
from blueprints.exchange.tickets import elsewhere
from blueprints.generic import forms as type_forms
from extensions import db
from models.base import now
from models.case import Case
from models.content import Content
from models.paper import Document
from process import access, clock, engine, field_access, journal
from process.drawing import draw
from process.field_rules import HIDDEN
from process.hop_bar import draw_hops
from process.inputs import clean_text
from process.library import library
from process.refusals import InvalidInput, NotFound, Refusal
from process.words import N_
from services import actions, editing, field_choices, files, inside, jurisdiction, notes, visits
from services.archive import shelf

# What the agencies settle between them; the resident reads the ticket above it.
SUB_TICKET = "sub_delegation"
FILTERS = (
    ("", N_("全部")),
    ("move", N_("办理")),
    ("message", N_("留言")),
    ("note", N_("内部备注")),
    ("document", N_("文件")),
    ("paper", N_("文书")),
)


@bp.get("/<uid>")
@login_required
def show(uid: str) -> ResponseReturnValue:
    return page_of(load_or_404(Content, uid))


def page_of(
    content: Content,
    *,
    failed: tuple[str, Any, Refusal] | None = None,
    opinion: tuple[str, str, Refusal] | None = None,
) -> ResponseReturnValue:
    """The page; `failed` or `opinion` is what was just refused, shown where it was typed."""
    session, actor = db_session(), current_actor()
    definition = library.of(content, session)
    state = definition.states[content.state]
    content_type = library.type(content.type)
    full = access.may(actor, access.VIEW_FULL, content, session)
    acts = [
        *buttons.buttons(session, content, engine.available(content, actor), actor),
        *buttons.links(session, content, actor),
    ]
    errors = None
    if failed is not None:
        errors = failed[2]
        for act in acts:
            if act.id == failed[0]:
                act.form, act.open = failed[1] or act.form, True
    kind = request.args.get("show", "")
    deadline = present.deadline_view(session, content, definition, explain=True, full=full)
    insider = access.may(actor, "internal", content, session)
    keeper = inside.shown_holder(session, content) if isinstance(content, Case) and not insider else content.assignee
    holder = (
        SimpleNamespace(
            name=keeper.name if keeper else (content.unit.name if content.unit else ""),
            unit=content.unit.name if content.unit and keeper else "",
            phone=(content.unit.details or {}).get("phone") if content.unit else "",
            since=_("自 %(when)s", when=present.moment(content.entered_at)),
        )
        if content.unit or keeper
        else None
    )
    holder = elsewhere(session, content) or holder
    ended = content.closed_at is not None
    own = actor.resident_id is not None and actor.resident_id == content.applicant_id
    thing = SimpleNamespace(
        number=present.number_of(content),
        kind=present.title_of(content_type),
        title=content.title,
        state=present.state_view(state),
        version=content.version,
        crumbs=[
            present.Link(_("我的工作台"), url_for("desk.index")),
            *(
                [present.Link(present.title_of(content_type), url_for("generic.listed", type_id=content_type.id))]
                if content_type.generic
                else []
            ),
        ],
        print_url=None,
        archive_url=url_for("archive.case", uid=content.uid)
        if isinstance(content, Case) and shelf.may_archive(session, actor, content)
        else None,
        uid=content.uid,
        why_url=url_for("access.why", uid=content.uid)
        if jurisdiction.of(actor).covers(content.place_path) or actor.holds("supervisor", content.place_path)
        else None,
        draft_key=content.number or content.uid,
        illustrative=content_type.illustrative,
        what=label_of(content_type.description),
        notes=[_(note) for note in content_type.notes] if "system_admin" in actor.roles else [],
        edit_url=url_for("content.edit", uid=content.uid)
        if content_type.generic and access.may(actor, "edit", content, session)
        else None,
    )
    html = render_template(
        "content/show.html",
        thing=thing,
        steps=timeline.way(session, content, definition),
        applicant=present.applicant_view(content, actor, session),
        **matter(session, content, actor, full),
        holder=holder,
        ended=_("%(who)s，%(when)s", who=holder.name, when=present.moment(content.closed_at))
        if ended and holder
        else "",
        deadline=deadline,
        days_drawing=clock.picture(session, content, definition, locale=str(get_locale()), full=full)
        if deadline
        else None,
        actions=acts,
        office=office.verbs(content, actor),
        opinions=office.opinions(session, content, actor, full),
        copies=office.told(content),
        opinion_failed=opinion,
        blocked=waiting(session, content, actor, {act.id for act in acts}),
        problem=errors,
        entries=timeline.entries(session, content, actor, kind=kind if kind in dict(FILTERS) else ""),
        entry_filters=[
            SimpleNamespace(
                label=_(label),
                url=url_for("content.show", uid=content.uid, show=key or None) + "#thread",
                active=kind == key,
            )
            for key, label in FILTERS
            if key != "note" or insider
        ],
        history_url=url_for("content.history", uid=content.uid),
        attach_url=_attach_url(content, actor),
        compose=SimpleNamespace(
            url=url_for("content.note", uid=content.uid),
            can_message=(full or own) and content.type != SUB_TICKET,
            can_note=insider,
            own=own,
            contact_url=url_for("messages.contact", uid=content.uid)
            if full and insider and content.applicant is not None
            else None,
            # Where two agencies write in one thread, a line may be for one of them only.
            two_ends=insider and any(p.until is None for p in content.places),
        )
        if (full or own or insider)
        else None,
    )
    refused = errors or (opinion[2] if opinion else None)
    return (html, refused.status) if refused is not None else html


def _attach_url(content: Content, actor: access.Actor) -> str | None:
    return url_for("content.attach", uid=content.uid) if access.may(actor, "attach", content, db_session()) else None


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
