"""What a unit decides for itself: hours and numbers of the visits, and who takes over when it ends."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required
from sqlalchemy.orm import Session

from blueprints.context import current_actor, db_session
from blueprints.grid import forms
from blueprints.grid.forms import Box
from blueprints.places.views import bp
from models.agency import Agency
from process.access import Actor
from process.words import N_
from services import custody, slots, unit_settings


@bp.route("/<place_id>/rules", methods=["GET", "POST"])
@login_required
def rules(place_id: str) -> ResponseReturnValue:
    """上门时间和规定: an empty box follows the unit above."""
    return _settings(
        place_id,
        Page(
            _("上门时间和规定"),
            _("对本单位和下面的单位都有效，下面单位自己写了的除外。"),
            N_("%(name)s的上门时间和规定已保存，从现在起按它办。"),
            _rule_boxes,
            unit_settings.set_rules,
        ),
    )


@bp.route("/<place_id>/successor", methods=["GET", "POST"])
@login_required
def successor(place_id: str) -> ResponseReturnValue:
    """停办与接替: the last day and who takes over."""
    return _settings(
        place_id,
        Page(
            _("停办与接替"),
            _("单位合并或撤销时用。旧文书保留旧名；群众和同事看到的提示会写明现由谁接替。"),
            N_("%(name)s的停办和接替已记下。在途的件由经手人逐件办“改由接替单位经手”。"),
            _heir_boxes,
            unit_settings.name_successor,
        ),
    )


@dataclass(frozen=True)
class Page:
    """One page of what a unit decides: its words, its boxes, and what is done with them."""

    title: str
    intro: str
    done: str
    boxes: Callable[[Agency], list[Box]]
    save: Callable[[Session, Actor, Agency, Mapping[str, Any]], None]


def _settings(place_id: str, one: Page) -> ResponseReturnValue:
    """The unit's own page of boxes; what is saved leads back to the unit."""
    session, actor = db_session(), current_actor()
    agency = unit_settings.load(session, actor, place_id)
    back, name, refusal = url_for("places.show", place_id=place_id), custody.full_name(agency), None
    if request.method == "POST":
        _done, refusal = forms.attempt(lambda: one.save(session, actor, agency, request.form))
        if refusal is None:
            flash(_(one.done, name=name), "success")
            return redirect(back, 303)
        agency = unit_settings.load(session, actor, place_id)
    return forms.page(
        one.title,
        one.boxes(agency),
        submit=_("保存"),
        back=back,
        crumbs=[(_("机构和网格"), url_for("places.index")), (name, back)],
        refusal=refusal,
        intro=one.intro,
    )


def _rule_boxes(agency: Agency) -> list[Box]:
    own = agency.details or {}
    hours = "、".join(f"{start:%H:%M}–{end:%H:%M}" for start, end in slots.hours_of(agency))
    boxes = [
        Box(
            unit_settings.HOURS,
            _("上门时间"),
            value=unit_settings.hours_in_words(agency),
            required=False,
            description=_("不填按上级单位的；现在是 %(hours)s。", hours=hours),
            attrs={"maxlength": 80, "placeholder": "08:30–12:00、13:30–17:30"},
        )
    ]
    return boxes + [
        Box(
            key,
            _(one.label),
            "number",
            own.get(key, ""),
            required=False,
            cls="field--short",
            description=_(one.hint)
            + _("不填按上级单位的；现在是 %(n)s。", n=unit_settings.number(db_session(), agency, key)),
            attrs={"min": one.low, "max": one.high, "inputmode": "numeric"},
        )
        for key, one in unit_settings.NUMBERS.items()
    ]


def _heir_boxes(agency: Agency) -> list[Box]:
    heirs = [(one.id, custody.full_name(one)) for one in unit_settings.possible_heirs(db_session(), agency)]
    return [
        Box(
            "valid_to",
            _("办公到哪一天为止"),
            "date",
            agency.valid_to.isoformat() if agency.valid_to else "",
            required=False,
            description=_("最后办公的那一天；不填就是照常办公。"),
        ),
        Box(
            "successor",
            _("由谁接替"),
            "select",
            (agency.details or {}).get("successor", ""),
            [("", _("还没有定")), *heirs],
            required=False,
            description=_("只列同一区里同级的单位和它的上级。"),
        ),
    ]
