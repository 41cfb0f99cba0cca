"""The door for the gateway: whether a text message arrived. No session, no page; a signature over time and body instead."""

from __future__ import annotations

from flask import jsonify, request
from flask.typing import ResponseReturnValue

from blueprints.context import db_session
from blueprints.errors import problem
from blueprints.messages import bp
from extensions import csrf, limiter
from services.messages import reports


@bp.post("/messages/report")
@csrf.exempt
@limiter.limit("1200/minute")
def report() -> ResponseReturnValue:
    """Takes one report. A stranger, an old or a wrong one get the same answer; the same report twice changes nothing."""
    if (request.content_length or 0) > reports.LONGEST:
        return problem(413, "too-large", "回执太长", "一条回执最多 16 KB。")
    try:
        reports.take(db_session(), request.get_data(cache=False), request.headers)
    except reports.BadReport as refusal:
        return problem(refusal.status, refusal.slug, refusal.title, refusal.detail)
    return jsonify(ok=True)
