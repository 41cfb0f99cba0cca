"""Pages about places: who is where, since when, and what lies there."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import get_locale
from flask_babel import gettext as _
from flask_login import login_required

from blueprints import present
from blueprints.catalogue.authority import rows as grant_rows
from blueprints.context import current_actor, db_session
from blueprints.hall import links as hall_pages
from catalogue import loader as catalogue
from models.agency import Agency
from models.base import now
from process import clock, office
from process.access import Actor
from process.library import library
from process.refusals import NotFound
from process.relations import HEAD
from process.words import N_
from services import (
    authority,
    grid_rights,
    item_places,
    jurisdiction,
    places,
    point_items,
    points,
    positions,
    role_grants,
    rosters,
    town_platforms,
)
from services.places import Grid

bp = Blueprint("places", __name__, url_prefix="/places")

KINDS = {
    "city": N_("市"),
    "district": N_("区"),
    "street": N_("街道"),
    "street_centre": N_("行政服务中心"),
    "errand_station": N_("红色代办站"),
    "community": N_("社区"),
    "community_station": N_("公共服务站"),
    "errand_point": N_("红色代办点"),
    "grid": N_("网格"),
    "town": N_("镇"),
    "village": N_("村"),
    "department": N_("部门"),
    "approvals_office": N_("审批办"),
    "company": N_("公司"),
    "sub_centre": N_("政务服务分中心"),
    "extended_outlet": N_("延伸服务网点"),
    "bank_outlet": N_("政银通银行网点"),
}


@bp.get("/")
@login_required
def index() -> ResponseReturnValue:
    """The whole tree, with the period of each unit and what is invented."""
    today, chosen = clock.local_day(now()), request.args.get("platform", "")
    chosen = chosen if chosen in town_platforms.PLATFORMS else ""
    roots = places.tree(db_session(), today)
    filters = [
        SimpleNamespace(
            label=label,
            count=places.with_platform(roots, key)[1] if key else None,
            active=chosen == key,
            url=url_for("places.index", platform=key or None),
        )
        for key, label in [
            ("", _("全部单位")),
            *((one, _(label)) for one, label in town_platforms.PLATFORMS.items()),
        ]
    ]
    return render_template(
        "places/index.html",
        roots=places.with_platform(roots, chosen)[0] if chosen else roots,
        filters=filters,
        chosen=chosen,
        platforms_of=platforms_of,
        kinds=_kinds(),
        marks=marks,
        period=period,
        grids_url=url_for("places.grids"),
    )


@bp.get("/grids")
@login_required
def grids() -> ResponseReturnValue:
    """The register of grids; its totals are counted from the rows."""
    session, actor, today = db_session(), current_actor(), clock.local_day(now())
    chosen = request.args.get("community", "")
    everything = places.grids(session, actor, today)
    communities = sorted(
        {g.community.id: g.community for g in everything if g.community}.values(), key=lambda c: (c.number or 0, c.path)
    )
    if chosen and chosen not in {c.id for c in communities}:
        raise NotFound()
    shown = [g for g in everything if not chosen or g.agency.parent_id == chosen]
    if request.args.get("short"):
        shown = [g for g in shown if g.short_of_leaders]
    return render_template(
        "places/grids.html",
        rows=shown,
        shown=places.totals(shown),
        whole=places.totals(everything),
        communities=communities,
        chosen=chosen,
        short=bool(request.args.get("short")),
        marks=marks,
        capacities=_capacities(),
    )


@bp.get("/inbox")
@login_required
def my_inbox() -> ResponseReturnValue:
    """Straight to the inbox of the unit I sit in."""
    unit = current_actor().unit_id
    if unit is None:
        raise NotFound()
    return redirect(url_for("places.inbox", place_id=unit), 303)


@bp.get("/<place_id>/inbox")
@login_required
def inbox(place_id: str) -> ResponseReturnValue:
    """What lies with this unit, by deadline; only for those who work there or above."""
    session, actor = db_session(), current_actor()
    agency = _place(place_id)
    if not places.belongs(actor, agency):
        raise NotFound()
    units = places.inbox_units(session, agency)
    counts = places.inbox_counts(session, actor, units)
    piles = places.inbox_piles(session, actor, units)
    chosen = request.args.get("type", "")
    chosen = chosen if chosen in counts else ""
    holder = request.args.get("who", "")
    holder = holder if holder in {pile.username for pile in piles} else ""
    sorts = places.inbox_categories(session, actor, units)
    category = request.args.get("category", "")
    category = category if category in sorts and chosen in ("", "case") else ""
    page = places.inbox(
        session, actor, units, type_id=chosen, holder=holder, category=category, after=request.args.get("after", "")
    )

    def link(label: str, count: int, *, kind: str, who: str, active: bool, sort: str = "") -> Any:
        url = url_for("places.inbox", place_id=place_id, type=kind or None, who=who or None, category=sort or None)
        return SimpleNamespace(label=label, url=url, active=active, count=count)

    total = sum(counts.values())
    by_kind = [link(_("全部"), total, kind="", who=holder, active=not chosen)]
    by_kind += [
        link(present.title_of(library.type(kind)), count, kind=kind, who=holder, active=chosen == kind)
        for kind, count in counts.items()
    ]
    english = str(get_locale()) == "en"
    names = {one.id: one.name_en if english else one.name for one in catalogue.schemes().categories}
    by_category = [
        link(
            names.get(key) or _("其他事项"),
            count,
            kind="case",
            who=holder,
            sort=key,
            active=category == key,
        )
        for key, count in sorted(sorts.items(), key=lambda pair: (-pair[1], pair[0]))
    ]
    by_holder = [link(_("不论谁办"), total, kind=chosen, who="", active=not holder)]
    by_holder += [
        link(_name_of(pile, actor), pile.count, kind=chosen, who=pile.username, active=holder == pile.username)
        for pile in piles
    ]
    return render_template(
        "places/inbox.html",
        agency=agency,
        rows=[
            SimpleNamespace(
                row=present.row(session, content, actor, steps),
                holder=content.assignee.name if content.assignee else "",
                mine=content.assignee_id is not None and content.assignee_id in actor.persons,
                claim_url=url_for("content.office", uid=content.uid, verb="claim")
                if content.assignee_id is None and steps and office.lies_with(content, actor)
                else None,
                version=content.version,
            )
            for content, steps in page.works
        ],
        filters=by_kind,
        categories=by_category,
        holders=by_holder,
        total=total,
        free=next((pile.count for pile in piles if pile.username == places.FREE), 0),
        chosen_free=holder == places.FREE,
        place_url=url_for("places.show", place_id=place_id),
        next_url=url_for(
            "places.inbox",
            place_id=place_id,
            type=chosen or None,
            who=holder or None,
            category=category or None,
            after=page.after,
        )
        if page.after
        else None,
    )


def _name_of(pile: places.Pile, actor: Actor) -> str:
    if pile.username == places.FREE:
        return _("没人接手")
    return _("我手里") if pile.username == actor.username else pile.name


@bp.get("/<place_id>")
@login_required
def show(place_id: str) -> ResponseReturnValue:
    """One place: desks, staff, grids with their leaders, and how much is open as far as I may see."""
    session, actor, today = db_session(), current_actor(), clock.local_day(now())
    agency = _place(place_id)
    below = places.children(session, agency)
    found = places.grids(session, actor, today, within=agency) if agency.kind in ("community", "grid") else []
    work = [
        SimpleNamespace(label=present.title_of(library.type(kind)), count=count)
        for kind, count in places.open_by_type(session, actor, agency).items()
    ]
    inside = places.belongs(actor, agency)
    inbox_counts = places.inbox_counts(session, actor, places.inbox_units(session, agency)) if inside else {}
    return render_template(
        "places/show.html",
        agency=agency,
        parent=agency.parent,
        kinds=_kinds(),
        facts=_facts(agency),
        marks=marks,
        period=period,
        desks=[a for a in below if a.kind != "grid"],
        grids=found,
        totals=places.totals(found),
        staff=places.staff(session, agency),
        heads=role_grants.heads(session, agency),
        name_head_url=url_for("access.give", place=place_id, role=HEAD)
        if jurisdiction.of(actor).administers(agency.path)
        else None,
        work=work,
        members=_members(found) if agency.kind == "grid" else [],
        duty=_on_duty(agency, below, today),
        grid_work=_grid_work(agency),
        serves=[a.name for a in points.within_reach(session, agency)] if agency.kind in points.KINDS else [],
        capacities=_capacities(),
        authority=grant_rows(authority.of_place(session, agency, today)),
        powers=item_places.powers_at(session, agency),
        inbox_url=url_for("places.inbox", place_id=place_id) if inside else None,
        inbox_total=sum(inbox_counts.values()),
    )


def _on_duty(agency: Agency, below: list[Agency], today: date) -> list[Any]:
    """Who sits at the window today, as it stands on the notice at the door."""
    here = [agency.id, *(a.id for a in below if a.kind in places.DESKS)]
    if agency.kind == "community_station" and agency.parent_id:
        here.append(agency.parent_id)
    return [
        SimpleNamespace(name=shift.person.name, shift=_(rosters.SHIFTS[shift.shift]))
        for shift in rosters.on_duty(db_session(), here, today)
    ]


def _grid_work(agency: Agency) -> list[Any]:
    """The registers that hang on this place, for colleagues."""
    actor = current_actor()
    if not grid_rights.works_in_office(actor):
        return []
    found = []
    if agency.kind == "grid":
        found.append((_("值守和成员"), url_for("grid.duty", place_id=agency.id)))
    if agency.kind in ("community", "village", "grid"):
        found.append((_("楼栋登记"), url_for("grid.buildings_of", place_id=agency.id)))
    if agency.kind in rosters.KINDS:
        found.append((_("值班表"), url_for("grid.roster", place_id=agency.id)))
    if jurisdiction.of(actor).administers(agency.path):
        found.append((_("改基本情况"), url_for("grid.point_details", place_id=agency.id)))
        found.append((_("上门时间和规定"), url_for("places.rules", place_id=agency.id)))
        hall_pages.links(agency, found)
        if agency.kind in positions.KINDS or agency.kind in ("street", "town"):
            found.append((_("地图位置"), url_for("places.place_positions", place_id=agency.id)))
        if agency.kind != "grid":
            found.append((_("停办与接替"), url_for("places.successor", place_id=agency.id)))
    return [SimpleNamespace(label=label, url=url) for label, url in found]


def _place(place_id: str) -> Agency:
    found = db_session().get(Agency, place_id)
    if found is None:
        raise NotFound()
    return found


def _takes(agency: Agency) -> str:
    """The list of an outlet, or that it has none and therefore takes nothing."""
    session = db_session()
    if agency.kind not in point_items.LISTED or not point_items.limited(agency):
        return ""
    return "、".join(point_items.offered(session, agency)) or point_items.nothing_listed(session, agency)


def _facts(agency: Agency) -> list[tuple[str, str, bool]]:
    """(label, value, invented): what is known of the unit."""
    details = agency.details or {}
    invented = set(details.get("illustrative_fields") or ())
    rows = (
        (_("代码"), agency.code, "code"),
        (_("文号用字"), agency.paper_name, "paper_name"),
        (_("地址"), details.get("address"), "address"),
        (_("电话"), details.get("phone"), "phone"),
        (_("办公时间"), details.get("hours"), "hours"),
        (_("户数"), details.get("households"), "households"),
        (_("区域"), "、".join(details.get("zones") or ()), "zones"),
        (_("四个平台"), "、".join(platforms_of(agency)), town_platforms.KEY),
        *((_(label), details.get(name), name) for name, label, _low, _high in points.NUMBERS),
        (_("可以办的事项"), _takes(agency), "items"),
    )
    return [(label, str(value), agency.illustrative or name in invented) for label, value, name in rows if value]


def marks(agency: Agency) -> list[str]:
    """虚构 for invented units, 示例 where only some facts are, 已停止 for units that ended."""
    found = []
    if agency.illustrative:
        found.append(_("虚构"))
    elif (agency.details or {}).get("illustrative_fields"):
        found.append(_("部分为示例"))
    if not agency.exists_on(clock.local_day(now())):
        found.append(_("不在有效期"))
    return found


def platforms_of(agency: Agency) -> list[str]:
    """The town platforms a unit serves, in the reader's language."""
    return [_(town_platforms.PLATFORMS[one]) for one in town_platforms.of(agency)]


def period(agency: Agency) -> str:
    if agency.valid_from is None and agency.valid_to is None:
        return ""
    return present.period(agency.valid_from, agency.valid_to)


def _kinds() -> dict[str, str]:
    return {kind: _(title) for kind, title in KINDS.items()}


def _capacities() -> dict[str, str]:
    english = str(get_locale()) == "en"
    return {
        role.id: role.name_en if english else role.name for role in catalogue.roles().values() if role.tier == "grid"
    }


def _members(found: list[Grid]) -> list[Any]:
    """By capacity, leaders first."""
    titles = _capacities()
    return [
        SimpleNamespace(capacity=titles.get(capacity, capacity), names=names)
        for grid in found
        for capacity, names in sorted(grid.members.items(), key=lambda pair: pair[0] != places.LEADER)
    ]
