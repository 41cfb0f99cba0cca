"""Rules of the office: composed by an administrator out of an event, conditions and actions, each with its log."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import get_locale
from flask_babel import gettext as _
from flask_login import login_required
from sqlalchemy import func, select

from blueprints import present
from blueprints.context import current_actor, db_session
from models.agency import Agency
from models.rule import Rule, RuleRun
from process.definition import Definition
from process.library import library
from process.office import VERBS
from process.refusals import InvalidInput, NotFound
from process.words import N_
from services import rule_parts, rules

bp = Blueprint("rules", __name__, url_prefix="/rules")
# How many rows a form offers; a rule that needs more is two rules.
ROWS = 3
EVENTS = {
    "create": N_("新建"),
    "clock:near": N_("期限快到（80%）"),
    "clock:late": N_("期限已过"),
    "task:agreed": N_("会签同意"),
    "task:refused": N_("会签不同意"),
    "task:answered": N_("委派有了回复"),
}


def _administrator() -> None:
    if "system_admin" not in current_actor().roles:
        raise NotFound()


@bp.get("/")
@login_required
def index() -> ResponseReturnValue:
    _administrator()
    session = db_session()
    found = session.scalars(select(Rule).order_by(Rule.active.desc(), Rule.id.desc())).all()
    counts = select(RuleRun.rule_id, RuleRun.outcome, func.count()).group_by(RuleRun.rule_id, RuleRun.outcome)
    ran: dict[int, dict[str, int]] = {}
    for rule_id, outcome, count in session.execute(counts):
        ran.setdefault(rule_id, {})[outcome] = count
    rows = [{"rule": rule, "when": _when(rule), "ran": ran.get(rule.id, {})} for rule in found]
    return render_template("rules/index.html", rows=rows, moment=present.moment)


def _when(rule: Rule) -> str:
    kind = library.types.get(rule.type)
    if kind is None:
        return rule.type
    return f"{present.title_of(kind)} · {event_title(library.workflows[kind.workflow], rule.event)}"


def event_title(definition: Definition, event: str) -> str:
    """An event as people say it."""
    if event in definition.transitions:
        return present.title_of(definition.transitions[event])
    verb = VERBS.get(event.removeprefix("office:"))
    return present.title_of(verb) if verb else _(EVENTS[event]) if event in EVENTS else event


@bp.route("/new", methods=["GET", "POST"])
@login_required
def new() -> ResponseReturnValue:
    _administrator()
    type_id = request.values.get("type", "")
    if type_id not in library.types:
        groups = sorted(library.types.values(), key=lambda t: present.title_of(t))
        return render_template("rules/pick.html", types=groups, title_of=present.title_of)
    if request.method == "GET":
        return _form(None, type_id, {})
    return _save(None, type_id)


@bp.route("/<int:rule_id>", methods=["GET", "POST"])
@login_required
def edit(rule_id: int) -> ResponseReturnValue:
    _administrator()
    rule = rules.one(db_session(), rule_id)
    if request.method == "GET":
        return _form(rule, rule.type, _filled(rule))
    return _save(rule, rule.type)


def _save(rule: Rule | None, type_id: str) -> ResponseReturnValue:
    data = {**request.form.to_dict(), "type": type_id}
    conditions = [_row("condition", i, ("subject", "op", "value")) for i in range(1, ROWS + 1)]
    actions = [_row("action", i, ("kind", "target", "text")) for i in range(1, ROWS + 1)]
    try:
        saved = rules.save(db_session(), current_actor(), data, conditions, actions, rule)
    except InvalidInput as refusal:
        return _form(rule, type_id, data, refusal), 422
    flash(_("规则“%(title)s”已保存。", title=saved.title), "success")
    return redirect(url_for("rules.edit", rule_id=saved.id), 303)


def _row(name: str, index: int, parts: tuple[str, ...]) -> dict[str, str]:
    return {part: request.form.get(f"{name}{index}_{part}", "") for part in parts}


def _filled(rule: Rule) -> dict[str, str]:
    """The values of the form for a rule that is there."""
    filled = {"title": rule.title, "event": rule.event, "place": rule.place_id, "version": str(rule.version)}
    for name, rows in (("condition", rule.conditions), ("action", rule.actions)):
        for index, row in enumerate(rows, start=1):
            filled |= {f"{name}{index}_{part}": value for part, value in row.items()}
    return filled


def _form(rule: Rule | None, type_id: str, values: Mapping[str, str], refusal: InvalidInput | None = None) -> str:
    session, kind = db_session(), library.types[type_id]
    definition, locale = library.workflows[kind.workflow], str(get_locale())
    shown = [f for f in kind.fields if not f.private and f.kind != "applicant"]
    words: dict[str, list[tuple[str, str]]] = {
        "events": [(e, event_title(definition, e)) for e in rules.events_of(definition)],
        "places": [(a.id, a.name) for a in _places()],
        "subjects": [(s, t.text(locale)) for s, t in rule_parts.SUBJECTS.items()]
        + [(f"field:{f.name}", f.title.text(locale)) for f in shown],
        "ops": [(o, t.text(locale)) for o, t in rule_parts.OPS.items()],
        "actions": [(a, t.text(locale)) for a, t in rule_parts.ACTIONS.items()],
        "targets": [(r, t.text(locale)) for r, t in rule_parts.READERS.items()]
        + [(f.name, f.title.text(locale)) for f in shown]
        + [(t.id, t.title.text(locale)) for t in library.types.values() if t.kind == "content"],
        "states": [(s.id, s.title.text(locale)) for s in definition.states.values()],
    }
    return render_template(
        "rules/form.html",
        rule=rule,
        kind=kind,
        values=values,
        words=words,
        rows=range(1, ROWS + 1),
        refusal=refusal,
        log=rules.log_of(session, rule) if rule else [],
        title_of=present.title_of,
        moment=present.moment,
    )


def _places() -> list[Agency]:
    """Units a rule may hold for: the agencies down to the communities; grids are too many and too small."""
    return list(db_session().scalars(select(Agency).where(Agency.kind.not_in(("grid", "point"))).order_by(Agency.path)))


@bp.post("/<int:rule_id>/switch")
@login_required
def switch(rule_id: int) -> ResponseReturnValue:
    _administrator()
    session = db_session()
    rule = rules.one(session, rule_id)
    rules.switch(session, current_actor(), rule, not rule.active)
    flash(_("规则已启用。") if rule.active else _("规则已停用，记录都还在。"), "success")
    return redirect(url_for("rules.index"), 303)
