"""Boxes on the page of a thing: its parcel, how often somebody had to come, and the photos of a filing by phone."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required
from sqlalchemy.orm import Session

from blueprints import present
from blueprints.content.bp import bp
from blueprints.content.matter import PANELS
from blueprints.context import current_actor, db_session, load_or_404
from blueprints.dynamic_forms import uploaded
from models.case import Case
from models.content import Content
from process import access
from process.access import Actor
from process.refusals import InvalidInput, NotFound
from services import express, photo_filing, trips

TEMPLATE = "content/_parcel.html"


def panel(session: Session, content: Content, actor: Actor, full: bool) -> Any:
    """Parcel and trips; photos too where the thing is a filing by phone. Nothing to say: no box."""
    record = express.of(session, content)
    photos = _photos(session, content, actor) if content.type in photo_filing.TAKING and full else None
    proof = _trips(session, content) if isinstance(content, Case) and content.filed_at is not None else None
    if record is None and photos is None and proof is None:
        return None
    return SimpleNamespace(
        template=TEMPLATE,
        parcel=SimpleNamespace(
            number=record.number,
            holds=record.holds,
            sent=present.moment(record.sent_at),
            by=record.sent_by.name if record.sent_by else "",
            signed=present.moment(record.signed_at) if record.signed_at else "",
            name=record.signed_name if full else "",
        )
        if record is not None
        else None,
        proof=proof,
        photos=photos,
    )


def _trips(session: Session, case: Case) -> Any:
    """How often somebody had to come, with every event that counts or does not."""
    counted = trips.of_case(session, case)
    return SimpleNamespace(
        trips=counted.trips,
        windows=counted.windows,
        lines=[
            SimpleNamespace(
                when=present.moment(line.at), step=_(line.step), why=_(line.why), unit=line.unit, came=line.came
            )
            for line in counted.events
        ],
    )


def _photos(session: Session, content: Content, actor: Actor) -> Any:
    found = photo_filing.slots(session, content)
    if not found:
        return None
    open_still = content.state in photo_filing.TAKING[content.type]
    own = actor.resident_id is not None and actor.resident_id == content.applicant_id
    return SimpleNamespace(
        uid=content.uid,
        slots=[
            SimpleNamespace(
                id=slot.id,
                name=slot.name,
                critical=slot.critical,
                when=slot.when,
                bad=slot.bad,
                thumb=url_for("content.thumbnail", uid=content.uid, document_uid=slot.document.uid, part="thumbnail")
                if slot.document
                else None,
                url=url_for("content.document", uid=content.uid, document_uid=slot.document.uid)
                if slot.document
                else None,
            )
            for slot in found
        ],
        have=sum(slot.document is not None for slot in found),
        may_take=open_still
        and (own or actor.person_id == content.owner_id)
        and access.may(actor, "attach", content, session),
        may_judge=content.state == photo_filing.JUDGING[content.type]
        and not own
        and access.may(actor, "internal", content, session),
    )


for _type in ("case", "micro_approval", "mobile_precheck", "one_thing_joint"):
    PANELS[_type] = panel


@bp.post("/<uid>/photos/<material>")
@login_required
def photograph(uid: str, material: str) -> ResponseReturnValue:
    """One photo of one material, from the camera of a phone."""
    filing = _filing(uid)
    found = uploaded("photo")
    if not found:
        raise InvalidInput(_("还没有选照片。请拍照或选一张图片再上传。"), {"photo": _("请选照片")})
    photo_filing.photograph(
        db_session(), filing, current_actor(), material, found[0].read(), found[0].filename or "photo.jpg"
    )
    flash(_("照片已上传。"), "success")
    return redirect(url_for("content.show", uid=uid) + "#photos", 303)


@bp.post("/<uid>/photos")
@login_required
def judge_photos(uid: str) -> ResponseReturnValue:
    """What is wrong with each photo; empty means it is good."""
    filing = _filing(uid)
    reasons = {name.removeprefix("bad-"): text for name, text in request.form.items() if name.startswith("bad-")}
    bad = photo_filing.judge(db_session(), filing, current_actor(), reasons)
    flash(
        _("已标出 %(n)s 张不清楚的照片。请办“照片不清或不全”退回，原因会给申请人看。", n=bad)
        if bad
        else _("照片都清楚，可以受理。"),
        "success",
    )
    return redirect(url_for("content.show", uid=uid) + "#photos", 303)


def _filing(uid: str) -> Content:
    content = load_or_404(Content, uid, access.VIEW_FULL)
    if content.type not in photo_filing.TAKING:
        raise NotFound()
    return content
