"""The small forms of these pages: boxes with what was typed, and one way of trying a verb and showing its refusal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from flask import render_template, request
from flask.typing import ResponseReturnValue

from blueprints.context import db_session
from blueprints.dynamic_forms import is_mendable
from process.refusals import Refusal

T = TypeVar("T")


@dataclass
class Box:
    """One question of a form, as components/form.html draws it."""

    name: str
    label: str
    kind: str = "text"
    value: Any = ""
    choices: Sequence[tuple[Any, ...]] = ()
    required: bool = True
    description: str = ""
    errors: list[str] = field(default_factory=list)
    cls: str = ""
    attrs: Mapping[str, Any] = field(default_factory=dict)
    # Rarely needed: behind one press, unless it holds something or is wrong.
    folded: bool = False

    def __post_init__(self) -> None:
        # value, label, chosen, hint: the four parts that components/inputs.html reads of a choice.
        self.choices = [(*choice, False, "")[:4] if len(choice) < 4 else choice for choice in self.choices]


def attempt(act: Callable[[], T]) -> tuple[T | None, Refusal | None]:
    """Does it, or answers the refusal that can be mended on the form; any other goes its way."""
    session = db_session()
    try:
        with session.begin_nested():
            return act(), None
    except Refusal as refusal:
        if not is_mendable(refusal):
            raise
        session.expire_all()
        return None, refusal


def typed(boxes: Iterable[Box]) -> None:
    """Puts back what was typed, so that nothing is lost with a refusal."""
    if request.method != "POST":
        return
    for box in boxes:
        if box.kind in ("boxes", "tick"):
            box.value = request.form.getlist(box.name)
        elif box.kind not in ("photos", "file"):
            box.value = request.form.get(box.name, "")


def page(
    title: str,
    boxes: Sequence[Box],
    *,
    submit: str,
    back: str,
    crumbs: Sequence[tuple[str, str]] = (),
    intro: str = "",
    refusal: Refusal | None = None,
    phone: bool = False,
    suggestions: Sequence[tuple[str, str]] = (),
    more: Sequence[tuple[str, str]] = (),
) -> ResponseReturnValue:
    """One form on a page; a refusal stands on top and beside the box it is about."""
    typed(boxes)
    for box in boxes:
        if refusal is not None and box.name in refusal.errors:
            box.errors = [refusal.errors[box.name]]
    html = render_template(
        "grid/form.html",
        title=title,
        boxes=boxes,
        submit=submit,
        back=back,
        crumbs=crumbs,
        intro=intro,
        problem=refusal.detail if refusal else "",
        phone=phone,
        multipart=any(box.kind in ("photos", "file") for box in boxes),
        suggestions=suggestions,
        more=more,
        unfolded=any(box.folded and (box.errors or (request.method == "POST" and box.value)) for box in boxes),
    )
    return (html, refusal.status) if refusal else html
