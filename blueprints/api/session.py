"""Tokens: got with a password, dead at sign-out."""

from __future__ import annotations

from flask import jsonify, make_response, request
from flask.typing import ResponseReturnValue
from flask_login import current_user

from blueprints.api import bp
from blueprints.api.body import json_object, text
from blueprints.errors import problem
from extensions import db
from process.refusals import InvalidInput, TooMany
from services import accounts


@bp.post("/v1/session", endpoint="sign_in")
def sign_in() -> ResponseReturnValue:
    """A bearer token for a name and a password."""
    body = json_object()
    username, password = text(body, "username", required=True), body.get("password")
    if not isinstance(password, str) or not password:
        raise InvalidInput("请填写 password。", {"password": "必填"})
    try:
        token, person = accounts.sign_in(
            db.session(),
            username,
            password[:1000],
            address=request.remote_addr or "",
            device=request.user_agent.string,
            kind="api",
        )
    except TooMany as refusal:
        return _failed(refusal, 429, {"Retry-After": str(refusal.retry_after)})
    except InvalidInput as refusal:
        return _failed(refusal, 401, {"WWW-Authenticate": 'Bearer realm="daiban"'})
    return jsonify(
        token=token,
        token_type="bearer",
        expires_in=int(accounts.LIFETIME["api"].total_seconds()),
        person={"username": person.username, "name": person.name},
    )


def _failed(refusal: InvalidInput | TooMany, status: int, headers: dict[str, str]) -> ResponseReturnValue:
    # The failure counts although nobody signed in: this commit is the back-off.
    db.session.commit()
    answer = problem(status, refusal.slug, refusal.title, refusal.detail, refusal.errors)
    answer.headers.update(headers)
    return answer


@bp.delete("/v1/session", endpoint="sign_out")
def sign_out() -> ResponseReturnValue:
    """Ends the token for good."""
    accounts.sign_out(db.session(), current_user.token)
    return make_response("", 204)
