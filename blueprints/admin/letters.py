"""办不成的任务: what failed for good, whose it is, why, and what to do about it."""

from __future__ import annotations

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import get_locale
from flask_babel import gettext as _
from flask_login import login_required
from sqlalchemy import select

from blueprints import present
from blueprints.admin.views import bp
from blueprints.context import current_actor, db_session
from catalogue import loader as catalogue
from jobs import kinds
from models.agency import Agency
from models.ledger import OutboxItem
from services import dead_letters

PAGE = 50


@bp.get("/outbox")
@login_required
def letters() -> ResponseReturnValue:
    session = db_session()
    chosen = {name: request.args.get(name, "") for name in ("job", "owner", "district", "state")}
    jobs = None
    if chosen["job"] in kinds.KINDS:
        jobs = {chosen["job"]}
    if chosen["owner"]:
        of_owner = set(kinds.jobs_of(chosen["owner"]))
        jobs = of_owner if jobs is None else jobs & of_owner
    before = request.args.get("before", "")
    found = dead_letters.listed(
        session,
        current_actor(),
        jobs=jobs,
        district=chosen["district"],
        closed=chosen["state"] == "closed",
        before=int(before) if before.isascii() and before.isdigit() and len(before) < 19 else None,
        limit=PAGE + 1,
    )
    districts = {a.id: a.name for a in session.scalars(select(Agency).where(Agency.id == Agency.district))}
    further = {**chosen, "before": str(found[PAGE - 1].id)} if len(found) > PAGE else {}
    return render_template(
        "admin/letters.html",
        rows=[_row(item, districts) for item in found[:PAGE]],
        filters=_filters(districts),
        chosen=chosen,
        filtered=any(chosen.values()),
        next_url=url_for("admin.letters", **{k: v for k, v in further.items() if v}) if further else None,
    )


def _row(item: OutboxItem, districts: dict[str, str]) -> dict[str, object]:
    kind = kinds.kind(item.job)
    owner = _role(kind.owner)
    return {
        "id": item.id,
        "title": _(kind.title),
        "job": item.job,
        "owner": f"{owner} · {districts[item.district]}" if item.district in districts else owner,
        "since": present.moment(item.created_at),
        "attempts": item.attempts,
        "losses": item.losses,
        "error": item.error,
        "advice": _(kind.advice),
        "closed": present.moment(item.closed_at),
        "reason": item.closed_reason,
    }


def _role(role: str) -> str:
    found = catalogue.roles().get(role)
    if found is None:
        return role
    return found.name_en if str(get_locale()) == "en" else found.name


def _filters(districts: dict[str, str]) -> list[dict[str, object]]:
    owners = {kind.owner for kind in kinds.KINDS.values()}
    return [
        {"name": "state", "label": _("处理"), "all": _("等人处理的"), "options": [("closed", _("已放弃的"))]},
        {"name": "job", "label": _("任务"), "options": [(job, _(kind.title)) for job, kind in kinds.KINDS.items()]},
        {"name": "owner", "label": _("负责人"), "options": [(role, _role(role)) for role in sorted(owners)]},
        {"name": "district", "label": _("区"), "options": sorted(districts.items())},
    ]


@bp.post("/outbox/<int:item_id>/again")
@login_required
def again(item_id: int) -> ResponseReturnValue:
    """A dead letter gets a new chance after its cause was mended."""
    dead_letters.retry(db_session(), current_actor(), item_id)
    flash(_("已重新排队，通常几秒内办完。"), "success")
    return redirect(url_for("admin.letters"), 303)


@bp.post("/outbox/<int:item_id>/give-up")
@login_required
def give_up(item_id: int) -> ResponseReturnValue:
    """Somebody decides that this need not be done any more, and says why."""
    dead_letters.give_up(db_session(), current_actor(), item_id, request.form.get("reason", ""))
    flash(_("已放弃第 %(id)s 号任务，理由已记入日志。", id=item_id), "success")
    return redirect(url_for("admin.letters"), 303)
