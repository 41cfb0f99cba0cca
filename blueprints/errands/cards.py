"""An errand as a card: what, from where to where by community, when, what may be done now. Never an address."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from types import SimpleNamespace
from typing import Any

from flask import url_for
from flask_babel import get_locale
from flask_babel import gettext as _
from markupsafe import Markup, escape
from sqlalchemy.orm import Session

from blueprints.errands.views import View
from blueprints.present import day, title_of
from models.agency import Agency
from models.errand import Errand
from process import access, clock, engine
from process.access import Actor
from process.definition import Transition
from process.library import library
from process.masking import mask_address, mask_name
from process.numbers import CHINA
from services.errand_board import COLUMNS, SOON, STRANDED, Glance, Load
from services.errand_kinds import NEEDS, carries_papers
from services.errand_posting import purposes
from services.errands import is_receiver

_NUMBER = re.compile(r"(?<!\d)(?:1\d{10}|0\d{2,3}-?\d{7,8}|\d{8})(?!\d)")
COLUMN_OF = {state: key for key, states in COLUMNS.items() for state in states}
# Pressed on the board itself; the others ask for something first and lead to a page.
AT_ONCE = ("claim", "claim_first", "join", "set_off", "start", "post", "reopen", "confirm")
ON_THE_CARD = (*AT_ONCE, "assign", "pick_up", "deliver")
WAITING = "waiting"
WITHIN_COMMUNITY = ("grid", "errand_point", "community_station")
# The colours of a card: only lateness stands out, as the column already says the state.
LATE, NEEDS_YOU, DONE = "late", "needs", "done"


def columns(
    session: Session,
    actor: Actor,
    errands: list[Errand],
    glance: Glance,
    load: Load | None,
    at: datetime,
    *,
    view: View,
    limits: Mapping[int, int],
    nameless: frozenset[int] = frozenset(),
) -> list[Any]:
    """The board from left to right; a courier's own lane comes first."""
    hall = view.hall
    titles = {
        "open": _("待认领"),
        "claimed": _("已认领"),
        "on_way": _("途中"),
        "delivered": _("待确认"),
        "confirmed": _("已完成"),
    }
    empty = {
        "open": _("没有等人认领的任务。窗口、社区或调度员发布后会出现在这里。"),
        "confirmed": _("近三天还没有完成的。"),
    }
    cards: dict[str, list[Any]] = {key: [] for key in (WAITING, *COLUMNS)}
    for errand in errands:
        cards[COLUMN_OF.get(errand.state, WAITING)].append(
            card(session, errand, actor, at, hall=hall, nameless=errand.assignee_id in nameless)
        )
    made = []
    for key, states in COLUMNS.items():
        limited = load is not None and key == "claimed" and not hall
        made.append(
            SimpleNamespace(
                key=key,
                title=titles[key],
                count=len(cards[key]) if view.narrowed else glance.head(states),
                limit=load.limit if limited and load else None,
                full=bool(limited and load and load.full),
                empty=empty.get(key),
                lanes=_by(cards[key], view.by, limits)
                if view.by
                else _lanes(cards[key], split=load is not None and not hall),
            )
        )
    if cards[WAITING] and not hall:
        # Above what waits to be claimed, where a press or a drag puts them back.
        for lane in made[0].lanes:
            lane.title = lane.title or _("等认领")
        made[0].lanes.insert(
            0,
            SimpleNamespace(
                title=_("未完成，要处理（%(n)s）", n=glance.head(STRANDED)),
                mine=False,
                cards=cards[WAITING],
            ),
        )
    return made


def _by(cards: list[Any], by: str, limits: Mapping[int, int]) -> list[Any]:
    """One lane for each community or courier that has a card here, in the order of their names; couriers with their load."""
    found: dict[str, list[Any]] = {}
    for one in cards:
        found.setdefault(one.community if by == "community" else one.courier_name or _("还没有人"), []).append(one)
    lanes = []
    for name in sorted(found):
        own, limit = found[name], limits.get(found[name][0].courier_id or 0)
        title = f"{name}（{len(own)}/{limit}）" if limit and by == "courier" else f"{name}（{len(own)}）"
        lanes.append(SimpleNamespace(title=title, mine=all(one.mine for one in own), cards=own))
    return lanes or [SimpleNamespace(title=None, mine=False, cards=[])]


def _lanes(cards: list[Any], *, split: bool) -> list[Any]:
    own = [c for c in cards if c.mine]
    if not split or not own:
        return [SimpleNamespace(title=None, mine=False, cards=cards)]
    lanes = [SimpleNamespace(title=_("我的"), mine=True, cards=own)]
    others = [c for c in cards if not c.mine]
    return [*lanes, SimpleNamespace(title=_("别人的"), mine=False, cards=others)] if others else lanes


def card(session: Session, errand: Errand, actor: Actor, at: datetime, *, hall: bool, nameless: bool = False) -> Any:
    """What stands on one card; `nameless`: it hangs in public, and the courier's name does not."""
    own = actor.person_id is not None and actor.person_id in (errand.assignee_id, errand.companion_id)
    tone, word = lateness(errand, at)
    courier = errand.assignee.name if errand.assignee is not None and not own and not nameless else None
    return SimpleNamespace(
        key=errand.uid,
        title=purposes(str(get_locale())).get(errand.purpose, "") if hall else errand.title,
        url=None if hall else url_for("errands.task", uid=errand.uid),
        from_place=place_name(errand.from_agency)
        or (mask_address(errand.from_address) if errand.from_address else errand.place.name),
        to_place=place_name(errand.to_agency) or mask_address(errand.to_address or ""),
        window=window(errand, at),
        envelopes=errand.envelopes,
        needs=_needs(errand),
        tone=tone,
        tone_label=word,
        mine=own and not hall,
        community=_community(errand),
        courier_id=errand.assignee_id,
        courier_name=_lane_name(errand, hall, nameless),
        courier=mask_name(courier) if courier and hall else courier,
        actions=[]
        if hall
        else [_action(errand, t, actor) for t in engine.available(errand, actor) if t.id in ON_THE_CARD],
    )


def _lane_name(errand: Errand, hall: bool, nameless: bool) -> str:
    if errand.assignee is None:
        return ""
    if nameless:
        return _("跑腿工")
    return mask_name(errand.assignee.name) if hall else errand.assignee.name


def _needs(errand: Errand) -> list[str]:
    """The small signs at the door; where two must go, whether the second is still wanted."""
    signs = [_(NEEDS[need]) for need in errand.needs or [] if need in NEEDS]
    return [*signs, _("还缺一人同行")] if errand.state == "pairing" else signs


def _community(errand: Errand) -> str:
    """The lane it stands in: the community it comes from or goes to, else the place that posted it."""
    for agency in (errand.to_agency, errand.from_agency, errand.place):
        if agency is not None and (agency.kind in ("community", "village") or agency.kind in WITHIN_COMMUNITY):
            return place_name(agency)
    return place_name(errand.place)


def _action(errand: Errand, transition: Transition, actor: Actor) -> Any:
    at_once = transition.id in AT_ONCE and (transition.id != "confirm" or is_receiver(errand, actor))
    url = (
        url_for("errands.press", uid=errand.uid, step=transition.id)
        if at_once
        else url_for(f"errands.{transition.id}", uid=errand.uid)
    )
    return SimpleNamespace(
        label=word(errand, transition, actor),
        url=url,
        method="post" if at_once else "get",
        primary=transition.primary,
        to=COLUMN_OF.get(transition.to or "", ""),
    )


def word(errand: Errand, transition: Transition, actor: Actor) -> str:
    """The verb as the person pressing it would say it: only the receiver says 'received', and who carries nothing delivers nothing."""
    if transition.id == "deliver" and not carries_papers(errand):
        return _("办完了")
    if transition.id != "confirm" or is_receiver(errand, actor):
        return title_of(transition)
    return _("核实后确认") if "errand_dispatcher" in actor.roles else _("填收件人的确认码")


def place_name(agency: Agency | None) -> str:
    """Down to the community, never a desk in it."""
    if agency is None:
        return ""
    return agency.parent.name if agency.kind in WITHIN_COMMUNITY and agency.parent is not None else agency.name


def lateness(errand: Errand, at: datetime) -> tuple[str | None, str]:
    """Overdue and due soon stand out; a word goes with the colour."""
    if errand.state == "confirmed":
        return DONE, ""
    if errand.state in STRANDED:
        return (LATE, _("没送成")) if errand.state == "failed" else (NEEDS_YOU, _("还没上板"))
    if errand.deadline is None or errand.deadline >= at + SOON:
        return None, ""
    return (LATE, _("已超时")) if errand.deadline < at else (NEEDS_YOU, _("快到时间"))


def window(errand: Errand, at: datetime) -> str:
    """今天 15:00 前; once delivered, when that was."""
    if errand.state == "confirmed":
        return _("%(when)s 完成", when=_when(errand.closed_at, at))
    if errand.state == "delivered":
        return _("%(when)s 送到", when=_when(errand.delivered_at, at))
    if errand.window_end is None:
        return ""
    return _("%(when)s 前", when=_when(errand.window_end, at))


def _when(moment: datetime | None, at: datetime) -> str:
    if moment is None:
        return ""
    local = moment.astimezone(CHINA)
    days = (local.date() - clock.local_day(at)).days
    near = {-1: _("昨天"), 0: _("今天"), 1: _("明天")}.get(days)
    return f"{near or day(moment)} {local:%H:%M}"


# The next step first, then the ways out; where each is taken.
ORDER = {
    "claim": 0,
    "claim_first": 0,
    "join": 0,
    "start": 0,
    "pick_up": 0,
    "set_off": 0,
    "deliver": 0,
    "confirm": 0,
    "post": 0,
    "reopen": 0,
    "assign": 1,
    "take_back": 1,
    "fail": 1,
    "recover": 2,
    "call_back": 2,
    "release": 2,
    "leave": 2,
    "cancel": 3,
}


def next_steps(session: Session, errand: Errand, actor: Actor) -> list[Any]:
    """What this person does next, the main one first."""
    found = sorted((t for t in engine.available(errand, actor) if t.id in ORDER), key=lambda t: ORDER[t.id])
    steps = []
    for transition in found:
        asked = transition.id not in AT_ONCE or (transition.id == "confirm" and not is_receiver(errand, actor))
        if not asked:
            url = url_for("errands.press", uid=errand.uid, step=transition.id)
        elif transition.id in ("cancel", "call_back"):
            url = url_for("content.do", uid=errand.uid, transition=transition.id)
        else:
            url = url_for(f"errands.{transition.id}", uid=errand.uid)
        # A courier waiting for the receiver has nothing to press first of all.
        main = ORDER[transition.id] == 0 and not (transition.id == "confirm" and errand.assignee_id == actor.person_id)
        steps.append(
            SimpleNamespace(
                id=transition.id,
                label=word(errand, transition, actor),
                primary=main,
                method="get" if asked else "post",
                url=url,
            )
        )
    return steps


def state_of(session: Session, errand: Errand) -> Any:
    state = library.of(errand, session).states[errand.state]
    return SimpleNamespace(label=title_of(state), tone=state.tone)


def dialled(text: str) -> str:
    """A telephone number that a thumb can press; nobody has to copy eleven digits in a stairwell."""
    parts, last = [], 0
    for found in _NUMBER.finditer(text):
        digits = found[0].replace("-", "").replace(" ", "")
        parts += [escape(text[last : found.start()]), Markup('<a href="tel:{}">{}</a>').format(digits, found[0])]
        last = found.end()
    return Markup("").join([*parts, escape(text[last:])])


def facts(session: Session, errand: Errand, actor: Actor) -> list[tuple[str, str, str]]:
    """(icon, label, text): where from, where to, whom to ask; in full only for those who carry or answer for it."""
    full = access.may(actor, access.VIEW_FULL, errand, session)

    def where(agency: Agency | None, address: str | None) -> str:
        if full:
            return "，".join(part for part in (agency.name if agency else "", address or "") if part)
        return place_name(agency) or mask_address(address or "")

    lines = [
        ("inbox", _("从"), where(errand.from_agency, errand.from_address)),
        ("pin", _("到"), where(errand.to_agency, errand.to_address)),
    ]
    if full and errand.contact:
        lines.append(("phone", _("联系人"), dialled(errand.contact)))
    return [(sign, label, text) for sign, label, text in lines if text]
