"""One box for everything: things, people, places, items and pages, each only as far as the asker's own rights go."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required
from sqlalchemy.orm import Session, joinedload

from blueprints import present
from blueprints.context import current_actor, db_session
from blueprints.lists.bp import bp
from blueprints.lists.tools import address, shown_query
from blueprints.navigation import navigation
from models.base import now
from models.content import Content, every_kind
from process import engine, guards, pages
from process.access import Actor
from process.library import library
from process.masking import mask_name
from services import generic, lists, name_readings, search, seeking
from services.imports import KINDS
from services.office import full_name

LIMIT = 50
FEW = 8
ITEM = "service_item"


@bp.post("/find")
@login_required
def find() -> ResponseReturnValue:
    """Where the box leads: what was typed goes on in the address, a whole ID or phone number never does."""
    words = " ".join(request.form.get("q", "").split())[: search.MAX_LENGTH]
    return redirect(url_for("desk.search", q=search.for_address(words) or None), 303)


@bp.post("/sift/<key>")
@login_required
def sift(key: str) -> ResponseReturnValue:
    """The filter form of a list: its address carries the conditions, but no whole ID or phone number."""
    kind = lists.kind_of(key)
    query = lists.cleaned(kind, request.form)
    kept = request.form.get("kept_q", "")
    if not query.get("q") and search.is_token(kept) and request.form.get("drop_q") != "1":
        query["q"] = kept
    if query.get("q"):
        query["q"] = search.for_address(query["q"])
    return redirect(address(kind, query, **({} if query else {"whole": 1})), 303)


def page(q: str) -> ResponseReturnValue:
    """The results, group by group."""
    session, actor = db_session(), current_actor()
    if search.looks_personal(q):
        # Somebody wrote the number into the address; what follows no longer carries it.
        return redirect(url_for("desk.search", q=search.for_address(q)), 302)
    personal = search.is_token(q)
    found, cut = _things(session, actor, q) if q else ([], 0)
    words = "" if personal else q
    groups = [
        SimpleNamespace(id="people", title=_("人"), icon="person", rows=_people(session, actor, q) if q else []),
        SimpleNamespace(id="items", title=_("事项"), icon="catalogue", rows=_items(session, actor, words)),
        SimpleNamespace(id="places", title=_("单位和网格"), icon="grid", rows=_places(session, actor, words)),
        SimpleNamespace(id="pages", title=_("页面和办理"), icon="menu", rows=_pages(actor, words)),
    ]
    return render_template(
        "desk/search.html",
        q=shown_query(q),
        personal=personal,
        asked=bool(q),
        rows=found,
        groups=[group for group in groups if group.rows],
        cut=cut,
        short=bool(words) and search.too_short(words),
    )


def _things(session: Session, actor: Actor, q: str) -> tuple[list[present.Row], int]:
    """The newest that match, in the order of the desk; and how many there are at most when there are more."""
    hits = search.find(session, actor, q, search.Limits(conditions=(Content.type != ITEM,)), most=LIMIT + 1)
    cut = LIMIT if len(hits) > LIMIT else 0
    hits = sorted(hits, key=lambda hit: -hit.id)[:LIMIT]
    entity = every_kind()
    keys = [pages.Key(0, now(), hit.id) for hit in hits]
    found = pages.load(session, actor, keys, present.list_options(entity), entity)
    guards.prefetch(session, found)
    # What still waits comes first, among equals the newest.
    found.sort(key=lambda content: (content.closed_at is not None, -content.id))
    return [present.row(session, content, actor, engine.available(content, actor)) for content in found], cut


def _people(session: Session, actor: Actor, q: str) -> list[Any]:
    return [
        SimpleNamespace(
            label=mask_name(one.name),
            hint=full_name(one.grid or one.community) if one.grid or one.community else "",
            url=url_for("desk.search", q=f"~i{one.id_index}"),
            what=_("看其办件"),
        )
        for one in seeking.people(session, actor, q, FEW)
    ]


def _items(session: Session, actor: Actor, words: str) -> list[Any]:
    if not words:
        return []
    hits = search.find(session, actor, words, search.Limits(types=frozenset({ITEM})), most=FEW)
    keys = [pages.Key(0, now(), hit.id) for hit in hits]
    found = pages.load(session, actor, keys, [joinedload(every_kind().place)], every_kind())
    return [
        SimpleNamespace(label=one.title, hint="", url=url_for("content.show", uid=one.uid), what=_("看办事指南"))
        for one in found
    ]


def _places(session: Session, actor: Actor, words: str) -> list[Any]:
    if actor.resident_id is not None or not any(p.url == url_for("places.index") for p in navigation(actor)):
        return []
    return [
        SimpleNamespace(
            label=full_name(one), hint="", url=url_for("places.show", place_id=one.id), what=_("看这个单位")
        )
        for one in seeking.places(session, words, FEW)
    ]


def _pages(actor: Actor, words: str) -> list[Any]:
    """The places of the rail and what this person may begin, by their names."""
    if not words:
        return []
    meant = words.casefold()
    found = [
        SimpleNamespace(label=place.label, hint="", url=place.url, what=_("打开"))
        for place in navigation(actor)
        if meant in place.label.casefold()
    ]
    found += [
        SimpleNamespace(label=label, hint="", url=url_for(endpoint), what=_("打开"))
        for label, endpoint, may in (
            (_("从 Excel 导入"), "lists.importing", any(kind.may(actor) for kind in KINDS.values())),
            (_("姓名读音"), "lists.readings", name_readings.may_edit(actor)),
            (_("我的导出"), "lists.exported", actor.resident_id is None),
        )
        if may and meant in label.casefold()
    ]
    for kind in library.types.values():
        title = present.title_of(kind)
        if kind.generic and meant in title.casefold() and generic.may_start(actor, kind):
            found.append(
                SimpleNamespace(
                    label=_("新建：%(what)s", what=title),
                    hint="",
                    url=url_for("generic.new", type_id=kind.id),
                    what=_("填写"),
                )
            )
    return found[:FEW]
