"""自助终端: what the hall keeps about its machines, and the pages of the machine itself."""

from __future__ import annotations

from flask import Blueprint, Response

bp = Blueprint("terminals", __name__)


@bp.after_request
def nothing_kept(response: Response) -> Response:
    """Neither the browser's store nor its way back shows a page to the next visitor."""
    response.headers["Cache-Control"] = "no-store"
    return response
