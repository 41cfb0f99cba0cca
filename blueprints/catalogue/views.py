"""The catalogue for everybody: what can be applied for, and the guide of each item. No sign-in needed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from flask import Response, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import get_locale
from flask_babel import gettext as _
from markupsafe import Markup
from sqlalchemy import select

from blueprints.catalogue import authority, offers, places, sample
from blueprints.catalogue.bp import bp
from blueprints.context import current_actor, db_session
from catalogue import loader as catalogue
from catalogue.records import MODE_NAMES
from catalogue.records import ServiceItem as ServiceItemRecord
from extensions import limiter
from models.base import now
from models.case import ServiceItem
from process import access
from process.access import Actor
from process.clock import local_day
from process.drawing import draw
from process.eligibility import CONDITIONS, item_allows_visit
from process.library import library
from process.refusals import NotFound
from services import item_sheets, publicity

ELSEWHERE = "elsewhere"


@bp.get("")
def index() -> ResponseReturnValue:
    """All items by category, with how many there are of how many there should be."""
    session, actor, today = db_session(), current_actor(), local_day(now())
    schemes = catalogue.schemes()
    states = dict(
        session.execute(access.visible(select(ServiceItem.code, ServiceItem.state), actor, ServiceItem)).all()
    )
    known = [r for r in catalogue.items().values() if r.id in states]
    chosen = {name: request.args.get(name, "") for name in ("category", "service_type", "mode", "way", "level")}
    words = " ".join(request.args.get("q", "").split())[:60]
    shown = [r for r in known if _matches(r, chosen, words.lower())]
    groups = []
    for category in [*schemes.categories, None]:
        key = category.id if category else ELSEWHERE
        members = [r for r in shown if (r.category or ELSEWHERE) == key]
        have = sum((r.category or ELSEWHERE) == key for r in known)
        groups.append(
            SimpleNamespace(
                id=key,
                name=offers.name_of(category) if category else _("其他单位和地区的事项"),
                have=have,
                target=category.target_count if category else None,
                active=chosen["category"] == key,
                url=_link(chosen, words, category="" if chosen["category"] == key else key),
                rows=[offers.offer(r, states[r.id] == "published" and r.fileable(today)) for r in members],
            )
        )
    counted = [r for r in known if r.counted]
    filters = [
        ("service_type", _("服务类型"), [(t.id, offers.name_of(t)) for t in schemes.service_types]),
        ("mode", _("四种办法"), [(k, _(name)) for k, name in MODE_NAMES.items()]),
        ("way", _("办理方式"), [(k, str(name)) for k, name in offers.WAYS.items()]),
        ("level", _("受理级别"), [(t.id, offers.name_of(t)) for t in schemes.levels]),
    ]
    return render_template(
        "catalogue/index.html",
        groups=groups,
        filters=filters,
        chosen=chosen,
        q=words,
        found=len(shown),
        have=len(counted),
        total=schemes.total,
        direct=sum(r.direct for r in counted),
        placeholders=sum(r.placeholder for r in counted),
        filtered=bool(words or any(chosen.values())),
    )


def _link(chosen: dict[str, str], words: str, **change: str) -> str:
    values: dict[str, Any] = {**chosen, "q": words, **change}
    return url_for("catalogue.index", **{k: v for k, v in values.items() if v})


def _matches(r: ServiceItemRecord, chosen: dict[str, str], words: str) -> bool:
    text = f"{r.name} {r.name_en} {r.id} {' '.join(r.outputs)}".lower()
    return all(
        (
            not chosen["category"] or (r.category or ELSEWHERE) == chosen["category"],
            not chosen["service_type"] or r.service_type == chosen["service_type"],
            not chosen["mode"] or chosen["mode"] in r.modes.names,
            not chosen["way"] or r.direct == (chosen["way"] == "direct"),
            not chosen["level"] or r.accept_level == chosen["level"],
            all(word in text for word in words.split()),
        )
    )


def _visible_item(code: str) -> ServiceItem:
    found = db_session().scalar(
        access.visible(select(ServiceItem).where(ServiceItem.code == code), current_actor(), ServiceItem)
    )
    if found is None or code not in catalogue.items():
        raise NotFound(_("没有找到这个事项，可能已改名或停用。请到事项目录按类别或名称再找。"))
    return found


@bp.get("/<code>")
def guide(code: str) -> ResponseReturnValue:
    """What to bring, where to go, how long it takes, and the buttons to file it."""
    item, actor = _visible_item(code), current_actor()
    record = catalogue.item(code)
    fileable = item.state == "published" and record.fileable(local_day(now()))
    schemes, roles = catalogue.schemes(), catalogue.roles()
    visits = item_allows_visit(record, schemes.home_visit_categories)
    materials = [
        SimpleNamespace(
            name=m.name,
            critical=m.critical,
            form=str(offers.FORM_WORDS[m.form]),
            copies=m.copies,
            who=m.who_issues,
            when=m.when,
            reusable=m.reusable,
            illustrative=m.illustrative,
        )
        for m in record.materials
    ]
    facts = places.facts(item)
    steps = [
        SimpleNamespace(
            number=s.number, name=s.name, who=offers.name_of(roles[s.actor]) if s.actor in roles else s.actor
        )
        for s in record.steps
    ]
    return render_template(
        "catalogue/guide.html",
        item=item,
        record=record,
        offer=offers.offer(record, fileable),
        materials=materials,
        steps=steps,
        channels=[offers.name_of(catalogue.channels()[c]) for c in facts.channels],
        facts=facts,
        grants=[authority.row(grant) for grant in facts.grants],
        managing=_managing(item, actor),
        visits=visits,
        conditions_for_visit=[_(condition) for condition in CONDITIONS.values()],
        promised=offers.days_text(record.promised_days, record.direct),
        legal=offers.days_text(record.legal_days),
        doubtful=offers.doubtful(record),
        links=offers.filing_links(record, actor, fileable, frozenset(facts.channels)),
        drawing=Markup(draw(library.workflows["case"], locale=str(get_locale()))),
        follows=publicity.follows(db_session(), item, actor) if actor.resident_id is not None else None,
        mismatch_url=url_for("catalogue.mismatch", code=code)
        if item.state == "published" and actor.resident_id is not None
        else None,
        sheet_url=url_for("catalogue.item_sheet", code=code, sheet=item_sheets.LEAFLET)
        if item.state == "published"
        else None,
    )


def _managing(item: ServiceItem, actor: Actor) -> list[tuple[str, str]]:
    """The pages of whoever keeps this item, as (label, address)."""
    if places.MANAGER not in actor.roles:
        return []
    return [
        (_("各地办法和归属"), url_for("catalogue.item_places_page", code=item.code)),
        (_("渠道开关"), url_for("catalogue.item_channels_page", code=item.code)),
        (_("发布与宣传"), url_for("catalogue.item_publicity", code=item.code)),
    ]


@bp.get("/<code>/letter.pdf")
@limiter.limit("20/minute")
def letter(code: str) -> ResponseReturnValue:
    """A filled model of the authorisation letter for this item, marked 样张: nothing to sign, only to see."""
    item = _visible_item(code)
    response = Response(sample.letter(item.title), mimetype="application/pdf")
    response.headers.set("Content-Disposition", "inline", filename=_("代办委托书样张.pdf"))
    return response
