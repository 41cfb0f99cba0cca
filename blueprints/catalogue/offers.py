"""Service items as people read them: names of category, level and way, and what the agency still has to confirm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import current_app, url_for
from flask_babel import get_locale
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from catalogue import loader as catalogue
from catalogue.records import MODE_NAMES, ServiceItem, Term
from process.access import Actor
from process.words import N_

COUNTER_ROLES = frozenset({"community_clerk", "window_clerk", "all_round_worker"})
# Who sits at the screen of 综合受理; the bank's own people take in their outlet's short list, and nothing else of a clerk's work.
INTAKE_ROLES = COUNTER_ROLES | {"bank_teller"}
VISIT_ROLES = COUNTER_ROLES | {"grid_leader"}
WAYS = {"direct": _l("直接办"), "delegated": _l("代办")}
FORM_WORDS = {"original": _l("原件"), "copy": _l("复印件"), "either": _l("原件或复印件")}
# Words for the fields a page marks as 待核实, so that a reader knows which line is meant.
FIELD_WORDS = {
    "accept_level": _l("受理级别"),
    "decide_level": _l("决定级别"),
    "basis": _l("依据"),
    "conditions": _l("办理条件"),
    "delegable": _l("能否代办"),
    "direct": _l("办理方式"),
    "fee": _l("收费"),
    "form": _l("申请表"),
    "legal_days": _l("法定时限"),
    "promised_days": _l("承诺时限"),
    "materials": _l("材料"),
    "modes": _l("四种办法"),
    "number_series": _l("编号"),
    "name_en": _l("英文名"),
    "service_type": _l("服务类型"),
    "outputs": _l("办理结果"),
    "category": _l("类别"),
    "channels": _l("渠道"),
    "steps": _l("流程"),
    "home_visit": _l("上门办"),
}
# The catalogue's closed lists, written out for the translators; a new term is shown in Chinese until it stands here.
TERMS = (
    N_("村（社区）"),
    N_("镇（街道）"),
    N_("区（县、市）"),
    N_("市"),
    N_("检验检测"),
    N_("证明鉴定"),
    N_("查询咨询"),
    N_("信息公开"),
    N_("评估评价"),
    N_("登记备案"),
    N_("审查受理"),
    N_("缴纳补贴"),
    N_("竞价交易"),
    N_("网上办"),
    N_("上门办"),
    N_("就近办"),
    N_("马上办"),
)


@dataclass(frozen=True)
class Offer:
    """One line of the catalogue."""

    code: str
    name: str
    url: str
    category: str
    service_type: str
    level: str
    decide_level: str
    way: str
    direct: bool
    modes: tuple[str, ...]
    days: str
    placeholder: bool
    fileable: bool
    record: ServiceItem


def english() -> bool:
    return str(get_locale()) == "en"


def name_of(record: Any) -> str:
    """The name in the reader's language; only some records have an English one of their own."""
    translated: str = getattr(record, "name_en", "") if english() else ""
    # The closed lists have none: theirs stand among the translations (see TERMS).
    return translated or (_(record.name) if isinstance(record, Term) else str(record.name))


def term(terms: tuple[Any, ...], term_id: str | None) -> str:
    return next((name_of(t) for t in terms if t.id == term_id), "")


def days_text(days: int | None, direct: bool = False) -> str:
    if direct and days is not None and days <= 1:
        return _("当场办结")
    return _("%(n)s 个工作日", n=days) if days else _("未公布")


def offer(record: ServiceItem, fileable: bool) -> Offer:
    schemes = catalogue.schemes()
    category = schemes.by_id.get(record.category or "")
    return Offer(
        record.id,
        name_of(record),
        url_for("catalogue.guide", code=record.id),
        name_of(category) if category else _("其他事项"),
        term(schemes.service_types, record.service_type),
        term(schemes.levels, record.accept_level),
        term(schemes.levels, record.decide_level),
        str(WAYS["direct" if record.direct else "delegated"]),
        record.direct,
        tuple(_(MODE_NAMES[n]) for n in record.modes.names),
        days_text(record.promised_days, record.direct),
        record.placeholder,
        fileable,
        record,
    )


def doubtful(record: ServiceItem) -> tuple[str, ...]:
    """Which lines of a guide are proposals that the agency has not confirmed."""
    return tuple(str(FIELD_WORDS[name]) for name in record.illustrative_fields if name in FIELD_WORDS)


ONLINE_WAYS = frozenset({"online_pc", "online_mobile", "wechat_account", "app"})


def filing_links(
    record: ServiceItem, actor: Actor, fileable: bool, open_ways: frozenset[str] = frozenset()
) -> list[dict[str, Any]]:
    """Where this reader can file: staff at the counter, beside the resident or at the door, residents online; open ways only."""
    if not fileable:
        return []
    links = []
    if actor.roles & INTAKE_ROLES:
        links.append(
            {
                "label": _("在窗口受理"),
                "url": url_for("cases.new", item=record.id),
                "hint": _("申请人在窗口，打开综合受理"),
            }
        )
        if "filing_zone" in open_ways and actor.roles & COUNTER_ROLES:
            links.append(
                {
                    "label": _("网上指导代办"),
                    "url": url_for("catalogue.assist", code=record.id),
                    "hint": _("您建草稿，申请人用自己的账号接着填、自己申报"),
                }
            )
    if record.modes.home_visit and actor.roles & VISIT_ROLES and "visits.new" in current_app.view_functions:
        links.append(
            {
                "label": _("登记上门代办"),
                "url": url_for("visits.new", item=record.id),
                "hint": _("申请人出不了门，由网格上门"),
            }
        )
    # Some items say 网上办 without naming the way; where ways are named, one of them must be open.
    online = bool(open_ways & ONLINE_WAYS) or (record.modes.online and ONLINE_WAYS.isdisjoint(record.channels))
    if online and (actor.resident_id is not None or actor.person_id is None):
        hint = _("手机或电脑填报，不用跑") if actor.person_id else _("先登录，再填报")
        links.append({"label": _("网上申报"), "url": url_for("public.apply", code=record.id), "hint": hint})
    if not online and record.delegable:
        links.append(
            {
                "label": _("请社区代办"),
                "url": url_for("delegations.how", code=record.id),
                "hint": _("这件不能网上办，把材料交给社区，由代办员替您跑"),
            }
        )
    return links
