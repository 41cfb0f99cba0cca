"""What the pages of the exit show of one row, and of one person's rows together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from flask import url_for
from flask_babel import gettext as _

from blueprints import present
from blueprints.context import db_session
from models.exit import Outgoing
from process.masking import mask_name
from services import certificates, custody, express, outgoing

STATE_TONES = {"making": "waiting", "waiting": "needs", "underway": "running", "gone": "done", "dropped": "waiting"}


def state_words(row: Outgoing) -> str:
    """One state, one word."""
    if row.state == outgoing.UNDERWAY:
        return {
            "express": _("已交快递"),
            "door": _("由跑腿工送上门"),
            "terminal": _("在取件柜 %(box)s", box=row.box),
            "station": _("正转往%(unit)s", unit=row.moved_to.name if row.moved_to else ""),
        }.get(row.way, _("随代办单送回"))
    return {
        "making": _("还在办"),
        "waiting": _("等人来领"),
        "gone": _("已交出"),
        "dropped": _("不用交了"),
    }[row.state]


def view(row: Outgoing, visit: Any = None, *, full: bool = False) -> Any:
    """One result: what it is, since when it waits, where it is, and why it cannot leave if it cannot."""
    session, case = db_session(), row.case
    days = outgoing.days_waiting(row)
    certificate = certificates.of_case(session, case) if full else None
    return SimpleNamespace(
        uid=row.uid,
        number=case.number,
        url=url_for("content.show", uid=case.uid),
        hand_url=url_for("exits.hand", uid=row.uid),
        title=case.title,
        what=_("不予受理或不予批准的决定书") if row.kind == "refusal" else _("办理结果"),
        certificate=f"{certificate.title} {certificate.number or ''}".strip() if certificate is not None else "",
        who=mask_name(row.resident.name) if row.resident else "",
        state=state_words(row),
        tone=STATE_TONES[row.state],
        waiting=row.state == outgoing.WAITING,
        days=days if row.waits_since and row.state in (outgoing.WAITING, outgoing.UNDERWAY) else None,
        late=row.state == outgoing.WAITING and outgoing.overdue(session, row),
        reminded=row.reminded,
        obstacle=outgoing.obstacle(session, row) if full else "",
        originals=[m.name for m in custody.originals_out(case)] if full else [],
        parcel=express.of(session, case) if full and row.way == "express" else None,
        way=row.way,
        underway=row.state == outgoing.UNDERWAY,
        box=row.box,
        unit=row.unit.name,
        to=row.moved_to.name if row.moved_to else "",
        visit=present.moment(visit.opened_at) if visit is not None else "",
        gone=present.moment(row.gone_at) if row.gone_at else "",
        by=row.gone_by.name if row.gone_by else "",
        receipt_url=url_for("exits.receipt", uid=row.receipt.uid) if row.receipt is not None else None,
        refusal=row.kind == "refusal",
    )


def groups(rows: Sequence[Outgoing]) -> list[Any]:
    """By person, in the order in which the oldest of each waits."""
    sat = outgoing.visits(db_session(), rows)
    by_person: dict[Any, list[Outgoing]] = defaultdict(list)
    for row in rows:
        by_person[row.resident_id if row.resident_id is not None else f"case-{row.case_id}"].append(row)
    found = []
    for own in by_person.values():
        views = [view(row, sat.get(row.case_id)) for row in own]
        ready = [row for row in own if row.state == outgoing.WAITING]
        found.append(
            SimpleNamespace(
                who=views[0].who,
                rows=views,
                ready=len(ready),
                url=url_for("exits.hand", uid=(ready or own)[0].uid),
                same_visit=len({sat[row.case_id].id for row in own if row.case_id in sat}) == 1 and len(own) > 1,
            )
        )
    return found
