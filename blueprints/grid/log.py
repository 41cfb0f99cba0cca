"""网格日志: entered on a phone in one screen, put right the same day, counted per grid and month."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from flask import Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required

from blueprints import present
from blueprints.context import current_actor, db_session
from blueprints.dynamic_forms import uploaded
from blueprints.grid import forms, words
from blueprints.grid.bp import bp
from blueprints.grid.forms import Box
from models.agency import Agency
from models.grid import GridLog
from process.masking import mask_name
from process.refusals import NotFound, Refusal
from services import buildings, files, grid_log, grid_rights, imports
from services.grid_log import DUTIES, KINDS
from services.grid_rights import CAPACITIES, COUNTERS, READERS

FEW_GRIDS = 4
MONTHS_SHOWN = 12


@bp.get("/")
@login_required
def index() -> ResponseReturnValue:
    """The hub: my grids, what I wrote today, and the registers I may open."""
    session, actor, today = db_session(), current_actor(), grid_rights.today()
    if not grid_rights.works_in_office(actor):
        raise NotFound()
    mine = grid_log.my_grids(session, actor)
    own = grid_log.entries(session, actor, first=today, last=today, mine=True) if mine else []
    year = grid_log.walks(session, [actor.person_id or 0], today.year)[actor.person_id or 0]
    return render_template(
        "grid/index.html",
        imports_url=url_for("lists.importing") if any(kind.may(actor) for kind in imports.KINDS.values()) else None,
        mine=mine[:12],
        own=[_row(entry) for entry in own],
        walks=year,
        wanted=grid_log.WALKS_A_YEAR,
        year=today.year,
        counts=not actor.roles.isdisjoint(READERS | COUNTERS),
        keeper=not actor.roles.isdisjoint(grid_rights.CLERKS | {"system_admin", "head"}),
        place=_home(actor),
        trains=not actor.roles.isdisjoint({"training_officer", "system_admin", "head"}),
    )


def _home(actor: Any) -> Agency | None:
    """The community somebody works in, for the links to its own registers."""
    unit = db_session().get(Agency, actor.unit_id) if actor.unit_id else None
    while unit is not None and unit.kind not in ("community", "village"):
        unit = unit.parent
    return unit


@bp.route("/log/new", methods=["GET", "POST"])
@login_required
def log_new() -> ResponseReturnValue:
    """One screen: duty, what, how long; everything else is filled in or may stay empty."""
    session, actor = db_session(), current_actor()
    if actor.roles.isdisjoint(CAPACITIES):
        raise NotFound()
    refusal = None
    if request.method == "POST":
        data, name = _photo()
        made, refusal = forms.attempt(lambda: grid_log.enter(session, actor, _given(), photo=data, photo_name=name))
        if made is not None:
            flash(
                _("已记：%(duty)s，%(n)s 分钟。今天之内可以更正。", duty=_(DUTIES[made.duty]), n=made.minutes),
                "success",
            )
            return redirect(url_for("grid.log", mine=1), 303)
    return _form(_("记一条网格日志"), _("记下"), None, refusal)


def _given() -> dict[str, Any]:
    return {name: request.form.get(name, "") for name in (
        "grid", "duty", "kind", "what", "where", "building", "care", "minutes", "happened_on",
    )}  # fmt: skip


def _photo() -> tuple[bytes, str]:
    found = uploaded("photo")[:1]
    return (found[0].read(), found[0].filename or "") if found else (b"", "")


def _form(title: str, submit: str, entry: GridLog | None, refusal: Refusal | None) -> ResponseReturnValue:
    session, actor = db_session(), current_actor()
    mine = grid_log.my_grids(session, actor)
    chosen = request.form.get("grid") or (entry.grid_id if entry else request.args.get("grid", ""))
    grid = next((g for g in mine if g.id == chosen), mine[0] if mine else None)
    # Whoever works in several grids chooses the grid on the same screen, so all their houses are there.
    near = mine[:FEW_GRIDS] if len(mine) <= FEW_GRIDS else [grid] if grid else []
    cared = [entry for one in near for entry in grid_log.cared_for(session, actor, one)]
    houses = [house for one in near for house in buildings.of_grid(session, one)]
    boxes = [
        Box(
            "duty",
            _("五项工作"),
            "radio",
            entry.duty if entry else "",
            [(d, _(t)) for d, t in DUTIES.items()],
            attrs={"side": True},
        ),
        Box(
            "what",
            _("做了什么"),
            "textarea",
            entry.what if entry else "",
            attrs={"rows": 3, "maxlength": grid_log.LONGEST_WHAT},
        ),
        Box(
            "minutes",
            _("用时（分钟）"),
            "number",
            entry.minutes if entry else "20",
            cls="field--short",
            attrs={"min": 1, "max": grid_log.MOST_MINUTES, "inputmode": "numeric"},
        ),
        Box(
            "kind",
            _("方式"),
            "radio",
            entry.kind if entry else "walk",
            [(k, _(t)) for k, t in KINDS.items()],
            attrs={"side": True},
        ),
    ]
    if len(mine) > 1:
        boxes.insert(0, Box("grid", _("网格"), "select", grid.id if grid else "", [(g.id, g.name) for g in mine]))
    if houses:
        boxes.append(
            Box(
                "building",
                _("楼栋"),
                "select",
                (entry.building_id or "") if entry else "",
                [("", _("不选")), *((b.id, b.name) for b in houses)],
                required=False,
            )
        )
    boxes.append(
        Box(
            "where",
            _("地点"),
            value=(entry.where_it_was or "") if entry else "",
            required=False,
            attrs={"maxlength": 100},
            folded=True,
        )
    )
    if cared:
        boxes.append(
            Box(
                "care",
                _("走访的服务对象"),
                "select",
                (entry.care_entry_id or "") if entry else "",
                [("", _("不选")), *((e.id, mask_name(e.resident.name)) for e in cared)],
                required=False,
                description=_("选了就算看望过，覆盖情况里不再列出。"),
                folded=True,
            )
        )
    boxes.append(
        Box(
            "happened_on",
            _("日期"),
            "date",
            entry.happened_on.isoformat() if entry else grid_rights.today().isoformat(),
            cls="field--short",
            description=_("可以补记 %(n)s 天以内的。", n=grid_log.LATE_DAYS),
            folded=True,
        )
    )
    if entry is None:
        boxes.append(Box("photo", _("照片"), "photos", required=False))
    return forms.page(
        title,
        boxes,
        submit=submit,
        back=url_for("grid.log", mine=1),
        crumbs=[(_("网格工作"), url_for("grid.index"))],
        refusal=refusal,
        phone=True,
        intro=_("不要写证件号和病情。"),
    )


@bp.get("/log")
@login_required
def log() -> ResponseReturnValue:
    """The entries behind a number, or my own."""
    session, actor = db_session(), current_actor()
    if actor.roles.isdisjoint(READERS | COUNTERS):
        raise NotFound()
    first, last = grid_log.month_of(request.args.get("month", ""))
    chosen = {name: request.args.get(name, "")[:40] for name in ("grid", "duty")}
    mine = bool(request.args.get("mine"))
    duty = DUTIES.get(chosen["duty"])
    rows = grid_log.entries(
        session, actor, first=first, last=last, grid_id=chosen["grid"], duty=chosen["duty"], mine=mine
    )
    return render_template(
        "grid/log.html",
        rows=[_row(entry) for entry in rows],
        counted=sum(entry.withdrawn_at is None for entry in rows),
        month=f"{first:%Y-%m}",
        mine=mine,
        duty=_(duty) if duty else "",
        grid=session.get(Agency, chosen["grid"]) if chosen["grid"] else None,
        may_log=not actor.roles.isdisjoint(CAPACITIES),
        capped=len(rows) == grid_log.LIMIT,
    )


def _row(entry: GridLog) -> Any:
    full = grid_log.reads(current_actor(), entry)
    return SimpleNamespace(
        uid=entry.uid,
        day=f"{entry.happened_on.month}月{entry.happened_on.day}日",
        grid=entry.grid.name,
        who=entry.person.name,
        duty=_(DUTIES[entry.duty]),
        kind=_(KINDS[entry.kind]),
        what=entry.what if full else _("（内容只给本网格和社区看）"),
        where=" ".join(
            part for part in (entry.building.name if entry.building else "", entry.where_it_was or "") if part
        )
        if full
        else "",
        minutes=entry.minutes,
        photo=bool(entry.photo_key) and full,
        withdrawn=entry.withdrawn_at is not None,
        changed=entry.changed_at is not None,
        invented=entry.illustrative,
        url=url_for("grid.log_entry", uid=entry.uid),
    )


@bp.get("/log/<uid>")
@login_required
def log_entry(uid: str) -> ResponseReturnValue:
    """One entry with its trace."""
    entry = grid_log.load(db_session(), current_actor(), uid)
    return _entry_page(entry)


def _entry_page(entry: GridLog, refusal: Refusal | None = None) -> ResponseReturnValue:
    session, actor = db_session(), current_actor()
    full = grid_log.reads(actor, entry)
    html = render_template(
        "grid/log_entry.html",
        entry=entry,
        row=_row(entry),
        when=present.moment(entry.created_at),
        full=full,
        own=grid_log.own_today(actor, entry),
        entries=words.story(grid_log.story(session, entry)[::-1], {}),
        problem=refusal.detail if refusal else "",
        reason=request.form.get("reason", ""),
    )
    return (html, refusal.status) if refusal else html


@bp.get("/log/<uid>/photo")
@login_required
def log_photo(uid: str) -> ResponseReturnValue:
    """The photo of an entry, for those who may read it."""
    entry = grid_log.load(db_session(), current_actor(), uid)
    if not entry.photo_key or not grid_log.reads(current_actor(), entry):
        raise NotFound()
    data = files.store().read(entry.photo_key)
    answer = Response(data, mimetype="image/png" if data.startswith(b"\x89PNG") else "image/jpeg")
    answer.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    answer.headers["Cache-Control"] = "no-store"
    return answer


@bp.route("/log/<uid>/correct", methods=["GET", "POST"])
@login_required
def log_correct(uid: str) -> ResponseReturnValue:
    """My own entry of today, put right."""
    session, actor = db_session(), current_actor()
    entry = grid_log.load(session, actor, uid)
    if entry.person_id != actor.person_id:
        raise NotFound()
    refusal = None
    if request.method == "POST":
        _done, refusal = forms.attempt(lambda: grid_log.correct(session, actor, entry, _given()))
        if refusal is None:
            flash(_("已更正，改动记在经过里。"), "success")
            return redirect(url_for("grid.log_entry", uid=uid), 303)
        entry = grid_log.load(session, actor, uid)
    elif not grid_log.own_today(actor, entry):
        return redirect(url_for("grid.log_entry", uid=uid), 303)
    return _form(_("更正网格日志"), _("更正"), entry, refusal)


@bp.post("/log/<uid>/withdraw")
@login_required
def log_withdraw(uid: str) -> ResponseReturnValue:
    """My own entry of today, taken out of the counts with a reason."""
    session, actor = db_session(), current_actor()
    entry = grid_log.load(session, actor, uid)
    if entry.person_id != actor.person_id:
        raise NotFound()
    _done, refusal = forms.attempt(lambda: grid_log.withdraw(session, actor, entry, request.form.get("reason", "")))
    if refusal is not None:
        return _entry_page(grid_log.load(session, actor, uid), refusal)
    flash(_("已撤回，不再计入统计。"), "success")
    return redirect(url_for("grid.log", mine=1), 303)


@bp.get("/log/table")
@login_required
def log_table() -> ResponseReturnValue:
    """The five duties per grid in a month; every number leads to its entries."""
    session, actor = db_session(), current_actor()
    if actor.roles.isdisjoint(READERS | COUNTERS):
        raise NotFound()
    first, last = grid_log.month_of(request.args.get("month", ""))
    lines = grid_log.counted(session, actor, first, last)
    return render_template(
        "grid/log_table.html",
        lines=lines,
        duties=[(d, _(t)) for d, t in DUTIES.items()],
        sums={d: sum(line.duties.get(d, 0) for line in lines) for d in DUTIES},
        total=sum(line.total for line in lines),
        minutes=sum(line.minutes for line in lines),
        active=words.share(sum(line.total > 0 for line in lines), len(lines)),
        writers=words.share(sum(line.writers for line in lines), sum(line.members for line in lines)),
        month=f"{first:%Y-%m}",
        months=_months(),
    )


def _months() -> list[str]:
    day = grid_rights.today().replace(day=1)
    found = []
    for _step in range(MONTHS_SHOWN):
        found.append(f"{day:%Y-%m}")
        day = day.replace(year=day.year - 1, month=12) if day.month == 1 else day.replace(month=day.month - 1)
    return found
