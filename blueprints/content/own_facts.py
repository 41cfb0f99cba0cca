"""基本情况: what a thing of each kind tells of itself before anything that was filled in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

from flask import url_for
from flask_babel import gettext as _

from blueprints import present
from catalogue import loader as catalogue
from models.case import Case
from models.content import Content
from models.delegation import Delegation, HomeVisit
from models.errand import Errand
from models.paper import Certificate
from process import field_access
from process.field_rules import HIDDEN, MASKED
from process.library import library
from process.masking import mask_name
from services import certificates, handing_over
from services.catalogue_items import record_of

# label, value, over the whole width, the field whose rules decide who sees it
Fact = Callable[..., None]


def own(content: Content, full: bool, rights: Mapping[str, str]) -> SimpleNamespace:
    """title and facts [label, value, wide]; without `full` each line masks for itself."""
    facts: list[Any] = []

    def fact(label: str, value: Any, wide: bool = False, field: str = "") -> None:
        # A rule of the field bars even whoever sees the contents.
        if rights.get(field) == HIDDEN:
            return
        if rights.get(field) == MASKED and full and value not in (None, ""):
            value = {"text": field_access.COVERED, "reveal_url": url_for("access.reveal", uid=content.uid, name=field)}
        if value not in (None, ""):
            facts.append(SimpleNamespace(label=label, value=value, wide=wide))

    told = next((told for kind, told in OF_KIND.items() if isinstance(content, kind)), None)
    if told is not None:
        told(content, full, fact)
    elif library.type(content.type).generic:
        fact(_("登记单位"), content.place.name)
        fact(_("登记人"), content.owner.name if content.owner else "")
        fact(_("登记时间"), present.moment(content.created_at))
    return SimpleNamespace(title=_("基本情况"), facts=facts)


def _case(case: Case, full: bool, fact: Fact) -> None:
    record, channel = record_of(case.item), catalogue.channels().get(case.channel)
    fact(_("事项"), case.item.title + (_("（示例）") if case.item.illustrative else ""))
    fact(_("渠道"), channel.name if channel else case.channel)
    fact(_("受理单位"), case.place.name)
    fact(_("决定单位"), case.deciding_unit.name if case.deciding_unit else "")
    fact(_("申报时间"), present.moment(case.filed_at))
    fact(_("受理时间"), present.moment(case.accepted_at))
    fact(_("承诺时限"), _("%(n)s 个工作日", n=record.promised_days) if record.promised_days else "")
    fact(_("跑的次数"), _("%(n)s 次", n=case.trips))
    fact(_("首问人"), case.first_contact.name if case.first_contact else "")
    fact(_("评价"), _("%(n)s 分", n=case.rating) if case.rating else "")


def _delegation(ticket: Delegation, full: bool, fact: Fact) -> None:
    fact(_("转出单位"), ticket.place.name)
    fact(_("转交给"), ticket.addressee.name, field="addressee")
    fact(_("首问人"), ticket.first_contact.name if ticket.first_contact else "")
    fact(_("结果领取点"), ticket.result_point.name if ticket.result_point else "")
    if ticket.parent_id:
        return
    letter = ticket.letter
    signed = letter is not None and letter.signed_at is not None
    fact(
        _("委托书"),
        _("已签，有效至 %(day)s", day=present.full_day(letter.valid_until)) if letter and signed else _("还没有签"),
    )


def _visit(visit: HomeVisit, full: bool, fact: Fact) -> None:
    fact(_("事项"), visit.item.title)
    fact(_("网格"), visit.place.name)
    fact(_("上门资格"), visit.basis if full else "", True)
    fact(_("上门时间"), present.moment(visit.slot_start))
    fact(_("未遇到次数"), visit.attempts or "")


def _errand(errand: Errand, full: bool, fact: Fact) -> None:
    address = errand.to_address if full else (_("认领后可见") if errand.to_address else "")
    fact(_("从"), errand.from_agency.name if errand.from_agency else "", field="from_agency")
    fact(_("到"), errand.to_agency.name if errand.to_agency else "", field="to_agency")
    fact(_("取件地址"), errand.from_address if full else "", True, "from_address")
    fact(_("送达地址"), address, True, "to_address")
    fact(_("联系人"), errand.contact if full else "", field="contact")
    fact(_("件数"), str(errand.envelopes), field="envelopes")
    fact(_("最晚送达"), present.moment(errand.window_end), field="window_end")


def _certificate(certificate: Certificate, full: bool, fact: Fact) -> None:
    fact(_("证照编号"), certificate.number or _("还没有编号"))
    fact(_("持证人"), certificate.holder_name if full else mask_name(certificate.holder_name))
    fact(_("发证时间"), present.moment(certificate.issued_on))
    if certificate.valid_until is not None:
        over = certificate.state in ("issued", "delivered") and certificates.has_expired(certificate)
        fact(_("有效期至"), present.full_day(certificate.valid_until) + (_("（已过期）") if over else ""))
    if not full:
        return
    collector = handing_over.collector_of(certificate)
    if collector:
        who = handing_over.WHO.get(collector["who"])
        told = [collector["name"], _(who) if who else "", collector["number"]]
        fact(_("领取人"), " · ".join(one for one in told if one))
    before = [one["number"] for one in certificates.chain(certificate)[1:] if one["number"]]
    fact(_("接替的证照"), "、".join(before))


OF_KIND: dict[type[Content], Callable[[Any, bool, Fact], None]] = {
    Case: _case,
    Delegation: _delegation,
    HomeVisit: _visit,
    Errand: _errand,
    Certificate: _certificate,
}
