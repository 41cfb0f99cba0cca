"""What a hall decides: the rule of its queue, its counters (3+X) and its queues."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import get_locale
from flask_babel import gettext as _
from flask_login import login_required

from blueprints.context import current_actor, db_session
from blueprints.grid import forms
from blueprints.grid.forms import Box
from blueprints.hall.bp import bp, desk_url, kept, tried
from catalogue import loader as catalogue
from models.agency import Agency
from models.hall import BOOKED
from process.refusals import NotFound, Refusal
from services.hall import fairness, setup, tables


def _crumbs(agency: Agency) -> list[tuple[str, str]]:
    return [(_("大厅"), desk_url(agency)), (_("窗口和规则"), url_for("hall.layout", place_id=agency.id))]


def _saved(act: Callable[[], Any], words: str) -> Refusal | None:
    """Does it and says so; a refusal goes back into the form."""
    _done, refusal = forms.attempt(act)
    if refusal is None:
        flash(words, "success")
    return refusal


def categories() -> list[tuple[str, str]]:
    english = str(get_locale()) == "en"
    return [(one.id, one.name_en if english else one.name) for one in catalogue.schemes().categories]


@bp.get("/<place_id>/layout")
@login_required
def layout(place_id: str) -> ResponseReturnValue:
    """Rule, counters and queues of the hall on one page."""
    agency, session = kept(place_id), db_session()
    settings = tables.hall_of(session, agency.id)
    rule, arranged = (settings.rule, settings.layout) if settings else (tables.usual("rule"), tables.usual("layout"))
    names = dict(categories())
    return render_template(
        "hall/layout.html",
        agency=agency,
        rule=_(fairness.RULES[rule]),
        layout_name=_(setup.LAYOUTS[arranged]),
        numbers=[
            (_(label), getattr(settings, name) if settings else tables.usual(name))
            for name, label, _l, _h in setup.NUMBERS
        ],
        counters=tables.counters(session, agency.id),
        kinds={key: _(words) for key, words in setup.COUNTER_KINDS.items()},
        services=[
            (one, "、".join(names.get(c, c) for c in one.categories) or _("全部事项"))
            for one in tables.services(session, agency.id)
        ],
        fixed_missing=not all(tables.counter_named(session, agency.id, code) for code, _name in setup.THREE),
    )


@bp.route("/<place_id>/rule", methods=["GET", "POST"])
@login_required
def rule(place_id: str) -> ResponseReturnValue:
    """叫号规则: which rule of fairness holds, and its numbers."""
    agency, session, actor, refusal = kept(place_id), db_session(), current_actor(), None
    if request.method == "POST":
        refusal = _saved(
            lambda: setup.decide(session, actor, agency.id, request.form), _("叫号规则已保存，从下一个号起按它叫。")
        )
        if refusal is None:
            return redirect(url_for("hall.layout", place_id=agency.id), 303)
    now_set = tables.hall_of(session, agency.id)

    def value(name: str) -> Any:
        return getattr(now_set, name) if now_set else tables.usual(name)

    boxes = [
        Box("rule", _("先叫谁"), "select", value("rule"), [(k, _(v)) for k, v in fairness.RULES.items()]),
        Box("layout", _("怎么排队"), "select", value("layout"), [(k, _(v)) for k, v in setup.LAYOUTS.items()]),
        *(
            Box(
                name,
                _(label),
                "number",
                value(name),
                cls="field--short",
                attrs={"min": low, "max": high, "inputmode": "numeric"},
            )
            for name, label, low, high in setup.NUMBERS
        ),
    ]
    return forms.page(
        _("叫号规则"),
        boxes,
        submit=_("保存"),
        back=url_for("hall.layout", place_id=agency.id),
        crumbs=_crumbs(agency),
        refusal=refusal,
        intro=_(
            "优先的是老年人、残疾人、孕妇、抱婴幼儿的、军人和退役军人，还有按预约时间到的人。哪种规则由大厅定，随时可改。"
        ),
    )


@bp.post("/<place_id>/three")
@login_required
def three(place_id: str) -> ResponseReturnValue:
    """3+X: the three fixed windows at once."""
    agency, session, actor = kept(place_id), db_session(), current_actor()
    return tried(
        lambda: _("已设好 %(n)s 个固定窗口。", n=len(setup.three_plus_x(session, actor, agency.id))),
        "",
        url_for("hall.layout", place_id=agency.id),
    )


@bp.route("/<place_id>/counter", methods=["GET", "POST"], defaults={"entry_id": 0})
@bp.route("/<place_id>/counter/<int:entry_id>", methods=["GET", "POST"])
@login_required
def counter(place_id: str, entry_id: int) -> ResponseReturnValue:
    """A window: new, or its name and what it takes."""
    agency, session, actor, refusal = kept(place_id), db_session(), current_actor(), None
    found = next((c for c in tables.counters(session, agency.id) if c.id == entry_id), None)
    if entry_id and found is None:
        raise NotFound()
    if request.method == "POST":
        refusal = _saved(
            lambda: (
                setup.add_counter(session, actor, agency.id, request.form)
                if found is None
                else setup.change_counter(session, actor, agency.id, entry_id, request.form)
            ),
            _("窗口已保存。"),
        )
        if refusal is None:
            return redirect(url_for("hall.layout", place_id=agency.id), 303)
    queues = [(one.letter, f"{one.letter} {one.name}") for one in tables.services(session, agency.id)]
    boxes = [
        Box("name", _("窗口名称"), value=found.name if found else "", attrs={"maxlength": 40}),
        Box(
            "kind",
            _("固定还是特色"),
            "select",
            found.kind if found else "fixed",
            [(key, _(words)) for key, words in setup.COUNTER_KINDS.items()],
        ),
        Box(
            "takes",
            _("办哪几队"),
            "boxes",
            list(found.takes) if found else [],
            queues,
            required=False,
            description=_("都不勾就是什么都办（无差别受理）。"),
        ),
    ]
    if found is None:
        boxes.insert(0, Box("code", _("窗口号"), cls="field--short", attrs={"maxlength": 20}))
    title = _("%(code)s号窗口", code=found.code) if found else _("加窗口")
    back = url_for("hall.layout", place_id=agency.id)
    return forms.page(title, boxes, submit=_("保存"), back=back, crumbs=_crumbs(agency), refusal=refusal)


@bp.post("/<place_id>/counter/<int:entry_id>/end")
@login_required
def end_counter(place_id: str, entry_id: int) -> ResponseReturnValue:
    """停用 a window."""
    agency, session, actor = kept(place_id), db_session(), current_actor()
    return tried(
        lambda: setup.end_counter(session, actor, agency.id, entry_id),
        _("窗口已停用，等它的号由别的窗口叫。"),
        url_for("hall.layout", place_id=agency.id),
    )


@bp.route("/<place_id>/queue", methods=["GET", "POST"])
@login_required
def queue(place_id: str) -> ResponseReturnValue:
    """One more queue, or another list of categories for one there is."""
    agency, session, actor, refusal = kept(place_id), db_session(), current_actor(), None
    if request.method == "POST":
        refusal = _saved(lambda: setup.add_service(session, actor, agency.id, request.form), _("这一队已保存。"))
        if refusal is None:
            return redirect(url_for("hall.layout", place_id=agency.id), 303)
    old = tables.service_of(session, agency.id, request.args.get("letter", ""))
    boxes = [
        Box("letter", _("字母"), value=old.letter if old else "", cls="field--short", attrs={"maxlength": 1}),
        Box("name", _("这一队叫什么"), value=old.name if old else "", attrs={"maxlength": 40}),
        Box(
            "categories",
            _("哪几类事项"),
            "boxes",
            list(old.categories) if old else [],
            categories(),
            required=False,
            description=_("都不勾就是全部事项。"),
        ),
        Box(
            "slot_capacity",
            _("每段可以约几个号"),
            "number",
            old.slot_capacity if old else 4,
            cls="field--short",
            description=_("填 0 就不接受预约，只能到厅取号。"),
            attrs={"min": 0, "max": 200, "inputmode": "numeric"},
        ),
    ]
    back = url_for("hall.layout", place_id=agency.id)
    return forms.page(_("一队"), boxes, submit=_("保存"), back=back, crumbs=_crumbs(agency), refusal=refusal)


@bp.route("/<place_id>/queue/<letter>/end", methods=["GET", "POST"])
@login_required
def end_queue(place_id: str, letter: str) -> ResponseReturnValue:
    """停用 a queue: how many wait in it, and where they go on."""
    agency, session, actor, refusal = kept(place_id), db_session(), current_actor(), None
    back = url_for("hall.layout", place_id=agency.id)
    found = {one.letter: one for one in tables.services(session, agency.id)}
    if letter not in found:
        flash(_("%(letter)s 队已经停用。", letter=letter[:2]), "warning")
        return redirect(back, 303)
    if request.method == "POST":
        moved, refusal = forms.attempt(
            lambda: setup.end_service(session, actor, agency.id, letter, request.form.get("to", ""))
        )
        if refusal is None:
            flash(
                _("%(letter)s 队已停用，%(n)s 个号改到另一队，号码和预约时间不变。", letter=letter, n=moved), "success"
            )
            return redirect(back, 303)
    there = setup.in_queue(session, agency.id, letter)
    booked = sum(one.state == BOOKED for one in there)
    boxes = [
        Box(
            "to",
            _("这一队的人改到哪一队"),
            "select",
            "",
            [
                ("", _("请选")),
                *((one.letter, f"{one.letter} {one.name}") for one in found.values() if one.letter != letter),
            ],
        )
    ]
    return forms.page(
        _("停用 %(letter)s %(name)s", letter=letter, name=found[letter].name),
        boxes,
        submit=_("停用这一队"),
        back=back,
        crumbs=_crumbs(agency),
        refusal=refusal,
        intro=_(
            "现在有 %(n)s 个号在等、%(m)s 个预约。停用后他们的号码和时间不变，由办另一队的窗口叫；只办这一队的窗口改办另一队。",
            n=len(there) - booked,
            m=booked,
        ),
    )
