"""The same step for many things: asked once, each through the one door, with a word for every row."""

from __future__ import annotations

from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required
from sqlalchemy.orm import Session

from blueprints import present
from blueprints.content.actions import FEATURE_PAGES, SIMPLE_KINDS, form_for
from blueprints.context import current_actor, db_session, load_or_404
from blueprints.dynamic_forms import posted, show_refusal, transition_form
from blueprints.lists.bp import bp
from models.content import Content
from process import engine, office
from process.access import Actor
from process.definition import Transition
from process.office import Verb
from process.refusals import NotFound, Refusal
from services import actions, side_by_side

MOST = 200
STEP, VERB = "t:", "o:"
# Verbs that mean the same for every thing; the others ask for something of the one thing.
VERBS = ("transfer", "copy", "urge")


def offered(session: Session, actor: Actor, rows: Iterable[tuple[Content, Iterable[Transition]]]) -> list[Any]:
    """What the bar below a list offers: each step that at least one row may take, then the verbs of the office."""
    steps: dict[str, str] = {}
    verbs: set[str] = set()
    for content, transitions in rows:
        for step in transitions:
            if (content.type, step.id) not in FEATURE_PAGES and all(i.kind in SIMPLE_KINDS for i in step.inputs):
                steps.setdefault(step.id, present.title_of(step))
        if len(verbs) < len(VERBS) and actor.resident_id is None:
            verbs.update(verb.id for verb in office.available(content, actor))
    found = [SimpleNamespace(id=f"{STEP}{name}", label=label) for name, label in steps.items()]
    found += [
        SimpleNamespace(id=f"{VERB}{name}", label=present.title_of(office.VERBS[name]))
        for name in VERBS
        if name in verbs
    ]
    return found


@bp.post("/bulk")
@login_required
def bulk() -> ResponseReturnValue:
    return run(request.form.get("action", ""), _home())


def run(action: str, home: str) -> ResponseReturnValue:
    """Asks what has to be asked, then does it row by row; a row that refuses does not stop the others."""
    session, actor = db_session(), current_actor()
    uids = list(dict.fromkeys(request.form.getlist("uid")))
    if not uids:
        flash(_("请先勾选要办的事。"), "info")
        return redirect(home, 303)
    if len(uids) > MOST:
        flash(_("一次最多办 %(n)s 件，请少选一些。", n=MOST), "error")
        return redirect(home, 303)
    things = _loaded(uids)
    what = _what(session, things, action)
    form = _form(session, things, what, actor)
    label = present.title_of(what)
    asks = bool(what.inputs) or (isinstance(what, Transition) and what.dangerous)
    if asks and request.form.get("asked") != "1":
        return _ask(session, things, action, label, form, home)
    results = _do_all(session, things, action, actor, posted(form))
    refused = [one for one in results if one.problem]
    if refused and len(refused) == len(results) and what.inputs and all(one.mendable for one in refused):
        # Nothing was done, and what was typed is the reason: the form comes back with it.
        show_refusal(form, refused[0].refusal)
        return _ask(session, things, action, label, form, home, refused[0].problem)
    if not refused:
        flash(_("已办 %(n)d 件。", n=len(results)), "success")
        return redirect(home, 303)
    return render_template(
        "lists/bulk_result.html",
        label=label,
        action=action,
        results=results,
        done=len(results) - len(refused),
        refused=len(refused),
        home=home,
    )


def _do_all(
    session: Session, things: dict[str, Content | None], action: str, actor: Actor, inputs: dict[str, Any]
) -> list[Any]:
    results = []
    for uid, content in things.items():
        if content is None:
            results.append(_result(uid, None, NotFound()))
            continue
        refusal: Refusal | None = None
        try:
            with session.begin_nested():
                if action.startswith(VERB):
                    office.do(content, action.removeprefix(VERB), actor, inputs)
                else:
                    actions.perform(content, action.removeprefix(STEP), actor, inputs)
        except Refusal as found:
            refusal = found
            # What the savepoint took back must not stay in memory as if it had happened.
            session.expire_all()
        results.append(_result(uid, content, refusal))
    return results


def _result(uid: str, content: Content | None, refusal: Refusal | None) -> Any:
    return SimpleNamespace(
        uid=uid,
        number=present.number_of(content) if content is not None else "",
        title=content.title if content is not None else "",
        url=url_for("content.show", uid=uid) if content is not None else None,
        problem=refusal.detail if refusal is not None else "",
        mendable=refusal is not None and refusal.status == 422 and bool(refusal.errors),
        refusal=refusal,
    )


def _loaded(uids: list[str]) -> dict[str, Content | None]:
    """What is still there for this actor; a row that went away meanwhile is told like any other refusal."""
    found: dict[str, Content | None] = {}
    for uid in uids:
        try:
            found[uid] = load_or_404(Content, uid)
        except NotFound:
            found[uid] = None
    return found


def _what(session: Session, things: dict[str, Content | None], action: str) -> Transition | Verb:
    """The step or verb meant; one that none of these things knows was never offered."""
    if action.startswith(VERB) and action.removeprefix(VERB) in VERBS:
        return office.VERBS[action.removeprefix(VERB)]
    name = action.removeprefix(STEP)
    for content in things.values():
        known = engine.library.of(content, session).transitions.get(name) if content is not None else None
        if known is not None:
            return known
    raise NotFound("没有可以这样办的事，清单可能已经变了。请回到清单刷新后再选。")


def _form(session: Session, things: dict[str, Content | None], what: Transition | Verb, actor: Actor) -> Any:
    first = next(content for content in things.values() if content is not None)
    if isinstance(what, Verb):
        form = transition_form(what, choices=side_by_side.choices(session, first, actor, what))
        if "person" in form:
            form.person.description = ""
        return form
    return form_for(session, first, what, actor)


def _ask(
    session: Session,
    things: dict[str, Content | None],
    action: str,
    label: str,
    form: Any,
    home: str,
    problem: str = "",
) -> ResponseReturnValue:
    rows = [
        SimpleNamespace(uid=uid, number=present.number_of(content), title=content.title)
        for uid, content in things.items()
        if content is not None
    ]
    page = render_template(
        "lists/bulk.html", rows=rows, action=action, label=label, form=form, home=home, problem=problem
    )
    return page, 422 if problem else 200


def _home() -> str:
    """Back to the list the rows were picked from; only ever a page of ours."""
    back = urlsplit(request.form.get("back", ""))
    if back.scheme or back.netloc or not back.path.startswith("/") or back.path.startswith("//") or "\\" in back.path:
        return url_for("desk.index")
    return back.path + (f"?{back.query}" if back.query else "")
