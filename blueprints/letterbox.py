"""The door for other installations: one envelope in, one signed receipt out. Signatures speak here, no cookie does."""

from __future__ import annotations

from flask import Blueprint, Response, current_app, g, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import RequestEntityTooLarge

from blueprints.context import db_session
from blueprints.errors import problem
from extensions import csrf, limiter, login
from process import transactions
from process.refusals import EnvelopeRefused, EnvelopeTooLarge, NotAnEnvelope
from services.exchange import envelopes, receiving

bp = Blueprint("letterbox", __name__, url_prefix="/exchange")
# Nothing a browser holds opens anything here, so no foreign page can abuse it.
csrf.exempt(bp)
# Partners write as much as there is to write; whoever is turned away this often in a minute is none.
REFUSALS = "60 per minute"


@bp.before_request
def _nobody() -> None:
    """No cookie is looked at: the sender is who signed, and the work is nobody's of this office."""
    g._login_user = login.anonymous_user()
    # Problems are for programs, also those that are raised before the view.
    request.environ["HTTP_ACCEPT"] = "application/json"


@bp.post("/v1/envelopes", endpoint="receive")
@limiter.limit(REFUSALS, deduct_when=lambda response: response.status_code >= 400)
def receive() -> ResponseReturnValue:
    """Takes one letter in. 200 carries the receipt; every refusal is problem+json with its sentence."""
    session = db_session()
    # Whatever was read before this view: a sender that trickles its body must not keep SQLite's only lock meanwhile.
    session.rollback()
    try:
        raw = _body()
    except EnvelopeRefused as refusal:
        return _refused(b"", refusal)
    try:
        receipt = receiving.receive(
            session,
            raw,
            request.headers.get("Daiban-Posted", ""),
            request.headers.get("Daiban-Posted-Signature", ""),
        )
    except EnvelopeRefused as refusal:
        return _refused(raw, refusal)
    return Response(receipt, content_type="application/json")


def _body() -> bytes:
    if (request.content_length or 0) > envelopes.LARGEST:
        raise EnvelopeTooLarge(f"函件超过 {envelopes.LARGEST // 1_000_000} MB，没有收。大的附件请另行寄送。")
    if request.mimetype != "application/json":
        raise NotAnEnvelope("函件要以 application/json 提交。")
    request.max_content_length = envelopes.LARGEST
    try:
        return request.get_data(cache=False)
    except RequestEntityTooLarge as error:
        raise EnvelopeTooLarge(f"函件超过 {envelopes.LARGEST // 1_000_000} MB，没有收。大的附件请另行寄送。") from error


def _refused(raw: bytes, refusal: EnvelopeRefused) -> Response:
    """Counted, logged and answered in words; what the letter would have done is undone by the unit of work."""
    current_app.logger.warning("exchange: %s from %s", refusal.slug, refusal.sender or "-")
    transactions.keep_despite_refusal(db_session(), lambda session: receiving.note_refusal(session, refusal))
    answer = problem(refusal.status, refusal.slug, refusal.title, refusal.detail)
    if refusal.facts:
        body = answer.get_json()
        answer.set_data(current_app.json.dumps({**body, **refusal.facts}))
    answer.headers["Daiban-Refusal-Signature"] = receiving.signed_refusal(raw, refusal)
    return answer
