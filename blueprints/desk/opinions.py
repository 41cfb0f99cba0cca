"""等我的意见: what colleagues wait for from me or my unit, as a group of the desk."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from flask import url_for
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from blueprints import present
from models.task import CONSULT
from process.access import Actor
from services import side_by_side


def group(session: Session, actor: Actor) -> Any:
    """The group, or None where nobody waits."""
    waiting = side_by_side.waiting_for(session, actor)
    if not waiting:
        return None
    rows = []
    for task in waiting:
        label = _("交回意见") if task.kind == CONSULT else _("给意见")
        url = url_for("content.show", uid=task.content.uid) + f"#opinion-{task.uid}"
        row = present.row(session, task.content, actor)
        rows.append(replace(row, action=present.Link(label, url), pickable=False))
    return SimpleNamespace(key="opinions", title=_("等我的意见"), hint=_("会签、加签和委派"), rows=rows, empty="")
