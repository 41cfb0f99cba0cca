"""The page of one thing: what it is, who has it, what may be done, what it waits for, and the thread below."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from flask import render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import get_locale
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from blueprints import present, timeline
from blueprints.content import actions as buttons
from blueprints.content import office
from blueprints.content.matter import matter
from blueprints.content.waiting import waiting
from blueprints.context import current_actor, db_session
from blueprints.dynamic_forms import label_of
from blueprints.exchange.tickets import elsewhere
from models.case import Case
from models.content import Content
from process import access, clock, engine
from process.access import Actor
from process.library import library
from process.refusals import Refusal
from process.words import N_
from services import inside, jurisdiction
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


def page_of(
    content: Content,
    *,
    failed: tuple[str, Any, Refusal] | None = None,
    opinion: tuple[str, str, Refusal] | None = None,
) -> ResponseReturnValue:
    """The page; `failed` or `opinion` is what was just refused, shown where it was typed."""
    session, actor = db_session(), current_actor()
    definition = library.of(content, session)
    full = access.may(actor, access.VIEW_FULL, content, session)
    insider = access.may(actor, "internal", content, session)
    acts = _acts(session, content, actor, failed)
    errors = failed[2] if failed is not None else None
    deadline = present.deadline_view(session, content, definition, explain=True, full=full)
    holder = elsewhere(session, content) or _holder(session, content, insider)
    html = render_template(
        "content/show.html",
        thing=_thing(session, content, actor),
        steps=timeline.way(session, content, definition),
        applicant=present.applicant_view(content, actor, session),
        **matter(session, content, actor, full),
        holder=holder,
        ended=_("%(who)s，%(when)s", who=holder.name, when=present.moment(content.closed_at))
        if content.closed_at is not None and holder
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
        **_thread(session, content, actor, full, insider),
    )
    refused = errors or (opinion[2] if opinion else None)
    return (html, refused.status) if refused is not None else html


def _acts(
    session: Session, content: Content, actor: Actor, failed: tuple[str, Any, Refusal] | None
) -> list[SimpleNamespace]:
    """The buttons; the one that was just refused stands open with what was typed."""
    acts = [
        *buttons.buttons(session, content, engine.available(content, actor), actor),
        *buttons.links(session, content, actor),
    ]
    for act in acts:
        if failed is not None and act.id == failed[0]:
            act.form, act.open = failed[1] or act.form, True
    return acts


def _holder(session: Session, content: Content, insider: bool) -> SimpleNamespace | None:
    """Who has it and since when; what goes on inside an agency shows outside as with whoever had it before."""
    keeper = inside.shown_holder(session, content) if isinstance(content, Case) and not insider else content.assignee
    if not content.unit and not keeper:
        return None
    return SimpleNamespace(
        name=keeper.name if keeper else (content.unit.name if content.unit else ""),
        unit=content.unit.name if content.unit and keeper else "",
        phone=(content.unit.details or {}).get("phone") if content.unit else "",
        since=_("自 %(when)s", when=present.moment(content.entered_at)),
    )


def _thing(session: Session, content: Content, actor: Actor) -> SimpleNamespace:
    """The head of the page: name, number, state, and the ways to what lies beside it."""
    content_type = library.type(content.type)
    crumbs = [present.Link(_("我的工作台"), url_for("desk.index"))]
    if content_type.generic:
        crumbs.append(present.Link(present.title_of(content_type), url_for("generic.listed", type_id=content_type.id)))
    archived = isinstance(content, Case) and shelf.may_archive(session, actor, content)
    looks_on = jurisdiction.of(actor).covers(content.place_path) or actor.holds("supervisor", content.place_path)
    edits = content_type.generic and access.may(actor, "edit", content, session)
    return SimpleNamespace(
        number=present.number_of(content),
        kind=present.title_of(content_type),
        title=content.title,
        state=present.state_view(library.of(content, session).states[content.state]),
        version=content.version,
        crumbs=crumbs,
        archive_url=url_for("archive.case", uid=content.uid) if archived else None,
        uid=content.uid,
        why_url=url_for("access.why", uid=content.uid) if looks_on else None,
        draft_key=content.number or content.uid,
        illustrative=content_type.illustrative,
        what=label_of(content_type.description),
        notes=[_(note) for note in content_type.notes] if "system_admin" in actor.roles else [],
        edit_url=url_for("content.edit", uid=content.uid) if edits else None,
    )


def _thread(session: Session, content: Content, actor: Actor, full: bool, insider: bool) -> dict[str, Any]:
    """来往与经过: what was said and done, what to show of it, and where to write."""
    kind = request.args.get("show", "")
    attaches = access.may(actor, "attach", content, session)
    return {
        "entries": timeline.entries(session, content, actor, kind=kind if kind in dict(FILTERS) else ""),
        "entry_filters": [
            SimpleNamespace(
                label=_(label),
                url=url_for("content.show", uid=content.uid, show=key or None) + "#thread",
                active=kind == key,
            )
            for key, label in FILTERS
            if key != "note" or insider
        ],
        "history_url": url_for("content.history", uid=content.uid),
        "attach_url": url_for("content.attach", uid=content.uid) if attaches else None,
        "compose": _composer(content, actor, full, insider),
    }


def _composer(content: Content, actor: Actor, full: bool, insider: bool) -> SimpleNamespace | None:
    own = actor.resident_id is not None and actor.resident_id == content.applicant_id
    # Nobody waits for what has no applicant: there is nobody to write to, only colleagues.
    can_message = (full or own) and content.applicant_id is not None and content.type != SUB_TICKET
    if not can_message and not insider:
        return None
    return SimpleNamespace(
        url=url_for("content.note", uid=content.uid),
        can_message=can_message,
        can_note=insider,
        own=own,
        contact_url=url_for("messages.contact", uid=content.uid)
        if full and insider and content.applicant is not None
        else None,
        # Where two agencies write in one thread, a line may be for one of them only.
        two_ends=insider and any(p.until is None for p in content.places),
    )
