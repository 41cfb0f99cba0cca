"""Who works in a grid: the duty page, joining, leaving, and telling the members of one capacity."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required
from sqlalchemy import select

from blueprints import present
from blueprints.context import current_actor, db_session
from blueprints.grid import forms, words
from blueprints.grid.bp import bp
from blueprints.grid.forms import Box
from models.agency import Agency
from models.person import GridMembership, Person
from process.refusals import NotFound
from services import buildings, grid_log, grid_members, grid_rights, joint_stations, places
from services.grid_rights import CAPACITIES, LEADER


@bp.get("/<place_id>/duty")
@login_required
def duty(place_id: str) -> ResponseReturnValue:
    """Who works here in which capacity, how to reach them, and who is on duty today."""
    session, actor, today = db_session(), current_actor(), grid_rights.today()
    grid = grid_rights.grid(session, place_id)
    members = grid_members.of_grid(session, grid, today)
    colleague, keeper = grid_rights.works_in_office(actor), grid_rights.keeps(actor, grid)
    rows = grid_members.story(session, grid) if keeper else []
    return render_template(
        "grid/duty.html",
        grid=grid,
        community=grid.parent,
        members=[_member(m, colleague, keeper) for m in members],
        leaders=sum(m.leads for m in members),
        wanted=places.LEADERS_PER_GRID,
        by_capacity=[
            (words.role(c), sum(any(s.capacity == c for s in m.memberships) for m in members)) for c in CAPACITIES
        ],
        on_duty=[m.person.name for m in members if m.on_duty],
        coming=[_line(m) for m in grid_members.coming(session, grid, today)] if keeper else [],
        former=[_line(m) for m in grid_members.former(session, grid, today)] if keeper else [],
        entries=words.story(rows, _names(rows)),
        buildings=buildings.of_grid(session, grid),
        routes=[(_(grid_log.DUTIES[d]), words.role(c)) for d, c in grid_members.BY_DUTY.items()],
        station=joint_stations.serving(session, grid.path),
        keeper=keeper,
        may_tell=keeper or actor.holds(LEADER, grid.path),
        may_log=any(actor.holds(c, grid.path) for c in CAPACITIES),
        colleague=colleague,
    )


def _member(member: grid_members.Member, colleague: bool, keeper: bool) -> Any:
    me = current_actor().person_id
    return SimpleNamespace(
        name=member.person.name,
        title=member.person.title,
        phone=words.phone(member.person.phone, full=True) if colleague else "",
        on_duty=member.on_duty,
        invented=member.person.illustrative,
        capacities=[
            SimpleNamespace(
                title=words.role(m.capacity),
                period=present.period(m.since, m.until),
                end_url=url_for("grid.end_member", entry_id=m.id) if keeper and m.person_id != me else None,
            )
            for m in member.memberships
        ],
    )


def _line(member: GridMembership) -> Any:
    return SimpleNamespace(
        name=member.person.name, title=words.role(member.capacity), period=present.period(member.since, member.until)
    )


def _names(rows: list[Any]) -> dict[int, str]:
    ids = {row.details["person"] for row in rows if row.details.get("person")}
    return {i: n for i, n in db_session().execute(select(Person.id, Person.name).where(Person.id.in_(ids)))}


def _kept(place_id: str) -> Agency:
    """The grid, for those who keep its register; for everybody else the page is not there."""
    grid = grid_rights.grid(db_session(), place_id)
    if not grid_rights.keeps(current_actor(), grid):
        raise NotFound()
    return grid


@bp.route("/<place_id>/members/new", methods=["GET", "POST"])
@login_required
def add_member(place_id: str) -> ResponseReturnValue:
    """Somebody joins, in one or more capacities, from one day to another."""
    session, grid = db_session(), _kept(place_id)
    refusal = None
    if request.method == "POST":
        given = request.form
        made, refusal = forms.attempt(
            lambda: grid_members.add(
                session,
                current_actor(),
                place_id,
                username=given.get("username", "")[:60],
                capacities=given.getlist("capacities"),
                since=grid_rights.day(given.get("since", ""), "since"),
                until=grid_rights.day(given.get("until", ""), "until"),
                reason=given.get("reason", ""),
            )
        )
        if made:
            flash(
                _(
                    "%(name)s 已加入%(grid)s：%(what)s。立即生效。",
                    name=made[0].person.name,
                    grid=grid.name,
                    what="、".join(words.role(m.capacity) for m in made),
                ),
                "success",
            )
            return redirect(url_for("grid.duty", place_id=place_id), 303)
        grid = _kept(place_id)
    back = url_for("grid.duty", place_id=place_id)
    return forms.page(
        _("加入网格"),
        [
            Box(
                "username", _("同事的用户名"), description=_("输入姓名或用户名，从列表中选。"), attrs={"list": "people"}
            ),
            Box(
                "capacities",
                _("在网格里的身份"),
                "boxes",
                [],
                [(c, words.role(c)) for c in CAPACITIES],
                description=_("可以选几项。网格长每格两人，由本社区干部担任。"),
            ),
            Box(
                "since", _("从哪一天起"), "date", required=False, description=_("不填就从今天起。"), cls="field--short"
            ),
            Box("until", _("到哪一天止"), "date", required=False, description=_("当天仍有效。"), cls="field--short"),
            Box("reason", _("原因"), description=_("例如调令、分工文件，会记入经过。"), attrs={"maxlength": 200}),
        ],
        submit=_("加入"),
        back=back,
        crumbs=[(_("机构和网格"), url_for("places.index")), (grid.name, back)],
        refusal=refusal,
        suggestions=[
            (p.username, f"{p.name}（{p.title or (p.unit.name if p.unit else '')}）")
            for p in grid_members.candidates(session, grid)
        ],
    )


@bp.route("/members/<int:entry_id>/end", methods=["GET", "POST"])
@login_required
def end_member(entry_id: int) -> ResponseReturnValue:
    """Somebody leaves in one capacity; the rights of it end at once or after the last day."""
    session = db_session()
    member = session.get(GridMembership, entry_id)
    if member is None:
        raise NotFound()
    grid = _kept(member.grid_id)
    name, capacity = member.person.name, words.role(member.capacity)
    back, refusal = url_for("grid.duty", place_id=grid.id), None
    title = _("结束 %(name)s 的“%(what)s”", name=name, what=capacity)
    crumbs = [(_("机构和网格"), url_for("places.index")), (grid.name, back)]
    if request.method == "POST":
        _done, refusal = forms.attempt(
            lambda: grid_members.end(
                session,
                current_actor(),
                entry_id,
                last_day=grid_rights.day(request.form.get("last_day", ""), "last_day"),
                reason=request.form.get("reason", ""),
            )
        )
        if refusal is None:
            flash(_("%(name)s 的“%(role)s”已结束，已记入经过。", name=name, role=capacity), "success")
            return redirect(back, 303)
    return forms.page(
        title,
        [
            Box(
                "last_day",
                _("最后一天"),
                "date",
                required=False,
                description=_("不填就马上结束，对方下一次点击即失效。"),
                cls="field--short",
            ),
            Box("reason", _("原因"), description=_("会记入经过。"), attrs={"maxlength": 200}),
        ],
        submit=_("结束"),
        back=back,
        crumbs=crumbs,
        refusal=refusal,
    )


@bp.route("/<place_id>/notice", methods=["GET", "POST"])
@login_required
def tell(place_id: str) -> ResponseReturnValue:
    """A notice to everybody of one capacity in this grid."""
    session, actor = db_session(), current_actor()
    grid = grid_rights.grid(session, place_id)
    if not (grid_rights.keeps(actor, grid) or actor.holds(LEADER, grid.path)):
        raise NotFound()
    back, name, refusal = url_for("grid.duty", place_id=place_id), grid.name, None
    if request.method == "POST":
        told, refusal = forms.attempt(
            lambda: grid_members.tell(
                session,
                actor,
                place_id,
                capacity=request.form.get("capacity", ""),
                words=request.form.get("words", ""),
            )
        )
        if told:
            flash(_("已通知 %(n)s 人，他们的消息里会看到。", n=told), "success")
            return redirect(back, 303)
    return forms.page(
        _("通知成员"),
        [
            Box("capacity", _("通知谁"), "radio", "", [(c, words.role(c)) for c in CAPACITIES]),
            Box(
                "words",
                _("内容"),
                "textarea",
                description=_("最多 200 字，不要写居民的姓名、证件号和病情。"),
                attrs={"maxlength": 200, "rows": 3},
            ),
        ],
        submit=_("发出通知"),
        back=back,
        crumbs=[(_("机构和网格"), url_for("places.index")), (name, back)],
        refusal=refusal,
    )
