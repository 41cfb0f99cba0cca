"""授权 as pages: the list, one letter with what was done under it, giving and ending."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import login_required
from flask_wtf import FlaskForm
from wtforms import DateField, HiddenField, RadioField, SelectField, SelectMultipleField, StringField, TextAreaField

from blueprints import present
from blueprints.access.forms import day
from blueprints.catalogue import offers
from blueprints.catalogue.bp import bp
from blueprints.context import current_actor, db_session
from blueprints.dynamic_forms import Asked, show_refusal
from catalogue import loader as catalogue
from catalogue.levels import levels
from models.authority import AuthorityGrant
from models.base import now
from process import access
from process.clock import local_day
from process.refusals import Forbidden, InvalidInput, Refusal
from services import authority, authority_checks, authority_grants, jurisdiction

SHOWN_ITEMS = 3


class GiveForm(FlaskForm):
    giver = HiddenField()
    taker = SelectField(_l("授权给"), [Asked()], validate_choice=False)
    power = RadioField(_l("授权范围"), [Asked()], validate_choice=False)
    category = SelectField(_l("整个类别"), validate_choice=False, description=_l("选了类别，就不用逐项选事项。"))
    items = SelectMultipleField(_l("逐项选事项"), validate_choice=False)
    since = DateField(_l("从哪一天起"), description=_l("不填就从今天起。"))
    until = DateField(_l("到哪一天止"), description=_l("当天仍有效，不填就是长期。"))
    basis = StringField(_l("依据的文号"), [Asked()], description=_l("例如：下审改〔2026〕5号，会写在经过里。"))
    note = TextAreaField(_l("说明"))


class EndForm(FlaskForm):
    version = HiddenField()
    running = RadioField(_l("在办的件"), [Asked()], validate_choice=False)
    reason = StringField(_l("原因"), [Asked()], description=_l("例如收回授权的文号，会记入经过。"))


def row(grant: AuthorityGrant, used: tuple[int, int] = (0, 0)) -> Any:
    """One grant as its line shows it."""
    today = local_day(now())
    if grant.ended_at is not None:
        state = (_("已结束"), "done")
    elif grant.until is not None and grant.until < today:
        state = (_("已到期"), "done")
    elif grant.since > today:
        state = (_("还没开始"), "waiting")
    else:
        state = (_("有效"), "running")
    names = [one.item.title for one in grant.items]
    scope = _("%(name)s（整类）", name=_category(grant.category)) if grant.category else "、".join(names[:SHOWN_ITEMS])
    return SimpleNamespace(
        id=grant.id,
        giver=grant.giver,
        taker=grant.taker,
        scope=scope,
        more=max(0, len(names) - SHOWN_ITEMS),
        names=names,
        power=_(authority.POWERS[grant.power]),
        period=present.period(grant.since, grant.until),
        basis=grant.basis,
        state=state,
        illustrative=grant.illustrative,
        cases=used[0],
        decided=used[1],
        url=url_for("catalogue.authority_show", grant_id=grant.id),
    )


def rows(grants: Sequence[AuthorityGrant]) -> list[Any]:
    """Lines of several grants with how often each was used, counted at once."""
    used = authority.uses(db_session(), grants) if grants else {}
    return [row(grant, used.get(grant.id, (0, 0))) for grant in grants]


def _category(category: str) -> str:
    known = catalogue.schemes().by_id.get(category)
    return offers.name_of(known) if known else category


@bp.get("/authority")
@login_required
def authority_list() -> ResponseReturnValue:
    """Who lets whom decide what: in force and to come, or ended."""
    session, actor = db_session(), current_actor()
    ended = bool(request.args.get("ended"))
    return render_template(
        "catalogue/authority.html",
        rows=rows(authority.listed(session, ended=ended)),
        ended=ended,
        may_give=bool(jurisdiction.of(actor)) and bool(authority_checks.givers(session, actor)),
        reference=levels().reference["authority"],
    )


def _gives() -> None:
    if not jurisdiction.of(current_actor()):
        raise Forbidden(_("授权由委托单位的负责人或系统管理员登记。请把授权文件交给他们。"))


@bp.route("/authority/new", methods=["GET", "POST"])
@login_required
def authority_give() -> ResponseReturnValue:
    """First whose authority, then to whom, what, and until when."""
    _gives()
    session, actor = db_session(), current_actor()
    givers = authority_checks.givers(session, actor)
    chosen = request.values.get("giver", "")[:60] or (givers[0].id if len(givers) == 1 else "")
    giver = next((unit for unit in givers if unit.id == chosen), None)
    if giver is None:
        return render_template(
            "catalogue/authority_giver.html",
            givers=givers,
            kinds={unit.id: len(authority_checks.own_items(session, unit)) for unit in givers},
        )
    form = GiveForm(meta={"csrf": False})
    form.giver.data = giver.id
    own = authority_checks.own_items(session, giver)
    form.taker.choices = [("", ""), *((u.id, u.name) for u in authority_checks.takers(session, giver))]
    form.power.choices = [(key, _(title)) for key, title in authority.POWERS.items()]
    inside = {item.category for item in own}
    form.category.choices = [("", _("不按类别"))] + [
        (c.id, offers.name_of(c)) for c in catalogue.schemes().categories if c.id in inside
    ]
    form.items.choices = [(item.code, offers.name_of(catalogue.item(item.code))) for item in own]
    if request.method == "GET":
        form.power.data = authority.DECIDE
        form.items.data = []
        return render_template("catalogue/authority_give.html", form=form, giver=giver, many=len(givers) > 1)
    try:
        grant = authority_grants.give(
            session,
            actor,
            giver=giver.id,
            taker=form.taker.data or "",
            power=form.power.data or "",
            items=form.items.data or [],
            category=form.category.data or "",
            since=day(form.since),
            until=day(form.until),
            basis=form.basis.data or "",
            note=form.note.data or "",
        )
    except Refusal as refusal:
        if refusal.status not in (403, 422):
            raise
        show_refusal(form, refusal)
        return render_template(
            "catalogue/authority_give.html", form=form, giver=giver, many=len(givers) > 1, problem=refusal.detail
        ), refusal.status
    flash(
        _(
            "已登记：%(giver)s授权%(taker)s，%(period)s。新来的件从第一天起照此转办。",
            giver=grant.giver.name,
            taker=grant.taker.name,
            period=present.period(grant.since, grant.until),
        ),
        "success",
    )
    return redirect(url_for("catalogue.authority_show", grant_id=grant.id), 303)


@bp.get("/authority/<int:grant_id>")
@login_required
def authority_show(grant_id: int) -> ResponseReturnValue:
    """One letter: scope, period, document, how much was decided under it, and what was done with it."""
    session, actor = db_session(), current_actor()
    grant = authority_grants.load(session, grant_id)
    mine = authority.may_give(actor, grant.giver)
    over = grant.ended_at is not None or (grant.until is not None and grant.until < local_day(now()))
    return render_template(
        "catalogue/authority_show.html",
        grant=grant,
        row=rows([grant])[0],
        running=_running(grant) if mine else None,
        entries=[_entry(one) for one in authority.journal_rows(session, grant)],
        end_url=url_for("catalogue.authority_end", grant_id=grant.id) if mine and not over else None,
        finishing={"finish": _("由受托单位办完"), "return": _("交回委托单位")}.get(grant.running, ""),
    )


def _running(grant: AuthorityGrant) -> list[Any]:
    """Numbers and states only; whoever may open a case finds the way to it."""
    session, actor = db_session(), current_actor()
    return [
        SimpleNamespace(
            number=case.number,
            title=case.title,
            url=url_for("content.show", uid=case.uid) if access.may(actor, access.VIEW, case, session) else None,
        )
        for case in authority.running(session, grant)
    ]


def _entry(entry: Any) -> Any:
    titles = {"authority:give": _("登记授权"), "authority:end": _("结束授权")}
    return SimpleNamespace(
        title=titles.get(entry.action, entry.action),
        who=entry.person.name if entry.person else "",
        when=present.moment(entry.at),
        comment=entry.comment or "",
        returned=(entry.details or {}).get("returned") or [],
        finishing=(entry.details or {}).get("finishing") or [],
    )


@bp.route("/authority/<int:grant_id>/end", methods=["GET", "POST"])
@login_required
def authority_end(grant_id: int) -> ResponseReturnValue:
    """Ends at once for new cases; those under way are named and finished here or given back."""
    session, actor = db_session(), current_actor()
    grant = authority_grants.load(session, grant_id)
    if not authority.may_give(actor, grant.giver):
        raise Forbidden(_("%(unit)s的授权由它的负责人或系统管理员结束，不由您办理。", unit=grant.giver.name))
    form = EndForm(meta={"csrf": False})
    form.running.choices = [
        ("finish", _("由%(unit)s办完，之后的新件不再去", unit=grant.taker.name)),
        ("return", _("马上交回%(unit)s", unit=grant.giver.name)),
    ]
    if request.method == "GET":
        form.running.data, form.version.data = "finish", str(grant.version)
        return _end_page(form, grant)
    version = form.version.data or ""
    try:
        if not version.isdecimal():
            raise InvalidInput(_("页面已过时，请刷新后再办。"))
        _grant, back, kept = authority_grants.end(
            session,
            actor,
            grant_id,
            version=int(version[:9]),
            reason=form.reason.data or "",
            running=form.running.data or "",
        )
    except Refusal as refusal:
        if refusal.status not in (409, 422):
            raise
        session.expire_all()
        show_refusal(form, refusal)
        return _end_page(form, authority_grants.load(session, grant_id), refusal)
    flash(
        _("授权已结束，新件不再转去。交回 %(back)s 件，由受托单位办完 %(kept)s 件。", back=len(back), kept=len(kept)),
        "success",
    )
    return redirect(url_for("catalogue.authority_show", grant_id=grant_id), 303)


def _end_page(form: EndForm, grant: AuthorityGrant, refusal: Refusal | None = None) -> ResponseReturnValue:
    html = render_template(
        "catalogue/authority_end.html",
        form=form,
        row=row(grant),
        running=_running(grant),
        problem=refusal.detail if refusal else None,
    )
    return (html, refusal.status) if refusal else html
