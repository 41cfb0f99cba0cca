"""联动工作站: the register with its members, calling a department for an event, and how much is settled together."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required
from sqlalchemy import select
from sqlalchemy.orm import Session

from blueprints import present
from blueprints.content.actions import FEATURE_LINKS
from blueprints.context import current_actor, db_session, load_or_404
from blueprints.grid import forms, words
from blueprints.grid.bp import bp
from blueprints.grid.forms import Box
from models.agency import Agency
from models.content import Content
from models.person import Person
from models.station import ON_CALL, PERMANENT, JointStation, StationMember
from process import office
from process.access import Actor
from process.clock import local_day
from process.library import library
from process.refusals import NotFound, Refusal
from services import coverage, grid_rights, joint_stations, jurisdiction
from services.joint_stations import PERMANENT_ROLES


def event_links(session: Session, content: Content, actor: Actor) -> list[tuple[str, str]]:
    """On the page of an event at the joint station: calling a department, for whoever has it."""
    if content.state != "joint" or not office.has_it(session, content, actor):
        return []
    return [(_("请部门到场"), url_for("grid.call", uid=content.uid))]


FEATURE_LINKS[joint_stations.EVENT] = event_links


@bp.get("/stations")
@login_required
def stations() -> ResponseReturnValue:
    """Every station, who is lacking of the five, and the share of events settled together."""
    session, actor, today = db_session(), current_actor(), grid_rights.today()
    rows = joint_stations.listed(session, actor)
    since, until = _period()
    days = (until - since).days + 1
    before = joint_stations.share(
        session, actor, since.fromordinal(since.toordinal() - days), since.fromordinal(since.toordinal() - 1)
    )
    share = joint_stations.share(session, actor, since, until)
    return render_template(
        "grid/stations.html",
        rows=[
            SimpleNamespace(
                station=s,
                permanent=[m for m in found if m.kind == PERMANENT],
                on_call=[m for m in found if m.kind == ON_CALL],
                lacking=[words.role(r) for r in joint_stations.lacking(found)],
            )
            for s in rows
            for found in [joint_stations.members(session, s, today)]
        ],
        joint=words.share(share.joint, share.events),
        resolved=words.share(share.joint_resolved, share.joint),
        before=words.share(before.joint_resolved, before.joint),
        events=[_event(c) for c in joint_stations.joint_events(session, actor, since, until)],
        since=since.isoformat(),
        until=until.isoformat(),
        may_open=bool(jurisdiction.of(actor)),
        role=words.role,
    )


def _period() -> Any:
    try:
        asked = [grid_rights.day(request.args.get(name, ""), name) for name in ("since", "until")]
    except Refusal as refusal:
        flash(refusal.detail, "error")
        asked = [None, None]
    return coverage.period(asked[0], asked[1])


def _event(content: Content) -> Any:
    state = library.of(content, db_session()).states[content.state]
    return SimpleNamespace(
        number=present.number_of(content),
        url=url_for("content.show", uid=content.uid),
        place=content.place.name,
        when=present.day(content.created_at),
        state=present.state_view(state),
    )


@bp.get("/stations/<int:entry_id>")
@login_required
def station(entry_id: int) -> ResponseReturnValue:
    """One station: who sits there, whom one may call."""
    session, actor, today = db_session(), current_actor(), grid_rights.today()
    found = joint_stations.load(session, actor, entry_id)
    members = joint_stations.members(session, found, today)
    keeper = joint_stations.may_keep(actor, found)
    return render_template(
        "grid/station.html",
        station=found,
        permanent=[_member(m, found, keeper) for m in members if m.kind == PERMANENT],
        on_call=[_member(m, found, keeper) for m in members if m.kind == ON_CALL],
        lacking=[words.role(r) for r in joint_stations.lacking(members)],
        named=joint_stations.departments(),
        keeper=keeper,
    )


def _member(member: StationMember, station: JointStation, keeper: bool) -> Any:
    return SimpleNamespace(
        name=member.person.name,
        unit=member.person.unit.name if member.person.unit else "",
        what=words.role(member.role) if member.role else member.department,
        phone=words.phone(member.person.phone, full=True),
        period=present.period(member.since, member.until),
        invented=member.person.illustrative,
        end_url=url_for("grid.station_leave", entry_id=station.id, member_id=member.id) if keeper else None,
    )


@bp.route("/stations/new", methods=["GET", "POST"])
@login_required
def station_new() -> ResponseReturnValue:
    """A station for a street or a community."""
    session, actor = db_session(), current_actor()
    reach = jurisdiction.of(actor)
    if not reach:
        raise NotFound()
    refusal = None
    if request.method == "POST":
        made, refusal = forms.attempt(lambda: joint_stations.open_station(session, actor, request.form))
        if made is not None:
            flash(_("已设立%(name)s，请接着加成员。", name=made.name), "success")
            return redirect(url_for("grid.station", entry_id=made.id), 303)
    found = session.scalars(
        select(Agency).where(reach.condition(Agency.path), Agency.kind.in_(joint_stations.PLACES)).order_by(Agency.path)
    )
    today = grid_rights.today()
    back = url_for("grid.stations")
    return forms.page(
        _("设立联动工作站"),
        [
            Box("name", _("名称"), attrs={"maxlength": 80}),
            Box(
                "place", _("服务哪里"), "select", "", [("", ""), *((a.id, a.name) for a in found if a.exists_on(today))]
            ),
            Box("address", _("地址"), required=False, attrs={"maxlength": 160}),
            Box("phone", _("电话"), required=False, attrs={"maxlength": 40}),
        ],
        submit=_("设立"),
        back=back,
        crumbs=[(_("联动工作站"), back)],
        refusal=refusal,
    )


@bp.route("/stations/<int:entry_id>/members/new", methods=["GET", "POST"])
@login_required
def station_join(entry_id: int) -> ResponseReturnValue:
    """A permanent member, or a department with the colleague to call."""
    session, actor = db_session(), current_actor()
    found = _kept(entry_id)
    back, name, refusal = url_for("grid.station", entry_id=entry_id), found.name, None
    if request.method == "POST":
        made, refusal = forms.attempt(lambda: joint_stations.join(session, actor, found, request.form))
        if made is not None:
            flash(_("%(who)s 已加入%(name)s。", who=made.person.name, name=name), "success")
            return redirect(back, 303)
    people = session.scalars(
        select(Person)
        .where(Person.active, Person.resident_id.is_(None), Person.unit_id.is_not(None))
        .order_by(Person.unit_id, Person.id)
        .limit(400)
    ).unique()
    return forms.page(
        _("加成员"),
        [
            Box(
                "kind",
                _("怎么在站里"),
                "radio",
                PERMANENT,
                [
                    (PERMANENT, _("常驻"), False, _("两警三员，立即有站里的权限")),
                    (ON_CALL, _("按需入驻"), False, _("有事件时才请到场，只看得到请他的那一件")),
                ],
            ),
            Box(
                "role",
                _("常驻的是"),
                "select",
                "",
                [("", _("（按需入驻不选）")), *((r, words.role(r)) for r in PERMANENT_ROLES)],
                required=False,
            ),
            Box(
                "department",
                _("按需入驻的部门"),
                required=False,
                description=_("来源列名的有：%(names)s。", names="、".join(joint_stations.departments())),
                attrs={"maxlength": 40},
            ),
            Box("username", _("同事的用户名"), description=_("按需入驻的填该部门的联系人。"), attrs={"list": "people"}),
            Box(
                "since", _("从哪一天起"), "date", required=False, description=_("不填就从今天起。"), cls="field--short"
            ),
            Box("until", _("到哪一天止"), "date", required=False, description=_("当天仍有效。"), cls="field--short"),
            Box("reason", _("原因"), attrs={"maxlength": 200}),
        ],
        submit=_("加入"),
        back=back,
        crumbs=[(_("联动工作站"), url_for("grid.stations")), (name, back)],
        refusal=refusal,
        suggestions=[(p.username, f"{p.name}（{p.title or (p.unit.name if p.unit else '')}）") for p in people],
    )


@bp.route("/stations/<int:entry_id>/members/<int:member_id>/end", methods=["GET", "POST"])
@login_required
def station_leave(entry_id: int, member_id: int) -> ResponseReturnValue:
    """Somebody leaves; the post the station gave ends at once."""
    session, actor = db_session(), current_actor()
    found = _kept(entry_id)
    member = session.get(StationMember, member_id)
    if member is None or member.station_id != found.id:
        raise NotFound()
    back, name, who, refusal = url_for("grid.station", entry_id=entry_id), found.name, member.person.name, None
    if request.method == "POST":
        _done, refusal = forms.attempt(
            lambda: joint_stations.leave(session, actor, found, member_id, request.form.get("reason", ""))
        )
        if refusal is None:
            flash(_("%(who)s 已离开%(name)s，权限同时结束。", who=who, name=name), "success")
            return redirect(back, 303)
    return forms.page(
        _("%(who)s 离开工作站", who=who),
        [Box("reason", _("原因"), attrs={"maxlength": 200})],
        submit=_("结束"),
        back=back,
        crumbs=[(_("联动工作站"), url_for("grid.stations")), (name, back)],
        refusal=refusal,
    )


def _kept(entry_id: int) -> JointStation:
    found = joint_stations.load(db_session(), current_actor(), entry_id)
    if not joint_stations.may_keep(current_actor(), found):
        raise NotFound()
    return found


@bp.route("/events/<uid>/call", methods=["GET", "POST"])
@login_required
def call(uid: str) -> ResponseReturnValue:
    """按需入驻: asks a department to come to this event, and shows who was asked and what they found."""
    session, actor = db_session(), current_actor()
    content = load_or_404(Content, uid)
    if content.type != joint_stations.EVENT:
        raise NotFound()
    refusal = None
    if request.method == "POST":
        made, refusal = forms.attempt(
            lambda: joint_stations.call(
                session,
                actor,
                content,
                int(request.form.get("member", "0")) if request.form.get("member", "").isdecimal() else 0,
                request.form.get("why", ""),
            )
        )
        if made is not None:
            flash(_("已请%(what)s到场，回话后会提醒您。", what=made.department), "success")
            return redirect(url_for("content.show", uid=uid), 303)
        content = load_or_404(Content, uid)
    asked = joint_stations.called(session, content)
    people = {m.person_id: m.department for m in joint_stations.callable_members(session, content)}
    html = render_template(
        "grid/call.html",
        content=content,
        number=present.number_of(content),
        station=joint_stations.serving(session, content.place_path),
        members=[
            SimpleNamespace(id=m.id, department=m.department, name=m.person.name)
            for m in joint_stations.callable_members(session, content)
        ],
        asked=[
            SimpleNamespace(
                who=" · ".join(p for p in (people.get(t.person_id or 0, ""), t.person.name if t.person else "") if p),
                state=t.state,
                day=present.day_of(local_day(t.opened_at)),
            )
            for t in asked
        ],
        open=content.state == "joint",
        problem=refusal.detail if refusal else "",
        chosen=request.form.get("member", ""),
        why=request.form.get("why", ""),
    )
    return (html, refusal.status) if refusal else html
