"""签名密钥: what signs papers, since when, and changing it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required

from blueprints import present
from blueprints.context import current_actor, db_session
from blueprints.trust.bp import bp
from process.refusals import InvalidInput, NotFound
from services.trust import keystore, rotation, sealing
from services.trust.keystore import Key


@bp.route("/admin/signing-keys", methods=["GET", "POST"], endpoint="keys")
@login_required
def index() -> ResponseReturnValue:
    """The keys in force, those before them, and what a seal platform still owes."""
    session, actor = db_session(), current_actor()
    if not rotation.is_administrator(session, actor):
        raise NotFound()
    refusal = None
    if request.method == "POST":
        try:
            new = rotation.rotate(session, actor, request.form)
        except InvalidInput as problem:
            refusal = problem
        else:
            flash(_("已换上新的密钥 %(key)s。以前出具的证照仍可核验。", key=new.id), "success")
            return redirect(url_for("trust.keys"), 303)
    page = render_template(
        "trust/keys.html",
        keys=[_view(key) for key in reversed(keystore.ring().keys)],
        uses=[(use, _(word)) for use, word in rotation.USES.items()],
        given=request.form,
        refusal=refusal,
        elsewhere=sealing.elsewhere(),
        waiting=[
            SimpleNamespace(row=row, title=row.paper.title, since=present.moment(row.created_at))
            for row in sealing.waiting(session)
        ],
        moment=present.moment,
    )
    return page, 422 if refusal else 200


def _view(key: Key) -> Any:
    if key.revoked:
        state = present.StateView(_("已停用，签名不再作数"), "late")
    elif key.ended:
        state = present.StateView(_("已更换，旧证照仍可核验"), "waiting")
    else:
        state = present.StateView(_("在用"), "done")
    until = key.certificates[0].not_valid_after_utc if key.chain else None
    return SimpleNamespace(
        id=key.id,
        use=_(rotation.USES[key.use]),
        state=state,
        since=present.moment(key.since),
        until=present.day(until) if until else "",
        ended=present.moment(key.ended) if key.ended else "",
        reason=key.reason,
        fingerprint=" ".join(key.fingerprint[start : start + 4] for start in range(0, 32, 4)),
    )
