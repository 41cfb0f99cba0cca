"""手机外勤: an app that works without a signal, and what it asks the server."""

from __future__ import annotations

from flask import Blueprint, Response, request
from flask_login import current_user

from blueprints.errors import problem

bp = Blueprint("field", __name__, url_prefix="/field")
# What the app asks while nobody may be signed in: it gets a sentence, not the sign-in page.
ASKED = "field.api_"
OPEN = "field.api_hello"


@bp.before_request
def _signed_in_for_data() -> Response | None:
    endpoint = request.endpoint or ""
    if endpoint.startswith(ASKED) and endpoint != OPEN and not current_user.is_authenticated:
        return problem(
            401, "sign-in", "请先登录", "登录已过期，请重新登录，待上报的内容都还在手机上，登录后自动接着上报。"
        )
    return None
