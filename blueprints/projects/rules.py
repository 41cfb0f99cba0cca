"""代办六统一: which town has fixed which of the six fields; writing and checking them."""

from __future__ import annotations

from types import SimpleNamespace

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required

from blueprints import present
from blueprints.context import current_actor, db_session
from blueprints.grid import forms
from blueprints.grid.forms import Box
from blueprints.projects.bp import bp, tabs
from models.base import now
from process import clock
from process.refusals import Forbidden, NotFound
from services.projects import rules


@bp.get("/six")
@login_required
def six() -> ResponseReturnValue:
    """Towns against the six fields: what is missing, unchecked, good or to be mended."""
    session, actor = db_session(), current_actor()
    if actor.roles.isdisjoint({*rules.WRITERS, *rules.CHECKERS}):
        raise Forbidden(_("代办六统一由镇街项目经理填写、区里核对。"))
    towns = rules.towns(session, actor)
    cells = rules.matrix(session, towns)
    lacking = {one.id: [c.field.name for c in cells[one.id] if c.state in (rules.MISSING, rules.BAD)] for one in towns}
    return render_template(
        "projects/six.html",
        tabs=tabs(actor, "projects.six"),
        fields=rules.six(),
        towns=[
            SimpleNamespace(
                name=one.name,
                good=sum(c.state == rules.GOOD for c in cells[one.id]),
                lacking=lacking[one.id],
                cells=[
                    (
                        _(rules.WORDS[c.state]),
                        rules.TONES[c.state],
                        url_for("projects.six_field", town=one.id, field=c.field.key),
                        c.field,
                    )
                    for c in cells[one.id]
                ],
            )
            for one in towns
        ],
        complete=sum(not lacking[one.id] for one in towns),
    )


@bp.get("/six/<town>/<field>")
@login_required
def six_field(town: str, field: str) -> ResponseReturnValue:
    """One field of one town with its versions."""
    session, actor = db_session(), current_actor()
    found, spec = rules.town(session, actor, town), rules.field(field)
    return render_template(
        "projects/six_field.html",
        town=found,
        field=spec,
        may_write=rules.may_write(actor, found),
        versions=[
            SimpleNamespace(
                number=one.number,
                body=one.body,
                since=present.day_of(one.valid_from),
                by=one.written_by.name,
                state=_(rules.WORDS[one.verdict or rules.UNCHECKED]),
                tone=rules.TONES[one.verdict or rules.UNCHECKED],
                remark=one.remark,
                checked=_("%(who)s，%(day)s", who=one.checked_by.name, day=present.day(one.checked_at))
                if one.checked_by
                else "",
                check_url=url_for("projects.six_check", uid=one.uid)
                if rules.may_check(actor, found) and one.written_by_id not in actor.persons
                else None,
            )
            for one in rules.versions(session, found, field)
        ],
    )


@bp.route("/six/<town>/<field>/write", methods=["GET", "POST"])
@login_required
def six_write(town: str, field: str) -> ResponseReturnValue:
    """A new version of one field."""
    session, actor, refusal = db_session(), current_actor(), None
    found, spec = rules.town(session, actor, town), rules.field(field)
    back = url_for("projects.six_field", town=town, field=field)
    if not rules.may_write(actor, found):
        raise NotFound()
    if request.method == "POST":
        _made, refusal = forms.attempt(lambda: rules.write(session, actor, found, field, request.form))
        if refusal is None:
            flash(_("已保存，等区里核对。"), "success")
            return redirect(back, 303)
    last = next(iter(rules.versions(session, found, field)), None)
    return forms.page(
        f"{found.name} · {spec.name}",
        [
            Box("body", _("内容"), "textarea", last.body if last else "", description=_(spec.hint), attrs={"rows": 8}),
            Box("valid_from", _("从哪天起执行"), "date", clock.local_day(now()).isoformat()),
        ],
        submit=_("保存"),
        back=back,
        crumbs=[(_("代办六统一"), url_for("projects.six"))],
        refusal=refusal,
    )


@bp.route("/six/check/<uid>", methods=["GET", "POST"])
@login_required
def six_check(uid: str) -> ResponseReturnValue:
    """合格 or 要改."""
    session, actor, refusal = db_session(), current_actor(), None
    rule = rules.one(session, actor, uid)
    back = url_for("projects.six_field", town=rule.agency_id, field=rule.field)
    if request.method == "POST":
        _made, refusal = forms.attempt(lambda: rules.check(session, actor, uid, request.form))
        if refusal is None:
            flash(_("核对已登记。"), "success")
            return redirect(back, 303)
    elif not rules.may_check(actor, rule.agency):
        raise NotFound()
    spec = rules.field(rule.field)
    return forms.page(
        _("核对：%(town)s · %(field)s", town=rule.agency.name, field=spec.name),
        [
            Box("verdict", _("结论"), "radio", "", [(rules.GOOD, _("核对合格")), (rules.BAD, _("要改"))]),
            Box("remark", _("说明"), required=False, description=_("要改的写明改什么。"), attrs={"maxlength": 200}),
        ],
        submit=_("登记核对"),
        back=back,
        crumbs=[(_("代办六统一"), url_for("projects.six"))],
        refusal=refusal,
        intro=rule.body[:300],
    )
