"""各地办法: what each street and community says about an item, whose it is, and where it is tried."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import login_required
from flask_wtf import FlaskForm
from wtforms import (
    BooleanField,
    DateField,
    HiddenField,
    RadioField,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
)

from blueprints import present
from blueprints.access.forms import day
from blueprints.catalogue import offers
from blueprints.catalogue.bp import bp
from blueprints.context import current_actor, db_session
from blueprints.dynamic_forms import show_refusal
from catalogue import loader as catalogue
from models.agency import Agency
from models.base import now
from models.case import ServiceItem
from models.item_place import ItemPlace
from process.clock import local_day
from process.refusals import Forbidden, NotFound, Refusal
from services import authority, catalogue_items, item_channels, item_place_changes, item_places
from services.item_place_changes import WAYS

MANAGER = item_place_changes.MANAGER


class PlaceForm(FlaskForm):
    version = HiddenField()
    way = SelectField(_l("办理方式"), validate_choice=False)
    steps = TextAreaField(_l("办理流程"), description=_l("本地和目录不同的地方，一步一行。"))
    handlers = SelectMultipleField(
        _l("办理人员"), validate_choice=False, description=_l("新来的件会放到手上最少的一位名下，同事仍可以接办。")
    )
    to_villages = RadioField(_l("是否下沉村（社区）"), validate_choice=False)
    pilot_since = DateField(_l("试点从哪一天起"), description=_l("不填就不是试点。"))
    pilot_until = DateField(_l("试点到哪一天止"), description=_l("当天仍是试点，不填就是没有定。"))
    same_power = BooleanField(_l("同权：这里按市（区）里的权限决定"))
    power_basis = StringField(_l("同权的依据"), description=_l("下放清单的文号。"))
    completable = RadioField(_l("能否在这里全程办结"), validate_choice=False)


class SettingForm(FlaskForm):
    version = HiddenField()
    owner = SelectField(_l("决定单位"), validate_choice=False, description=_l("部门或公司；不选就按目录的级别。"))
    basis = StringField(_l("依据"))
    pilot_only = BooleanField(_l("只在试点的地方受理"))
    commitments = TextAreaField(
        _l("可以承诺备案的条件或材料"),
        description=_l("一行一条。写清单里材料的名称，承诺就代替这份材料；不填就不能承诺备案。"),
    )
    survey_runs = BooleanField(_l("现场勘查期间照常计时"), description=_l("不勾的，勘查的时间不算在承诺时限里。"))


def loaded(code: str) -> ServiceItem:
    """An item of the catalogue, retired ones too: their pages stay to be read."""
    found = catalogue_items.of_code(db_session(), code)
    if found is None or code not in catalogue.items():
        raise NotFound(_("没有找到这个事项，可能已改名或停用。请到事项目录按类别或名称再找。"))
    return found


def managers_only() -> None:
    if MANAGER not in current_actor().roles:
        raise Forbidden(_("各地办法、渠道和归属由目录管理员修改。您可以在办事指南里看到结果。"))


def line(entry: ItemPlace, today: Any) -> Any:
    """What one place says, for reading."""
    said = {True: _("下沉"), False: _("不下沉")}
    return SimpleNamespace(
        place=entry.place,
        way=_(WAYS[entry.way]) if entry.way else "",
        steps=entry.steps,
        handlers=[handler.person.name for handler in entry.handlers],
        villages=said.get(entry.to_villages, "") if entry.to_villages is not None else "",
        pilot=present.period(entry.pilot_since, entry.pilot_until) if entry.pilot_since else "",
        on_trial=entry.on_trial(today),
        same_power=entry.same_power,
        power_basis=entry.power_basis,
        completable=entry.completable,
        illustrative=entry.illustrative,
    )


def facts(item: ServiceItem) -> Any:
    """What the guide adds about levels: owner, grants in force, trials and powers."""
    session, today = db_session(), local_day(now())
    setting = item_places.setting_of(session, item)
    entries = item_places.of_item(session, item)
    return SimpleNamespace(
        owner=setting.owner if setting else None,
        owner_illustrative=bool(setting and setting.illustrative),
        pilot_only=bool(setting and setting.pilot_only),
        places=[line(entry, today) for entry in entries],
        grants=list(authority.of_item(session, item, today)),
        channels=item_channels.open_ways(session, item),
        shut=[way for way in item_channels.ways(session, item) if not way.open and way.printed],
    )


@bp.route("/<code>/places", methods=["GET", "POST"])
@login_required
def item_places_page(code: str) -> ResponseReturnValue:
    """All places with what they say, and the owner."""
    managers_only()
    session, actor, today = db_session(), current_actor(), local_day(now())
    item = loaded(code)
    setting = item_places.setting_of(session, item)
    form = SettingForm(meta={"csrf": False})
    form.owner.choices = [("", _("按目录的级别"))] + [(u.id, u.name) for u in item_place_changes.owners(session)]
    if request.method == "GET":
        form.version.data = str(setting.version if setting else 0)
        form.owner.data = (setting.owner_id if setting else None) or ""
        form.basis.data = setting.basis if setting else ""
        form.pilot_only.data = bool(setting and setting.pilot_only)
        form.commitments.data = (setting.commitments if setting else "") or ""
        form.survey_runs.data = bool(setting and setting.survey_runs)
        return _places_page(item, form, today)
    try:
        item_place_changes.save_setting(
            session,
            actor,
            item,
            owner_id=form.owner.data or "",
            basis=form.basis.data or "",
            pilot_only=form.pilot_only.data,
            version=_version(form),
            commitments=form.commitments.data or "",
            survey_runs=bool(form.survey_runs.data),
        )
    except Refusal as refusal:
        return _mend(refusal, form, lambda told: _places_page(loaded(code), form, today, told))
    flash(_("“%(name)s”的归属已保存，新来的件照此办理。", name=item.title), "success")
    return redirect(url_for("catalogue.item_places_page", code=code), 303)


def _places_page(item: ServiceItem, form: SettingForm, today: Any, refusal: Refusal | None = None) -> str:
    session, actor = db_session(), current_actor()
    said = {entry.place_id: entry for entry in item_places.of_item(session, item)}
    mine = item_place_changes.places_of(session, actor)
    rows = [
        SimpleNamespace(
            place=place,
            line=line(said[place.id], today) if place.id in said else None,
            url=url_for("catalogue.item_place", code=item.code, place_id=place.id),
        )
        for place in mine
    ]
    others = [line(entry, today) for entry in said.values() if entry.place_id not in {place.id for place in mine}]
    return render_template(
        "catalogue/places.html",
        item=item,
        name=offers.name_of(catalogue.item(item.code)),
        form=form,
        rows=rows,
        others=others,
        problem=refusal.detail if refusal else None,
        whole=item_place_changes.may_edit(actor, item.place),
    )


@bp.route("/<code>/places/<place_id>", methods=["GET", "POST"])
@login_required
def item_place(code: str, place_id: str) -> ResponseReturnValue:
    """镇街扩展: way, steps, handlers, brought down or not; the trial; the powers."""
    managers_only()
    session, actor = db_session(), current_actor()
    item, place = loaded(code), session.get(Agency, place_id)
    if place is None or place.kind not in (*item_places.STREETS, *item_places.COMMUNITIES):
        raise NotFound(_("没有找到这个街道或社区，请从列表中选择。"))
    if not item_place_changes.may_edit(actor, place):
        raise Forbidden(_("%(place)s的事项扩展由它的目录管理员修改，您不管%(place)s。", place=place.name))
    entry = item_places.at(session, item, place)
    form = _place_form(place)
    if request.method == "GET":
        _fill(form, entry)
        return _place_page(item, place, form)
    try:
        item_place_changes.save(
            session,
            actor,
            item,
            place_id,
            {
                "way": form.way.data,
                "steps": form.steps.data,
                "handlers": form.handlers.data,
                "to_villages": form.to_villages.data if form.to_villages is not None else "",
                "pilot_since": day(form.pilot_since),
                "pilot_until": day(form.pilot_until),
                "same_power": form.same_power.data,
                "power_basis": form.power_basis.data,
                "completable": form.completable.data,
            },
            _version(form),
        )
    except Refusal as refusal:
        return _mend(refusal, form, lambda told: _place_page(loaded(code), place, form, told))
    flash(_("%(place)s的办法已保存，新来的件照此办理。", place=place.name), "success")
    return redirect(url_for("catalogue.item_places_page", code=code), 303)


def _place_form(place: Agency) -> PlaceForm:
    session = db_session()
    form = PlaceForm(meta={"csrf": False})
    form.way.choices = [(key, _(title)) for key, title in WAYS.items()]
    form.handlers.choices = [
        (person.username, f"{person.name}（{person.title or (person.unit.name if person.unit else '')}）")
        for person in item_place_changes.nameable(session, place)
    ]
    form.to_villages.choices = [("", _("按目录")), ("yes", _("下沉，社区也受理")), ("no", _("不下沉，社区只代办"))]
    form.completable.choices = [("", _("还没有核定")), ("yes", _("能")), ("no", _("不能，还要去别处"))]
    if place.kind not in item_places.STREETS:
        del form.to_villages
    return form


def _fill(form: PlaceForm, entry: ItemPlace | None) -> None:
    form.version.data = str(entry.version if entry else 0)
    words = {True: "yes", False: "no", None: ""}
    if form.to_villages is not None:
        form.to_villages.data = words[entry.to_villages if entry else None]
    form.completable.data = words[entry.completable if entry else None]
    if entry is None:
        form.handlers.data, form.way.data = [], ""
        return
    for name in ("way", "steps", "pilot_since", "pilot_until", "same_power", "power_basis"):
        form[name].data = getattr(entry, name)
    form.handlers.data = [handler.person.username for handler in entry.handlers]


def _place_page(item: ServiceItem, place: Agency, form: PlaceForm, refusal: Refusal | None = None) -> str:
    return render_template(
        "catalogue/place.html",
        item=item,
        name=offers.name_of(catalogue.item(item.code)),
        place=place,
        form=form,
        problem=refusal.detail if refusal else None,
    )


def _version(form: FlaskForm) -> int:
    given = form.version.data or ""
    return int(given[:9]) if given.isdecimal() else -1


def _mend(refusal: Refusal, form: FlaskForm, page: Callable[[Refusal], str]) -> ResponseReturnValue:
    """The page again with what was typed; who may not do it at all gets the usual answer."""
    if refusal.status not in (409, 422):
        raise refusal
    db_session().expire_all()
    show_refusal(form, refusal)
    return page(refusal), refusal.status
