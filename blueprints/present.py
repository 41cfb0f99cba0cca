"""From things to what pages show: rows, deadlines, the way, the time line. Masking happens here, never in a template."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from flask import url_for
from flask_babel import get_locale, gettext, ngettext
from sqlalchemy.orm import Session, joinedload

from models.base import now
from models.case import Case
from models.content import Content
from process import access, clock, field_access
from process.access import Actor
from process.definition import Definition, State
from process.field_rules import HIDDEN, MASKED, OPEN
from process.library import library
from process.masking import mask_address, mask_id_number, mask_name, mask_phone
from process.numbers import CHINA
from services import inside

WEEKDAYS = "一二三四五六日"


def day(value: datetime | None) -> str:
    """`3月5日 周四`, with the year when it is not this one."""
    if value is None:
        return ""
    local = value.astimezone(CHINA)
    year = "" if local.year == now().astimezone(CHINA).year else f"{local.year}年"
    if str(get_locale()) == "en":
        return f"{local:%a %d %b}" + (f" {local.year}" if year else "")
    return f"{year}{local.month}月{local.day}日 周{WEEKDAYS[local.weekday()]}"


def moment(value: datetime | None) -> str:
    return "" if value is None else f"{day(value)} {value.astimezone(CHINA):%H:%M}"


def day_of(value: date | None) -> str:
    """`3月5日`, with the year when it is not this one."""
    if value is None:
        return ""
    year = value.year != now().astimezone(CHINA).year
    if str(get_locale()) == "en":
        return f"{value.day} {value:%b}" + (f" {value.year}" if year else "")
    return (f"{value.year}年" if year else "") + f"{value.month}月{value.day}日"


def full_day(value: date | None) -> str:
    """`2026年3月5日`: a day that counts for years, a period or a paper's date, is written out."""
    if value is None:
        return ""
    if str(get_locale()) == "en":
        return f"{value.day} {value:%b %Y}"
    return f"{value.year}年{value.month}月{value.day}日"


def period(since: date | None, until: date | None) -> str:
    """`2026年3月5日 至 长期`: from when until when something holds, with words where an end is open."""
    if since is None:
        return gettext("到 %(day)s 止", day=full_day(until)) if until else gettext("长期")
    return gettext("%(first)s 至 %(last)s", first=full_day(since), last=full_day(until) or gettext("长期"))


def lasted(minutes: float | None) -> str:
    """So long as people say it: minutes under two hours, hours under two days, days and hours above."""
    if minutes is None:
        return "—"
    whole = round(minutes)
    if whole < 120:
        return gettext("%(n)s 分钟", n=whole)
    hours = round(minutes / 60)
    if hours < 48:
        return gettext("%(n)s 小时", n=hours)
    days, rest = divmod(hours, 24)
    return gettext("%(days)s 天 %(hours)s 小时", days=days, hours=rest) if rest else gettext("%(days)s 天", days=days)


def title_of(thing: Any) -> str:
    return thing.title.text(str(get_locale()))


@dataclass(frozen=True)
class StateView:
    label: str
    tone: str


@dataclass(frozen=True)
class DeadlineView:
    label: str
    tone: str
    percent: int | None = None
    title: str = ""
    explain: list[str] = field(default_factory=list)


def state_view(state: State) -> StateView:
    return StateView(title_of(state), state.tone)


def deadline_view(
    session: Session, content: Content, definition: Definition, *, explain: bool = False, full: bool = False
) -> DeadlineView | None:
    """How much time is left, in working days, and how much of it is used. `full`: the reader may see what people wrote."""
    if content.closed_at is not None:
        return None
    sentences = (
        clock.explain(session, content, definition, locale=str(get_locale()), full=full)["sentences"] if explain else []
    )
    if content.deadline is None:
        due = definition.states[content.state].due
        if due is None:
            return None
        if due.clock and (run := clock.current(session, content, due.clock)) is not None and clock.standing(run):
            return DeadlineView(gettext("停表"), "waiting", None, "", sentences)
        label = gettext("时间未定") if due.field else gettext("缺工作日历，期限未定")
        return DeadlineView(label, "needs" if not due.field else "waiting", None, "", sentences)
    at = now()
    whole = (content.deadline - content.entered_at).total_seconds()
    percent = min(100, max(0, round((at - content.entered_at).total_seconds() / whole * 100))) if whole > 0 else 100
    days = clock.working_days_left(session, content.deadline, at)
    if content.deadline < at:
        late = -(days or 0)
        label = ngettext("超期 %(num)d 个工作日", "超期 %(num)d 个工作日", late) if late else gettext("已超期")
        tone, percent = "late", 100
    elif days is None:
        label, tone = gettext("%(day)s 前", day=day(content.deadline)), "running"
    elif days == 0:
        same_day = clock.local_day(at) == clock.local_day(content.deadline)
        end_of_day = content.deadline.astimezone(CHINA).hour == 23
        label = (
            (
                gettext("今天到期")
                if end_of_day
                else gettext("今天 %(time)s 前", time=f"{content.deadline.astimezone(CHINA):%H:%M}")
            )
            if same_day
            else day(content.deadline)
        )
        tone = "needs"
    else:
        label = ngettext("还剩 %(num)d 个工作日", "还剩 %(num)d 个工作日", days)
        tone = "needs" if percent >= 80 else "running"
    return DeadlineView(label, tone, percent, gettext("期限：%(when)s", when=moment(content.deadline)), sentences)


@dataclass(frozen=True)
class Link:
    label: str
    url: str


@dataclass(frozen=True)
class Row:
    """One line of a list, masked."""

    uid: str
    number: str
    url: str
    who: str
    what: str
    where: str
    state: StateView
    deadline: DeadlineView | None
    action: Link | None = None
    pickable: bool = False
    kind: str = ""


def number_of(content: Content) -> str:
    """The number people know it by; an internal id says nothing to anybody."""
    return content.number or gettext("还没有编号")


def row(session: Session, content: Content, actor: Actor, transitions: Iterable[Any] = ()) -> Row:
    definition = library.of(content, session)
    first = next(iter(sorted(transitions, key=lambda t: not t.primary)), None)
    applicant = mask_name(content.applicant.name) if content.applicant else ""
    return Row(
        content.uid,
        number_of(content),
        url_for("content.show", uid=content.uid),
        applicant,
        content.title,
        _holder_for(content, actor),
        state_view(definition.states[content.state]),
        deadline_view(session, content, definition),
        Link(title_of(first), url_for("content.do", uid=content.uid, transition=first.id))
        if first is not None and first.primary
        else None,
        bool(first is not None and first.primary and not any(i.required for i in first.inputs)),
        title_of(library.type(content.type)),
    )


def holder_text(content: Content) -> str:
    parts = [content.unit.name if content.unit else "", content.assignee.name if content.assignee else ""]
    return " · ".join(p for p in parts if p)


def _holder_for(content: Content, actor: Actor) -> str:
    """Where it lies; with a word where it is one's to do for an absent colleague."""
    own = actor.resident_id is not None and actor.resident_id == content.applicant_id
    if own and isinstance(content, Case) and inside.asked(content) is not None:
        return content.unit.name if content.unit else ""
    text = holder_text(content)
    if content.assignee is not None and content.assignee_id in actor.principals:
        return gettext("%(where)s（您代%(name)s办）", where=text, name=content.assignee.name)
    return text


def list_options(entity: Any = Content) -> list[Any]:
    """What every list loads at once, so that the number of queries does not grow with its rows."""
    return [
        joinedload(entity.applicant),
        joinedload(entity.unit),
        joinedload(entity.assignee),
        joinedload(entity.place),
    ]


def applicant_view(content: Content, actor: Actor, session: Session) -> dict[str, Any] | None:
    """The applicant, masked; whoever may see everything asks for it with a reason (see access.reveal)."""
    person = content.applicant
    spec = library.type(content.type).field("applicant")
    full = access.may(actor, access.VIEW_FULL, content, session)
    right = field_access.right(session, content, spec, actor, full=full) if spec is not None else OPEN
    if person is None or right == HIDDEN:
        return None

    def part(name: str, text: str | None) -> Any:
        url = url_for("access.reveal", uid=content.uid, name=f"applicant.{name}") if full else None
        return {"text": text, "reveal_url": url} if text else None

    return {
        "name": person.name if full and right != MASKED else mask_name(person.name),
        "id_number": part("id_number", mask_id_number(person.id_number)),
        "phone": part("phone", mask_phone(person.phone) if person.phone else None),
        "address": part("address", mask_address(person.address) if person.address else None),
        "agent": None,
    }
