"""The HTTP API: the same verbs as the pages, for programs. Only bearer tokens; a cookie opens nothing here."""

from __future__ import annotations

from flask import Blueprint, Response, g, request
from flask.typing import ResponseReturnValue
from flask_login import current_user

from blueprints import sessions
from blueprints.api.body import refuse_large
from blueprints.errors import problem
from extensions import csrf, limiter

bp = Blueprint("api", __name__, url_prefix="/api")
# No cookie is ever read here, so there is nothing a foreign page could abuse.
csrf.exempt(bp)
OPEN = frozenset({"api.sign_in", "api.description"})


@limiter.request_filter
def _uncounted() -> bool:
    """Limits per address are for pages that strangers open; here sign-in has its own back-off and all else asks for a token."""
    return request.blueprint == "api"


@bp.before_request
def _bearer_only() -> ResponseReturnValue | None:
    refuse_large()
    # Flask-Login would take the browser's cookie first; here only the token counts.
    g._login_user = sessions._bearer(request) or sessions_anonymous()
    if request.endpoint in OPEN or request.method == "OPTIONS" or current_user.is_authenticated:
        return None
    answer = problem(
        401,
        "sign-in",
        "请先登录",
        "请先以 POST /api/v1/session 取得令牌，并放在请求头 Authorization: Bearer 中。令牌可能已过期或已退出。",
    )
    answer.headers["WWW-Authenticate"] = 'Bearer realm="daiban"'
    return answer


@bp.after_request
def _for_one_reader(response: Response) -> Response:
    response.headers["Vary"] = "Authorization, Accept-Language"
    return response


def sessions_anonymous() -> object:
    from extensions import login

    return login.anonymous_user()


from blueprints.api import (  # noqa: E402  the views hang themselves on bp
    actions,
    contents,
    documents,
    notes,
    office,
    openapi,
    papers,
    personal,
    session,
    tickets,
    visits,
    worklists,
)

__all__ = [
    "actions",
    "bp",
    "contents",
    "documents",
    "notes",
    "office",
    "openapi",
    "papers",
    "personal",
    "session",
    "tickets",
    "visits",
    "worklists",
]
