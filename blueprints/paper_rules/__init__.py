"""证照规则: what this office settles for its papers; whoever keeps the catalogue changes it, everybody may read it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required

from blueprints import present
from blueprints.context import current_actor, db_session
from process.refusals import Forbidden, InvalidInput
from services import paper_rules

bp = Blueprint("paper_rules", __name__, url_prefix="/paper-rules")


@bp.get("")
@login_required
def index() -> ResponseReturnValue:
    _allowed()
    return _page()


@bp.post("")
@login_required
def save() -> ResponseReturnValue:
    """Settles what was changed, with the document it rests on."""
    _allowed()
    session = db_session()
    given: dict[str, Any] = {
        key: request.form.get(key) == "1" if rule.kind == "bool" else request.form.get(key, "")
        for key, rule in paper_rules.RULES.items()
    }
    versions = {
        key: int(value)
        for key in paper_rules.RULES
        if (value := request.form.get(f"version-{key}", "")).isascii() and value.isdigit()
    }
    try:
        with session.begin_nested():
            changed = paper_rules.change(
                session, current_actor(), given, request.form.get("reason", ""), versions=versions
            )
    except InvalidInput as refusal:
        return _page(given=given, errors=refusal.errors, problem=refusal.detail), 422
    flash(_("已存 %(n)d 条规则。", n=len(changed)) if changed else _("没有变化。"), "success" if changed else "info")
    return redirect(url_for("paper_rules.index"), 303)


def _allowed() -> None:
    if not paper_rules.may_change(current_actor()):
        raise Forbidden(_("证照规则由事项管理员和系统管理员设定。"))


def _page(*, given: dict[str, Any] | None = None, errors: dict[str, str] | None = None, problem: str = "") -> str:
    session = db_session()
    settled = paper_rules.rows(session)
    rows = []
    for key, rule in paper_rules.RULES.items():
        value = (given or {}).get(key, paper_rules.get(session, key))
        row = settled.get(key)
        rows.append(
            SimpleNamespace(
                key=key,
                title=_(rule.title),
                help=_(rule.help),
                kind=rule.kind,
                value=value.isoformat() if hasattr(value, "isoformat") else value,
                usual=_shown(rule),
                version=row.version if row is not None else 0,
                by=_(
                    "%(who)s %(when)s 改",
                    who=row.changed_by.name if row.changed_by else "",
                    when=present.moment(row.changed_at),
                )
                if row is not None
                else "",
                error=(errors or {}).get(key, ""),
            )
        )
    return render_template(
        "paper_rules/index.html",
        rows=rows,
        reason=request.form.get("reason", "") if given else "",
        reason_error=(errors or {}).get("reason", ""),
        problem=problem,
    )


def _shown(rule: paper_rules.Rule) -> str:
    if rule.kind == "bool":
        return _("办") if rule.value else _("不办")
    return str(rule.value) or _("不填")
