"""A courier's own page and the station's side of the register: training, hours, days away, what was done, the statement."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import get_locale
from flask_babel import gettext as _
from flask_login import login_required

from blueprints.context import current_actor, db_session, load_or_404
from blueprints.errands.bp import bp
from blueprints.grid.forms import Box, attempt, page
from blueprints.present import full_day, period
from extensions import limiter
from models.base import now
from models.errand import Errand
from models.person import CourierProfile
from process import clock
from process.refusals import Forbidden, Refusal
from services import actions, courier_record, couriers, errand_board, errand_posting, places


@bp.get("/me")
@login_required
def me() -> ResponseReturnValue:
    """One's own page, wherever one is."""
    profile = couriers.own(db_session(), current_actor())
    return redirect(url_for("errands.courier", username=profile.person.username), 303)


@bp.get("/couriers/<username>")
@login_required
def courier(username: str) -> ResponseReturnValue:
    """What the register says, what was done by month, and what may be changed by whoever looks."""
    actor, session = current_actor(), db_session()
    profile = couriers.load(session, actor, username)
    today, names = clock.local_day(now()), errand_posting.purposes(str(get_locale()))
    return render_template(
        "errands/courier.html",
        profile=profile,
        trained_until=full_day(profile.trained_until),
        suspended_on=full_day(profile.suspended_on),
        own=profile.person_id == actor.person_id,
        dispatcher=couriers.dispatches(session, actor, profile),
        expired=profile.trained_until is None or profile.trained_until < today,
        hours=[
            (_(word), couriers.hours_in_words(profile, day))
            for day, word in enumerate(couriers.WEEKDAYS)
            if couriers.hours_in_words(profile, day)
        ],
        area=[one.name for one in _communities(profile) if one.id in (profile.area or ())],
        skills=[_(couriers.SKILLS[one]) for one in profile.skills or () if one in couriers.SKILLS],
        away=[
            SimpleNamespace(
                id=one.id, days=full_day(one.since) if one.since == one.until else period(one.since, one.until)
            )
            for one in couriers.absences(session, [profile.person_id], today).get(profile.person_id, [])
        ],
        months=[
            SimpleNamespace(
                month=one,
                name=_("%(y)s年%(m)s月", y=one.begin.year, m=one.begin.month),
                hours=_served(one.minutes),
                kinds=_("、").join(f"{names[kind]} {count}" for kind, count, _minutes in one.kinds),
            )
            for one in courier_record.last_months(session, profile.person_id, today)
        ],
    )


def _served(minutes: int) -> str:
    """Time that counts for somebody is told to the minute."""
    hours, rest = divmod(minutes, 60)
    if hours and rest:
        return _("%(h)s 小时 %(m)s 分", h=hours, m=rest)
    return _("%(n)s 小时", n=hours) if hours else _("%(n)s 分钟", n=rest)


def _answered(
    username: str, act: Callable[[], object], said: Callable[[object], str]
) -> tuple[ResponseReturnValue | None, Refusal | None]:
    """A form of the courier's page that was sent: done, it leads back there; refused, it is shown again with the reason."""
    if request.method != "POST":
        return None, None
    done, refusal = attempt(lambda: (act(),))
    if done is None:
        return None, refusal
    flash(said(done[0]), "success")
    return redirect(url_for("errands.courier", username=username), 303), None


def _communities(profile: CourierProfile) -> list[Any]:
    session = db_session()
    return couriers.communities(session, places.street_above(session, profile.point.path))


def _points(street: Any) -> list[tuple[str, str]]:
    return [(one.id, one.name) for one in errand_board.points_of(db_session(), street, clock.local_day(now()))]


@bp.route("/couriers/new", methods=["GET", "POST"])
@login_required
def register_courier() -> ResponseReturnValue:
    """Point and training of somebody who is to carry; the role is given on the page of roles."""
    actor, session, refusal = current_actor(), db_session(), None
    street = places.street_of_actor(session, actor)
    if street is None or not actor.holds(couriers.DISPATCHER, street.path):
        raise Forbidden(_("跑腿工由红色代办站的调度员登记。"))
    if request.method == "POST":
        made, refusal = attempt(lambda: couriers.register(session, actor, request.form))
        if made is not None:
            flash(_("登记好了。请单位负责人或系统管理员授予“红色跑腿工”岗位，授予后就能接单。"), "success")
            return redirect(url_for("errands.courier", username=made.person.username), 303)
    return page(
        _("登记跑腿工"),
        [
            Box("username", _("用户名"), description=_("已有账号的工作人员或志愿者；没有账号的先请系统管理员开")),
            Box("point", _("从哪个站点出发"), "select", choices=_points(street)),
            Box("trained_until", _("培训有效到"), "date"),
        ],
        submit=_("登记"),
        back=url_for("errands.couriers"),
        refusal=refusal,
    )


@bp.route("/couriers/<username>/station", methods=["GET", "POST"])
@login_required
def describe_courier(username: str) -> ResponseReturnValue:
    """The station's side: point, training, how many at once."""
    actor, session = current_actor(), db_session()
    profile = couriers.load(session, actor, username)
    done, refusal = _answered(
        username, lambda: couriers.describe(session, actor, profile, request.form), lambda _done: _("已保存。")
    )
    return done or page(
        _("%(name)s：站点、培训和上限", name=profile.person.name),
        [
            Box(
                "point",
                _("从哪个站点出发"),
                "select",
                profile.point_id,
                _points(places.street_above(session, profile.point.path)),
            ),
            Box("trained_until", _("培训有效到"), "date", profile.trained_until or ""),
            Box(
                "errand_limit",
                _("同时最多几单"),
                "number",
                profile.errand_limit,
                attrs={"min": 1, "max": couriers.MOST_ERRANDS},
            ),
        ],
        submit=_("保存"),
        back=url_for("errands.courier", username=username),
        refusal=refusal,
    )


@bp.route("/couriers/<username>/hours", methods=["GET", "POST"])
@login_required
def tell_courier(username: str) -> ResponseReturnValue:
    """When, where and what for: by themselves, or written down for them by the station."""
    actor, session = current_actor(), db_session()
    profile = couriers.load(session, actor, username)
    done, refusal = _answered(
        username,
        lambda: couriers.tell(session, actor, profile, request.form),
        lambda _done: _("已保存，派单时会按这个考虑。"),
    )
    hint = _("例如 8:30-11:30、14:00-17:00；不来的日子空着")
    boxes = [
        Box(
            f"hours_{day}",
            _(word),
            value=couriers.hours_in_words(profile, day),
            required=False,
            description=hint if day == 0 else "",
        )
        for day, word in enumerate(couriers.WEEKDAYS)
    ]
    boxes += [
        Box(
            "area",
            _("愿意去的社区"),
            "boxes",
            profile.area or [],
            [(one.id, one.name) for one in _communities(profile)],
            False,
        ),
        Box(
            "skills",
            _("会做的"),
            "boxes",
            profile.skills or [],
            [(key, _(word)) for key, word in couriers.SKILLS.items()],
            False,
        ),
        Box("unlisted", _("公开的名单上不写我的名字"), "checkbox", bool(profile.unlisted), required=False),
    ]
    return done or page(
        _("%(name)s：什么时候能来", name=profile.person.name),
        boxes,
        submit=_("保存"),
        back=url_for("errands.courier", username=username),
        intro=_("一天都不写，就当作白天都能来。"),
        refusal=refusal,
    )


@bp.route("/couriers/<username>/away", methods=["GET", "POST"])
@login_required
def courier_away(username: str) -> ResponseReturnValue:
    """Days on which they cannot come."""
    actor, session = current_actor(), db_session()
    profile = couriers.load(session, actor, username)
    done, refusal = _answered(
        username,
        lambda: couriers.be_away(session, actor, profile, request.form),
        lambda _made: _("记下了，这几天不会派单。"),
    )
    return done or page(
        _("%(name)s：哪几天不能来", name=profile.person.name),
        [
            Box("since", _("从哪一天"), "date"),
            Box("until", _("到哪一天"), "date", required=False, description=_("不填就是那一天")),
        ],
        submit=_("记下来"),
        back=url_for("errands.courier", username=username),
        refusal=refusal,
    )


@bp.post("/couriers/<username>/away/<int:absence_id>")
@login_required
def courier_back(username: str, absence_id: int) -> ResponseReturnValue:
    """They come after all."""
    actor, session = current_actor(), db_session()
    couriers.be_back(session, actor, couriers.load(session, actor, username), absence_id)
    flash(_("这几天改为能来。"), "success")
    return redirect(url_for("errands.courier", username=username), 303)


@bp.route("/couriers/<username>/suspend", methods=["GET", "POST"])
@login_required
def suspend_courier(username: str) -> ResponseReturnValue:
    """No errands for the time being; what is not fetched yet goes back on the board."""
    actor, session = current_actor(), db_session()
    profile = couriers.load(session, actor, username)
    done, refusal = _answered(
        username,
        lambda: couriers.suspend(session, actor, profile, request.form.get("reason", "")),
        lambda n: _("已暂停接单，手上 %(n)s 单已处理。", n=n) if n else _("已暂停接单。"),
    )
    return done or page(
        _("%(name)s：暂停接单", name=profile.person.name),
        [Box("reason", _("原因"), "textarea", attrs={"maxlength": 200, "rows": 2})],
        submit=_("暂停接单"),
        back=url_for("errands.courier", username=username),
        intro=_("还没取件的任务会放回任务板；材料已在手上的，调度员会马上收到提醒去收回。"),
        refusal=refusal,
    )


@bp.post("/couriers/<username>/resume")
@login_required
def resume_courier(username: str) -> ResponseReturnValue:
    """The station says they may go again."""
    actor, session = current_actor(), db_session()
    couriers.resume(session, actor, couriers.load(session, actor, username))
    flash(_("已恢复接单。"), "success")
    return redirect(url_for("errands.courier", username=username), 303)


@bp.post("/me/statement")
@login_required
def ask_statement() -> ResponseReturnValue:
    """Asks the station for the statement of one month."""
    actor, session = current_actor(), db_session()
    profile = couriers.own(session, actor)
    made = actions.create(
        session,
        actor,
        "service_statement",
        {"month": request.form.get("month", ""), "place": profile.point_id},
    )
    flash(_("已申请 %(number)s，调度员核对后在这里下载证明。", number=made.number or ""), "success")
    return redirect(url_for("content.show", uid=made.uid), 303)


@bp.route("/<uid>/thank", methods=["GET", "POST"])
@limiter.limit("20/hour", methods=["POST"])
@login_required
def thank(uid: str) -> ResponseReturnValue:
    """A word of thanks for whoever came."""
    errand, actor, session, refusal = load_or_404(Errand, uid), current_actor(), db_session(), None
    courier_record.require_may_thank(errand, actor)
    if request.method == "POST":
        done, refusal = attempt(
            lambda: (courier_record.thank(session, errand, actor, request.form.get("text", ""), now()), True)[1]
        )
        if done:
            flash(_("谢谢您，这句话会转给跑腿工。"), "success")
            return redirect(url_for("content.show", uid=uid), 303)
    return page(
        _("感谢跑腿工"),
        [Box("text", _("想说的话"), "textarea", attrs={"maxlength": 300, "rows": 3})],
        submit=_("送出感谢"),
        back=url_for("content.show", uid=uid),
        refusal=refusal,
    )
