"""What the field app asks: sign a phone on, take the day along, send photos in pieces, hand in what was done."""

from __future__ import annotations

from typing import Any

from flask import Response, current_app, jsonify, request, session
from flask.typing import ResponseReturnValue
from flask_login import current_user, login_required, logout_user
from flask_wtf.csrf import generate_csrf

from blueprints.api.body import json_object
from blueprints.context import current_actor, db_session, language
from blueprints.errors import problem
from blueprints.field.bp import bp
from models.base import now
from models.field import FieldDevice
from models.person import LoginSession
from process import clock
from process.refusals import InvalidInput, TooLarge
from services import accounts
from services.field import blobs, codes_seen, devices, ops
from services.field import day as days

DEVICE = "X-Field-Device"
COOKIE = "field_device"
MOST_JSON = 1_000_000


@bp.errorhandler(blobs.WrongOffset)
def _elsewhere(refusal: blobs.WrongOffset) -> ResponseReturnValue:
    answer = problem(refusal.status, refusal.slug, refusal.title, refusal.detail)
    answer.headers["Upload-Offset"] = str(refusal.received)
    return answer


def _body() -> dict[str, Any]:
    if (request.content_length or 0) > MOST_JSON:
        raise TooLarge(f"一次最多上报 {ops.MOST_OPS} 项、1 MB。请分批上报，没有收下的都还在手机上。")
    request.max_content_length = MOST_JSON
    return json_object(required=False)


def _device() -> FieldDevice:
    return devices.require(db_session(), current_actor(), request.headers.get(DEVICE, ""))


@bp.get("/api/hello", endpoint="api_hello")
def hello() -> ResponseReturnValue:
    """Is the line there, am I signed in, is this phone still mine; and the token that every request carries."""
    if not current_user.is_authenticated:
        return jsonify(signed_in=False)
    actor, uid = current_actor(), request.headers.get(DEVICE, "")
    found: dict[str, Any] = {
        "signed_in": True,
        "csrf": generate_csrf(),
        "person": {"username": actor.username, "name": actor.name},
        "now": now().isoformat(timespec="milliseconds"),
        "today": clock.local_day(now()).isoformat(),
        "shape": devices.SHAPE,
        "outside": devices.works_outside(actor),
    }
    if uid:
        device = _device()
        found["device"] = {"uid": device.uid, "idle_minutes": devices.idle_minutes(db_session(), device.person)}
    return jsonify(found)


@bp.post("/api/device", endpoint="api_device")
@login_required
def open_device() -> ResponseReturnValue:
    """Signs the phone on and hands out the secret under which it keeps what it keeps."""
    body = _body()
    known = body.get("known") or []
    if not isinstance(known, list) or not all(isinstance(one, str) for one in known):
        raise InvalidInput("登记手机的内容读不懂，请更新应用后再试。", {"known": "应为列表"})
    login = db_session().get(LoginSession, accounts.token_hash(current_user.token))
    if login is None:
        raise InvalidInput("登记手机的内容读不懂，请更新应用后再试。", {"session": "请重新登录"})
    label = body.get("label")
    device = devices.open_device(
        db_session(),
        current_actor(),
        login,
        known=known,
        label=label if isinstance(label, str) else "",
    )
    # The phone is put away and taken out again all day: the cookie outlives the browser, the session behind it does not grow.
    session.permanent = True
    actor = current_actor()
    answer = jsonify(
        device={"uid": device.uid, "idle_minutes": device.idle_minutes, "label": device.label},
        secret=device.secret,
        person={"username": actor.username, "name": actor.name},
    )
    # An ordinary sign-out in this browser must know that something may lie here sealed.
    answer.set_cookie(
        COOKIE,
        device.uid,
        max_age=365 * 86400,
        samesite="Lax",
        httponly=True,
        secure=current_app.config["SESSION_COOKIE_SECURE"],
    )
    return answer


@bp.post("/api/day", endpoint="api_day")
@login_required
def day() -> ResponseReturnValue:
    """Today, as far as this person may see it; nothing where it is still the same."""
    device, wanted = _device(), _body().get("version")
    body = days.day(db_session(), current_actor(), device, english=language() == "en")
    device.seen_at = now()
    if wanted == body["version"]:
        return jsonify(same=True, version=wanted)
    days.note(db_session(), current_actor(), device, body)
    return jsonify(body)


@bp.post("/api/blobs", endpoint="api_blob")
@login_required
def blob() -> ResponseReturnValue:
    """How much of this picture is here already."""
    _device()
    body = _body()
    found = blobs.begin(db_session(), current_actor(), body.get("sha256"), body.get("size"))
    return jsonify(received=found.received, size=found.size)


@bp.patch("/api/blobs/<sha256>", endpoint="api_piece")
@login_required
def piece(sha256: str) -> ResponseReturnValue:
    """One piece, beginning where the last one ended."""
    _device()
    start = request.headers.get("Upload-Offset", "")
    if not start.isdecimal() or len(start) > 9:
        raise InvalidInput("这一段没有写明从哪里开始，请重新上报这一项。", {"Upload-Offset": "应是整数"})
    if (request.content_length or 0) > blobs.LARGEST_PIECE:
        raise TooLarge(f"一段最多 {blobs.LARGEST_PIECE // 1024} KB。")
    found = blobs.add(db_session(), current_actor(), sha256, int(start), request.get_data(cache=False))
    return jsonify(received=found.received, size=found.size)


@bp.post("/api/push", endpoint="api_push")
@login_required
def push() -> ResponseReturnValue:
    """Hands in what was done; each thing gets its answer, and the same one again when it is sent again."""
    device = _device()
    body = _body()
    devices.require_fresh(device, body.get("shape"))
    answers = ops.push(db_session(), current_actor(), device, body.get("ops"))
    devices.seen(db_session(), device)
    return jsonify(answers=answers, now=now().isoformat(timespec="milliseconds"))


@bp.post("/api/scan", endpoint="api_scan")
@login_required
def scan() -> ResponseReturnValue:
    """Whose code this is."""
    _device()
    return jsonify(codes_seen.look(db_session(), current_actor(), _body().get("code")))


@bp.post("/api/leave", endpoint="api_leave")
@login_required
def leave() -> ResponseReturnValue:
    """Signed out on the phone: session and key end here too. What waits to be handed in stays there, unreadable."""
    devices.leave(db_session(), current_actor(), request.headers.get(DEVICE, ""))
    accounts.sign_out(db_session(), current_user.token)
    logout_user()
    session.clear()
    answer: Response = jsonify(left=True)
    answer.delete_cookie(COOKIE)
    return answer
