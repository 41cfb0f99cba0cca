"""Choosing a theme and the situation; residents file everything on one page, the counter goes on with its own screen."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required
from werkzeug.datastructures import MultiDict

from blueprints import present
from blueprints.cases import counter_view
from blueprints.catalogue.offers import COUNTER_ROLES, FORM_WORDS, english
from blueprints.context import current_actor, db_session
from blueprints.dynamic_forms import posted, uploaded
from blueprints.one_things.bp import bp
from catalogue import loader as catalogue
from catalogue.one_things import OneThing as Theme
from catalogue.one_things import one_things
from models.case import Case, ServiceItem
from models.resident import Resident
from process.refusals import Forbidden, InvalidInput, Refusal
from services import files, intake, materials, one_form
from services.catalogue_items import record_of
from services.one_form import OneForm
from services.one_thing import filing, reading
from services.one_thing.reading import Part

MOST_FILES = 10
CONTACT = ("applicant_phone", "applicant_address")


@bp.get("/")
@login_required
def index() -> ResponseReturnValue:
    """The themes, and the bundles this reader may see."""
    session, actor = db_session(), current_actor()
    return render_template(
        "one_things/index.html",
        themes=[_card(theme) for theme in one_things().values()],
        rows=[_row(bundle) for bundle in reading.listed(session, actor)],
        report_url=url_for("one_things.report") if actor.roles & {"statistician", "supervisor", "head"} else None,
    )


def _card(theme: Theme) -> Any:
    return SimpleNamespace(
        name=theme_name(theme),
        url=url_for("one_things.theme", theme_id=theme.id),
        members=[member.name for member in theme.members],
        situation=_(reading.SITUATIONS[theme.situation]),
        lead="、".join(theme.leads),
        enterprise=theme.subject == "enterprise",
    )


def theme_name(theme: Theme) -> str:
    """In the reader's language."""
    return theme.name_en if english() else theme.name


def _row(bundle: Any) -> Any:
    standing = reading.standing(bundle)
    return SimpleNamespace(
        number=bundle.number,
        title=bundle.title,
        url=url_for("one_things.show", uid=bundle.uid),
        label=standing_words(standing)[0],
        tone=standing_words(standing)[1],
        done=sum(member.case.state in reading.DECIDED for member in bundle.members),
        all=len(bundle.members),
        when=present.moment(bundle.opened_at),
        unit=bundle.unit.name,
    )


def standing_words(standing: str) -> tuple[str, str]:
    """How far a bundle is, and its colour."""
    return {
        reading.RUNNING: (_("并联办理中"), "running"),
        reading.READY: (_("结果齐了，待统一出件"), "needs"),
        reading.CLOSED: (_("全部办完"), "done"),
    }[standing]


@bp.get("/themes/<theme_id>")
@login_required
def theme(theme_id: str) -> ResponseReturnValue:
    """What belongs to it, with the situations to tick; what cannot be filed says why."""
    chosen = reading.theme(theme_id)
    session, actor = db_session(), current_actor()
    parts = reading.parts(session, chosen)
    staff = bool(actor.roles & COUNTER_ROLES)
    fileable = [part.item for part in parts if part.item is not None]
    one = one_form.build(fileable, None)
    return render_template(
        "one_things/theme.html",
        theme=_card(chosen),
        theme_id=chosen.id,
        parts=[_part(part) for part in parts],
        papers=[
            SimpleNamespace(name=slot.record.name, serves=len(slot.serves), form=str(FORM_WORDS[slot.record.form]))
            for slot in one.slots
        ],
        single=sum(len(slot.serves) for slot in one.slots),
        go_url=url_for("cases.new") if staff else url_for("one_things.apply", theme_id=chosen.id),
        staff=staff,
        resident=actor.resident_id is not None,
        few=len(fileable) < filing.TWO,
    )


def _part(part: Part) -> Any:
    record = catalogue.items()[part.member.service_item] if part.member.service_item else None
    return SimpleNamespace(
        name=part.member.name,
        department=part.member.department,
        code=part.item.code if part.item is not None else "",
        title=part.item.title if part.item is not None else "",
        when=part.member.when,
        after="、".join(part.member.after),
        why=part.why,
        days=record.promised_days if record is not None else None,
        illustrative=part.member.illustrative,
    )


# --- Online


@bp.route("/apply/<theme_id>", methods=["GET", "POST"])
@login_required
def apply(theme_id: str) -> ResponseReturnValue:
    """一张表、一套材料: everything on one page, filed in one go; a refusal comes back with everything that was typed."""
    session, actor = db_session(), current_actor()
    if actor.resident_id is None:
        raise Forbidden(_("网上申报由居民用自己的账号办。替来窗口的人收件，请用“综合受理”。"))
    chosen = reading.theme(theme_id)
    own = session.get_one(Resident, actor.resident_id)
    typed = MultiDict(request.values)
    typed["applicant_id_number"] = own.id_number
    items, why = _chosen(chosen, typed.getlist("item"))
    one = one_form.build(items, counter_view.questions.IdNumber.parse(own.id_number).sex)
    form, left_out = counter_view.form_of(one, typed if request.method == "POST" else _without_answers(typed), own)
    refusal: Refusal | None = None
    if request.method == "POST":
        try:
            with session.begin_nested():
                _nothing_gone(why)
                found = _file(one, theme_id, form, own)
        except Refusal as problem:
            if problem.status != 422:
                raise
            refusal = problem
            session.expire_all()
        else:
            flash(
                _("已申报 %(n)s 件，编号 %(number)s。每一件的进度都在这一页。", n=found[1], number=found[2]), "success"
            )
            return redirect(found[0], 303)
    errors = counter_view.place_errors(refusal, form, left_out) if refusal is not None else []
    return render_template(
        "one_things/apply.html",
        theme=_card(chosen),
        items=items,
        gone=why,
        form=form,
        slots=[_slot(slot) for slot in one.slots],
        contact=[
            SimpleNamespace(name=name, label=label, value=typed.get(name, "") or known or "", wrong="")
            for name, label, known in (
                ("applicant_phone", _("手机或电话"), own.phone),
                ("applicant_address", _("现居住地址"), own.address),
            )
            if not known or typed.get(name)
        ],
        errors=errors,
        back_url=url_for("one_things.theme", theme_id=theme_id),
    ), 422 if refusal is not None else 200


def _without_answers(typed: Any) -> Any:
    """The address names the items; answers come from the form only."""
    return MultiDict(
        [(name, value) for name, value in typed.items(multi=True) if name in ("item", "applicant_id_number")]
    )


def _chosen(chosen: Theme, codes: list[str]) -> tuple[list[ServiceItem], list[str]]:
    """The items ticked, in the order of the theme; what is not offered any more comes back as a sentence."""
    parts = reading.parts(db_session(), chosen)
    wanted = set(codes) or {part.item.code for part in parts if part.item is not None and not part.member.when}
    items = [part.item for part in parts if part.item is not None and part.item.code in wanted]
    gone = [part.why for part in parts if part.item is None and part.member.service_item in wanted]
    return items, gone


def _nothing_gone(why: list[str]) -> None:
    if why:
        raise InvalidInput("".join(why) + _("没有申报任何一件：请看过后再按一次“一并申报”，其余的照办。"))


def _file(one: OneForm, theme_id: str, form: Any, own: Resident) -> tuple[str, int, str]:
    session, actor = db_session(), current_actor()
    if not one.items:
        raise InvalidInput(_("请至少选一件要办的事。"), {"item": _("请选要办的事")})
    contact = {name: value for name in CONTACT if (value := request.form.get(name, "").strip())}
    contact.setdefault("applicant_phone", own.phone or "")
    contact.setdefault("applicant_address", own.address or "")
    brought = {slot.key: {"provided": True, "sheets": 1} for slot in one.slots if uploaded(f"m-{slot.key}-file")}
    bundle, cases = filing.file_online(session, actor, theme_id, one, _channels(one), contact, posted(form), brought)
    for case in cases:
        _store_files(one, case)
    intake.share_papers(one, cases, "同一件事已交")
    if bundle is None:
        return url_for("content.show", uid=cases[0].uid), len(cases), cases[0].number or ""
    return url_for("one_things.show", uid=bundle.uid), len(cases), bundle.number


def _channels(one: OneForm) -> dict[str, str]:
    """By phone or by computer, as the resident does it and the item allows."""
    phone = "Mobi" in request.user_agent.string
    return {
        item.code: "online_mobile" if phone and "online_mobile" in record_of(item).channels else "online_pc"
        for item in one.items
    }


def _store_files(one: OneForm, case: Case) -> None:
    session, actor = db_session(), current_actor()
    for slot in one.slots:
        if slot.serves[0][0] != case.item.code:
            continue
        line = next(m for m in case.materials if m.code == slot.serves[0][1].id)
        for given in uploaded(f"m-{slot.key}-file")[:MOST_FILES]:
            files.store_document(session, case, actor, given.read(), given.filename or "", "material", material=line)
    materials.note_uploads(session, case)


def _slot(slot: Any) -> Any:
    return SimpleNamespace(
        field=f"m-{slot.key}-file",
        name=slot.record.name,
        critical=slot.critical,
        when=slot.record.when,
        form=str(FORM_WORDS[slot.record.form]),
        serves=len(slot.serves),
    )
