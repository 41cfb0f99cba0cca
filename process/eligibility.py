"""Who may have staff come to the home, on what ground, and what is offered to everybody else."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from process.identity import IdNumber, LeapRule, age_on
from process.words import N_

AGE_LIMIT = 80
AGE = "age_80"
CATEGORIES = frozenset({"elderly_service", "social_assistance", "disability_service"})
CONDITIONS: Mapping[str, str] = {
    AGE: N_("80岁以上"),
    "bedridden": N_("卧病在床"),
    "limited_mobility": N_("行动不便"),
    "severe_disability": N_("重度残疾"),
}
# What a person who cannot be visited may be told instead, in the order a clerk would say it.
OTHER_WAYS: Mapping[str, str] = {
    "online_mobile": N_("手机网上申报"),
    "online_pc": N_("电脑网上申报"),
    "wechat_account": N_("微信公众号申报"),
    "proxy": N_("委托代办"),
    "errand": N_("红色代办跑腿"),
    "window_community": N_("就近到社区公共服务站办理"),
    "window_street": N_("到街道行政服务中心窗口办理"),
}
_ALWAYS_OFFERED = ("proxy", "window_community")


class VisitableItem(Protocol):
    """What about a service item decides whether staff may come for it, and what else to offer."""

    @property
    def name(self) -> str: ...
    @property
    def category(self) -> str | None: ...
    @property
    def home_visit(self) -> bool | None: ...
    @property
    def channels(self) -> tuple[str, ...]: ...
    @property
    def delegable(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Eligibility:
    """The answer to a request for a home visit, with the ground that is kept on the visit."""

    ok: bool
    basis: str
    reason: str
    alternatives: tuple[str, ...] = ()
    age: int | None = None
    # Why not, in one word that can be counted: item, age, condition, proof.
    why: str = ""

    @property
    def basis_zh(self) -> str:
        return CONDITIONS.get(self.basis, "")


def item_allows_visit(item: VisitableItem, categories: Collection[str] = CATEGORIES) -> bool:
    """True for the home-visit categories and for items named one by one; an item named false never."""
    if item.home_visit is not None:
        return item.home_visit
    return item.category in categories


def check(
    item: VisitableItem,
    *,
    person: IdNumber | date | None,
    condition: str | None = None,
    proof_note: str = "",
    on_day: date,
    categories: Collection[str] = CATEGORIES,
    age_limit: int = AGE_LIMIT,
    leap_rule: LeapRule = "last_of_february",
) -> Eligibility:
    """Item first, then age by ID number or birth date, then a named condition with a note of its proof."""
    age = _age(person, on_day, leap_rule)
    if not item_allows_visit(item, categories):
        return _refused(
            item, age, "item", f"“{item.name}”不在上门代办范围内（限为老服务、社会救助、残疾服务类和点名列入的事项）。"
        )
    if condition is not None and condition not in CONDITIONS:
        return _refused(
            item, age, "condition", f"没有“{condition}”这种上门条件，请从{'、'.join(CONDITIONS.values())}中选择。"
        )
    if age is not None and age >= age_limit:
        return Eligibility(True, AGE, f"申请人满{age}周岁，符合“{age_limit}岁以上”。", age=age)
    if condition is None or condition == AGE:
        return _refused(item, age, "age", _too_young(age, age_limit))
    if not proof_note.strip():
        return _refused(
            item, age, "proof", f"选择了“{CONDITIONS[condition]}”，但没有写明依据。请注明看到的证件、病历或核实人。"
        )
    return Eligibility(True, condition, f"“{CONDITIONS[condition]}”，依据：{proof_note.strip()}。", age=age)


def _age(person: IdNumber | date | None, on_day: date, leap_rule: LeapRule) -> int | None:
    if person is None:
        return None
    birth_date = person.birth_date if isinstance(person, IdNumber) else person
    return age_on(birth_date, on_day, leap_rule)


def _too_young(age: int | None, age_limit: int) -> str:
    others = "、".join(name for key, name in CONDITIONS.items() if key != AGE)
    known = "没有身份证号码，不能核对年龄" if age is None else f"申请人现年{age}周岁，未满{age_limit}周岁"
    return f"{known}，也没有记录{others}的情况。"


def other_ways(item: VisitableItem) -> tuple[str, ...]:
    """The ways that stand open for an item without a visit, in the order a clerk would say them."""
    offered = [channel for channel in OTHER_WAYS if channel in item.channels]
    offered += [channel for channel in _ALWAYS_OFFERED if channel not in offered]
    if not item.delegable:
        offered = [channel for channel in offered if channel not in ("proxy", "errand")]
    return tuple(offered)


def _refused(item: VisitableItem, age: int | None, why: str, reason: str) -> Eligibility:
    offered = other_ways(item)
    ways = "、".join(OTHER_WAYS[channel] for channel in offered)
    return Eligibility(False, "", f"{reason}可以改用：{ways}。", offered, age, why)
