"""The verbs of the office and the opinions that are waited for, for programs."""

from __future__ import annotations

from flask import jsonify
from flask.typing import ResponseReturnValue

from blueprints.api import bp
from blueprints.api.actions import ABOUT_THE_STEP
from blueprints.api.body import json_object, text, whole_number
from blueprints.api.serialise import whole
from blueprints.context import current_actor, db_session, load_or_404
from models.content import Content
from process import access
from process import office as verbs_of
from process.refusals import InvalidInput, NotFound
from services import actions as verbs
from services import side_by_side


@bp.post("/v1/contents/<uid>/office/<verb>", endpoint="office")
def office(uid: str, verb: str) -> ResponseReturnValue:
    """转派 transfer, 委派 consult, 加签 add_signer, 减签 remove_signer, 抄送 copy, 催办 urge, 收回 take_back."""
    content = load_or_404(Content, uid)
    known = verbs_of.VERBS.get(verb)
    if known is None:
        raise NotFound()
    body = json_object(required=False)
    session, actor = db_session(), current_actor()
    version = whole_number(body, "version")
    principal = verbs.substitute(session, text(body, "on_behalf_of", limit=60))
    inputs = {name: value for name, value in body.items() if name not in ABOUT_THE_STEP}
    errors = {name[:60]: "没有这一项" for name in inputs if name not in {spec.name for spec in known.inputs}}
    if errors:
        raise InvalidInput(
            f"“{known.title.zh}”没有这些项：{'、'.join(errors)}。请按 office 里列出的 inputs 提交。", errors
        )
    verbs_of.do(content, verb, actor, inputs, expected_version=version, on_behalf_of=principal)
    return _answer(content)


@bp.post("/v1/contents/<uid>/tasks/<task_uid>", endpoint="opinion")
def opinion(uid: str, task_uid: str) -> ResponseReturnValue:
    """同意、不同意 or the answer to a colleague; the last one that is waited for moves the thing on."""
    content = load_or_404(Content, uid)
    session, actor = db_session(), current_actor()
    task = side_by_side.one(session, content, task_uid)
    body = json_object()
    agreed = body.get("agreed")
    if not isinstance(agreed, bool):
        raise InvalidInput("请写明 agreed：true 同意，false 不同意。", {"agreed": "应是 true 或 false"})
    principal = verbs.substitute(session, text(body, "on_behalf_of", limit=60))
    comment = text(body, "comment", limit=2000)
    verbs_of.respond(task, actor, agreed=agreed, comment=comment, on_behalf_of=principal)
    return _answer(content)


def _answer(content: Content) -> ResponseReturnValue:
    session, actor = db_session(), current_actor()
    session.flush()
    if not access.may(actor, access.VIEW, content, session):
        return jsonify(uid=content.uid, type=content.type, state=content.state, version=content.version, actions=[])
    return jsonify(whole(session, content, actor))
