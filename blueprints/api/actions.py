"""Steps: the one door through which a state changes, for programs."""

from __future__ import annotations

from flask import jsonify
from flask.typing import ResponseReturnValue

from blueprints.api import bp
from blueprints.api.body import json_object, text, whole_number
from blueprints.api.serialise import whole
from blueprints.context import current_actor, db_session, load_for_step
from models.content import Content
from process import access
from process.refusals import InvalidInput
from services import actions as verbs

ABOUT_THE_STEP = ("version", "on_behalf_of")
COMMENT = "comment"


@bp.post("/v1/contents/<uid>/actions/<transition>", endpoint="act")
def act(uid: str, transition: str) -> ResponseReturnValue:
    """Takes a step and answers with the thing as it is now."""
    content = load_for_step(Content, uid, transition)
    body = json_object(required=False)
    session, actor = db_session(), current_actor()
    version = whole_number(body, "version")
    principal = verbs.substitute(session, text(body, "on_behalf_of", limit=60))
    inputs = {name: value for name, value in body.items() if name not in ABOUT_THE_STEP}
    step = verbs.perform(content, transition, actor, inputs, expected_version=version, on_behalf_of=principal)
    known = {spec.name for spec in step.transition.inputs} | {COMMENT}
    errors = {name[:60]: "这一步没有这一项" for name in inputs if name not in known}
    if errors:
        # Silently dropping what somebody sent would lose it; nothing of the step stays.
        raise InvalidInput(
            f"“{step.transition.title.zh}”没有这些项：{'、'.join(errors)}。请按 actions 里列出的 inputs 提交。", errors
        )
    session.flush()
    if not access.may(actor, access.VIEW, content, session):
        # The step took it out of this actor's sight; that it was taken is all there is to say.
        return jsonify(uid=uid, type=content.type, state=content.state, version=content.version, actions=[])
    return jsonify(whole(session, content, actor))
