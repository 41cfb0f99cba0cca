"""The line of tools above a list: saved filters, save, print, Excel; and the filter a list opens with."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from flask import g, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from blueprints import present
from blueprints.context import current_actor, db_session
from blueprints.lists.bp import bp
from models.base import now
from process.access import Actor
from services import lists, saved_filters, search
from services.lists import ListKind

# Said in the address by a link that wants the whole list although another filter is the usual one.
WHOLE = "whole"


def here() -> ListKind | None:
    """The list that the page of this request shows."""
    return lists.of_page(request.endpoint, request.view_args or {})


def address(kind: ListKind, query: dict[str, str] | None = None, **more: Any) -> str:
    return url_for(kind.endpoint, **kind.address, **(query or {}), **more)


@bp.before_app_request
def open_with_default() -> ResponseReturnValue | None:
    """A list asked for without conditions opens with the filter its reader has chosen for that."""
    if request.method != "GET" or request.args or g.get("no_page_context"):
        return None
    kind = here()
    actor = current_actor() if kind is not None else None
    if kind is None or actor is None or actor.person_id is None:
        return None
    usual = saved_filters.default(db_session(), actor, kind.key)
    query = lists.cleaned(kind, usual.query) if usual is not None else {}
    return redirect(address(kind, query), 302) if query else None


@bp.app_context_processor
def offer() -> dict[str, Any]:
    """`list_tools()` for the templates of lists; it asks the database only where it is drawn."""
    return (
        {}
        if g.get("no_page_context") or request.blueprint == "api"
        else {"list_tools": list_tools, "shown_query": shown_query}
    )


def shown_query(words: str) -> str:
    """What stands in the box of words: never the number that was looked for."""
    return "" if search.is_token(words) or search.looks_personal(words) else words


def list_tools() -> Any:
    """Everything the line of tools shows; None for a page that shows none of the lists, and for residents."""
    kind, actor = here(), current_actor()
    if kind is None or actor.person_id is None or actor.resident_id is not None:
        return None
    session = db_session()
    query = lists.cleaned(kind, request.args)
    saved = saved_filters.of_list(session, actor, kind.key)
    usual = saved_filters.default(session, actor, kind.key)
    personal = search.is_token(query.get("q", "")) or search.looks_personal(query.get("q", ""))
    return SimpleNamespace(
        key=kind.key,
        query=query,
        words=lists.in_words(session, actor, kind, query),
        saved=[_saved(kind, one, query, actor) for one in saved],
        usual=usual.name if usual is not None and lists.cleaned(kind, usual.query) == query else "",
        newest=search.MOST if query.get("q") and lists.too_many(session, actor, kind, query) else None,
        whole_url=address(kind, **{WHOLE: 1}),
        may_keep=bool(query) and not personal,
        personal=personal,
        shares=bool(actor.unit_id),
        at=present.moment(now()),
        who=actor.name,
        filters_url=url_for("lists.filters", key=kind.key),
        keep_url=url_for("lists.keep", key=kind.key),
        print_url=url_for("lists.printed", key=kind.key, **query),
        export_url=url_for("lists.export", key=kind.key, **query),
    )


def _saved(kind: ListKind, one: Any, query: dict[str, str], actor: Actor) -> Any:
    own = one.owner_id == actor.person_id
    asked = lists.cleaned(kind, one.query)
    label = one.name if own else _("%(name)s（%(owner)s）", name=one.name, owner=one.owner.name)
    return SimpleNamespace(label=label, url=address(kind, asked), active=asked == query)
