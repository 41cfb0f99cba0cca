"""What the counter's screen shows: the person, the matters of the visit, one form, one list of papers with what need not be brought."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from flask import url_for
from flask_babel import gettext as _
from flask_wtf import FlaskForm
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from blueprints import present
from blueprints.cases import questions
from blueprints.catalogue.offers import COUNTER_ROLES, FORM_WORDS, name_of, offer
from blueprints.dynamic_forms import label_of
from catalogue import loader as catalogue
from catalogue.one_things import one_things
from models.agency import Agency
from models.base import new_uid, now
from models.case import Case, ServiceItem
from models.counter import CounterVisit
from models.one_thing import OneThing
from models.resident import Resident
from process import access, clock
from process.access import Actor
from process.identity import InvalidIdNumber
from process.library import library
from process.masking import mask_address, mask_name, mask_phone
from process.numbers import CHINA
from process.refusals import Refusal
from services import cases, data_sharing, intake_hall, on_record, one_form, point_items, residents
from services.one_form import OneForm, Slot
from services.one_thing import filing

PERSON = ("applicant_id_number", "applicant_name", "applicant_phone", "applicant_address")
AGENT = ("agent_id_number", "agent_name", "agent_relation", "agent_phone", "agent_until", "agent_letter")
LAST_CASES = 5
# What was asked when a box was typed into travels with the draft under this name: asked.<box>=<title>.
ASKED = "asked."
# The theme of 一件事 that was chosen before the screen was opened; it travels along unseen like everything typed.
BUNDLE = "one_thing"


def page(
    session: Session,
    actor: Actor,
    typed: Any,
    visit: CounterVisit | None,
    *,
    looked: bool,
    refusal: Refusal | None,
    left_out: dict[str, str],
) -> dict[str, Any]:
    """Everything the template and its parts need."""
    number = typed.get("applicant_id_number", "")
    parsed = questions.parse(number)
    resident = residents.find_by_id_number(session, number) if parsed is not None else None
    one = one_form_of(session, typed)
    typed = settled(one, typed)
    form, _known = form_of(one, typed, resident)
    errors = place_errors(refusal, form, left_out) if refusal is not None else []
    teller = actor.roles.isdisjoint(COUNTER_ROLES)
    gone = [code for code in typed.getlist("item") if code and code not in {i.code for i in one.items}]
    return {
        "visit": visit,
        "visit_uid": visit.uid if visit is not None else typed.get("visit") or new_uid(),
        "called": intake_hall.current(session, actor),
        "may_call": intake_hall.may_call(session, actor),
        "filed": [_filed(session, m.case) for m in visit.matters] if visit is not None else [],
        "matters": [_matter(item, actor) for item in one.items],
        "bundle": bundle_of(typed),
        "chosen_codes": [item.code for item in one.items],
        "gone": gone_sentence(gone) if gone else _shut(session, actor),
        "form": form,
        "asked": {
            q.field.name: f"{' '.join(code for code, _name in q.fills)}|{label_of(q.field.title)}"
            for q in one.questions
            if q.field.name in form
        },
        "carried": carried(one, form, typed),
        "vanished": vanished(one, typed),
        "typed": {name: typed.get(name, "") for name in (*PERSON, *AGENT)},
        "person": person_view(session, actor, resident, typed, looked),
        "materials": slots(
            session, actor, one, typed, visit, resident if (looked or visit is not None) and not teller else None
        ),
        "consent": consent(session, resident) if not teller else None,
        "consent_typed": bool(typed.get("consent")),
        "teller": teller,
        "sharing": data_sharing.connected() and not teller,
        "errors": errors,
        "wrong": {e["field"]: e["message"] for e in errors if e["field"]},
        "look_url": url_for("cases.look"),
        "draft_url": url_for("cases.keep_draft"),
        "share_url": url_for("cases.share"),
        "saved": f"{visit.saved_at.astimezone(CHINA):%H:%M:%S}" if visit is not None and visit.saved_at else "",
        "today": clock.local_day(now()).isoformat(),
    }


def one_form_of(session: Session, typed: Any) -> OneForm:
    """The chosen matters as one form; what is not on offer any more is left out and said."""
    wanted = list(dict.fromkeys(code for code in typed.getlist("item") if code))
    offered = {item.code: item for item in cases.items_on_offer(session)}
    parsed = questions.parse(typed.get("applicant_id_number", ""))
    return one_form.build([offered[code] for code in wanted if code in offered], parsed.sex if parsed else None)


def bundle_of(typed: Any) -> Any:
    """The theme this filing belongs to, with who leads it."""
    theme = one_things().get(typed.get(BUNDLE, ""))
    return SimpleNamespace(name=theme.name, lead="、".join(theme.leads), id=theme.id) if theme is not None else None


def gathered(
    session: Session, actor: Actor, one: OneForm, cases: Any, visit: CounterVisit, typed: Any
) -> OneThing | None:
    """The bundle of what was just filed, where a theme was chosen."""
    theme = bundle_of(typed)
    return filing.gather(session, actor, theme.id, one, cases, visit=visit) if theme is not None else None


def _shut(session: Session, actor: Actor) -> str:
    """An outlet that has no list yet takes nothing: said before anything is typed."""
    unit = session.get(Agency, actor.unit_id) if actor.unit_id else None
    return point_items.nothing_listed(session, unit) if unit is not None else ""


def gone_sentence(codes: list[str]) -> str:
    """An item that was chosen and is not on offer any more."""
    names = "、".join(catalogue.items()[code].name if code in catalogue.items() else code for code in codes)
    return _("“%(names)s”现在不能申报了（已停办、改版或收回）。请换一个事项，填过的内容都在。", names=names)


def form_of(one: OneForm, typed: Any, resident: Resident | None) -> tuple[FlaskForm, dict[str, str]]:
    """The questions that are left, with what was typed, and what is known already."""
    number = questions.parse(typed.get("applicant_id_number", ""))
    empty = questions.ask(one.form, number, resident)
    return type(empty)(formdata=MultiDict(settled(one, typed)), meta={"csrf": False}), questions.answered(
        one.form, number, resident
    )


def settled(one: OneForm, typed: Any) -> Any:
    """A box or a paper may have gone by another name before a matter was added or taken away: what was typed and ticked goes along."""
    found = MultiDict(typed)
    for q in one.questions:
        if not found.get(q.field.name, "").strip():
            earlier = next((found[name] for _code, name in q.fills if found.get(name, "").strip()), "")
            if earlier:
                found[q.field.name] = earlier
    for slot in one.slots:
        for part in PAPER_PARTS:
            name = f"m-{slot.key}-{part}"
            said = next((found[n] for n in _paper_names(one, slot, part) if found.get(n)), "")
            if said and not found.get(name):
                found[name] = said
    return found


def _paper_names(one: OneForm, slot: Slot, part: str) -> list[str]:
    return [f"m-{key}-{part}" for key in one.other_keys(slot)]


def vanished(one: OneForm, typed: Any) -> list[tuple[str, str, str]]:
    """Boxes of the chosen matters that were typed into and that no form has any more: name, what it was called, what was typed."""
    chosen = {item.code for item in one.items}
    saved = {}
    for name in typed:
        codes, _bar, title = typed.get(name).partition("|") if name.startswith(ASKED) else ("", "", "")
        if title and chosen & set(codes.split()):
            saved[name.removeprefix(ASKED)] = title
    known = {q.field.name for q in one.questions} | {name for q in one.questions for _code, name in q.fills}
    lost = one_form.vanished(saved, known)
    return [(name, title, typed.get(name, "")) for name, title in lost.items() if typed.get(name, "").strip()]


PAPER_PARTS = ("provided", "form", "sheets", "take")
# What the template draws by itself; everything else that was typed travels along unseen.
DRAWN = frozenset((*PERSON, *AGENT, "item", "visit", "filed", "csrf_token", "_once", "consent", "vanished_seen"))


def carried(one: OneForm, form: FlaskForm, typed: Any) -> list[tuple[str, str]]:
    """What was typed for a matter that is not chosen now, or not on offer any more: it comes back with the matter."""
    # Under its earlier names as well: a tick that is taken away must not come back from there.
    slots_shown = tuple(f"m-{key}-" for slot in one.slots for key in (slot.key, *one.other_keys(slot)))
    lost = {name for name, _title, _value in vanished(one, typed)}
    now_asked = {f"{ASKED}{field.short_name}" for field in form}
    return [
        (name, value)
        for name in typed
        if name not in DRAWN
        and name not in form
        and name not in lost
        and name not in now_asked
        and name.removeprefix(ASKED) not in lost
        and not name.startswith(slots_shown)
        for value in typed.getlist(name)
        if value.strip() and len(value) < 2_000
    ]


def place_errors(refusal: Refusal, form: FlaskForm | None, left_out: dict[str, str]) -> list[dict[str, str]]:
    """Each message beside the box it is about, in the order of the page; a known answer is mended where the person stands."""
    found = []
    for name, message in refusal.errors.items():
        field = left_out.get(name, name)
        if name.startswith("applicant."):
            # The pane has one address; the household address is asked by the item's own form.
            field = name.replace(".", "_", 1).replace("household_address", "address")
        elif name.startswith("materials"):
            field = "materials"
        if form is not None and field in form:
            form[field].errors = [*form[field].errors, message]
        found.append({"field": field, "message": message})
    order = [*PERSON, *AGENT, "item", *(form._fields if form is not None else ())]
    place = {field: number for number, field in enumerate(order)}
    found.sort(key=lambda error: place.get(error["field"], len(place)))
    return found or [{"field": "", "message": refusal.detail}]


def _matter(item: ServiceItem, actor: Actor) -> Any:
    """How this item runs from this very counter: decided here, accepted here, or carried on."""
    shown = offer(catalogue.item(item.code), True)
    at_street = any(h.role == "window_clerk" for h in actor.held)
    if actor.roles.isdisjoint(COUNTER_ROLES):
        way, tone = _("本网点收件，直接进街道的收件箱，由街道受理"), "running"
        return SimpleNamespace(code=item.code, name=shown.name, offer=shown, way=way, tone=tone, guide_url=shown.url)
    if shown.record.accept_level != "village" and not at_street:
        way, tone = _("本站收件，街道受理：收件后开代办单转交"), "needs"
    elif shown.direct and not at_street:
        way, tone = _("直接办理：本站受理，当场决定"), "done"
    elif at_street:
        way, tone = _("直接受理：本中心受理，后台审核审批"), "done"
    else:
        way, tone = _("本站受理，街道决定：受理后转后台或开代办单"), "running"
    return SimpleNamespace(code=item.code, name=shown.name, offer=shown, way=way, tone=tone, guide_url=shown.url)


def groups(session: Session, actor: Actor, chosen: list[str]) -> list[Any]:
    """Everything that can be filed here today, by category; at a point with a list of its own that list alone."""
    found: dict[str, Any] = {}
    schemes = catalogue.schemes()
    unit = session.get(Agency, actor.unit_id) if actor.unit_id else None
    listed = point_items.item_codes(session, unit) if unit is not None and point_items.limited(unit) else None
    for item in cases.items_on_offer(session):
        if listed is not None and item.code not in listed and item.code not in chosen:
            continue
        record = catalogue.item(item.code)
        category = schemes.by_id.get(record.category or "")
        group = found.setdefault(
            record.category or "",
            SimpleNamespace(name=name_of(category) if category else _("其他单位和地区的事项"), items=[]),
        )
        group.items.append(
            SimpleNamespace(
                code=item.code,
                name=name_of(record),
                direct=record.direct,
                placeholder=record.placeholder,
                street=record.accept_level != "village",
                chosen=item.code in chosen,
                words=f"{record.name} {record.name_en} {record.id}".lower(),
            )
        )
    return list(found.values())


# --- Papers


def own(slot: Slot, typed: Any) -> bool:
    """Whether it is the applicant's own paper: about others nobody asks the platform from here."""
    parsed = questions.parse(typed.get("applicant_id_number", ""))
    return parsed is not None and one_form.owner(slot.record, parsed.sex) == "self"


def slots(
    session: Session, actor: Actor, one: OneForm, typed: Any, visit: CounterVisit | None, resident: Resident | None
) -> list[Any]:
    """The list of papers with ticks, and what lies here already or was found at the platform."""
    kept = on_record.offers(session, actor, resident, list(one.items)) if resident is not None and one.items else {}
    asked = (
        {r.kind: r for r in data_sharing.of_visit(session, visit, typed.get("applicant_id_number", ""))}
        if visit is not None
        else {}
    )
    found = []
    for slot in one.slots:
        record, name = slot.record, f"m-{slot.key}"
        here = kept.get(slot.key)
        shared = asked.get(record.kind) if own(slot, typed) else None
        take = typed.get(f"{name}-take", "")
        found.append(
            SimpleNamespace(
                code=slot.key,
                field=name,
                also=" ".join(_paper_names(one, slot, "file")),
                name=record.name,
                critical=slot.critical,
                when=record.when,
                copies=record.copies,
                kind=record.form,
                serves=len(slot.serves),
                form_word=str(FORM_WORDS[record.form]),
                provided=bool(typed.get(f"{name}-provided")),
                sheets=typed.get(f"{name}-sheets") or record.copies,
                form=typed.get(f"{name}-form") or ("original" if record.form == "original" else "copy"),
                record=SimpleNamespace(value=f"record:{here.material.id}", words=here.said, files=here.files)
                if here is not None
                else None,
                shared=SimpleNamespace(
                    value=f"shared:{shared.uid}" if shared.state == "found" else "",
                    state=shared.state,
                    words=shared.said or _("正在向数据共享平台查，最多等 30 秒，您可以接着填。"),
                )
                if shared is not None
                else None,
                askable=data_sharing.askable(record.kind) and own(slot, typed),
                take=take,
            )
        )
    return found


def consent(session: Session, resident: Resident | None) -> Any:
    """The resident's word on papers given before, if it holds today."""
    kept = on_record.consent_of(session, resident) if resident is not None else None
    return SimpleNamespace(until=present.day_of(kept.until)) if kept is not None else None


# --- The person


def person_view(session: Session, actor: Actor, resident: Resident | None, typed: Any, looked: bool) -> Any:
    """Known data, masked but for the name: the clerk has the card in hand and compares."""
    text = typed.get("applicant_id_number", "")
    if not text.strip():
        return None
    try:
        number = questions.IdNumber.parse(text)
    except InvalidIdNumber as wrong:
        # Half a number is no mistake yet: the clerk is still typing.
        whole = looked or len("".join(text.split())) >= 18
        return SimpleNamespace(problem=wrong.detail, found=False, number=None) if whole else None
    view = SimpleNamespace(
        problem="",
        found=resident is not None,
        sex=number.sex_zh,
        age=number.age_on(clock.local_day(now())),
        number=number.masked,
        name="",
        phone="",
        address="",
        open=[],
        doubles=[],
    )
    if resident is not None and looked:
        view.name = resident.name
    if resident is not None:
        view.phone = mask_phone(resident.phone) if resident.phone else ""
        view.address = mask_address(resident.address) if resident.address else ""
        view.open = _open_cases(session, actor, resident)
    elif looked:
        doubles = residents.possible_doubles(
            session, number, typed.get("applicant_name", ""), typed.get("applicant_phone", "")
        )
        view.doubles = [_double(one) for one in doubles]
    return view


def _double(one: Resident) -> Any:
    """Masked: the clerk asks the visitor, the page gives nobody away."""
    return SimpleNamespace(
        name=mask_name(one.name),
        born=_("%(year)s年%(month)s月生", year=one.birth_date.year, month=one.birth_date.month),
        number=questions.IdNumber.parse(one.id_number).masked,
        phone=mask_phone(one.phone) if one.phone else _("没有登记"),
    )


def _open_cases(session: Session, actor: Actor, resident: Resident) -> list[Any]:
    """What this person already has running here, so that nobody files it twice."""
    statement = access.visible(
        select(Case).where(Case.applicant_id == resident.id, Case.closed_at.is_(None)), actor, Case
    )
    found = session.scalars(statement.order_by(Case.id.desc()).limit(LAST_CASES))
    return [_filed(session, c) for c in found]


def _filed(session: Session, case: Case) -> Any:
    return SimpleNamespace(
        number=case.number,
        title=case.title,
        url=url_for("content.show", uid=case.uid),
        state=present.state_view(library.of(case, session).states[case.state]),
    )


# --- Whose turn it is


def parked(visit: CounterVisit) -> Any:
    """Somebody who was begun and put aside: shortened name, since when, what for."""
    draft = visit.draft or {}
    name = next(iter(draft.get("applicant_name", ())), "") or (visit.resident.name if visit.resident else "")
    codes = [code for code in draft.get("item", ()) if code in catalogue.items()]
    return SimpleNamespace(
        url=url_for("cases.new", visit=visit.uid),
        who=mask_name(name) if name else _("还没填姓名"),
        what="、".join(catalogue.items()[code].name for code in codes) or _("还没选事项"),
        when=present.moment(visit.saved_at) if visit.saved_at else "",
    )


def ticket_uid(session: Session, actor: Actor) -> str | None:
    """The number that was called to this window, if the hall has one in hand."""
    called = intake_hall.current(session, actor)
    return called.uid if called is not None else None
