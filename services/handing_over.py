"""Who takes a certificate home: the holder, or an agent with a letter; the ID number is checked, kept encrypted, shown masked."""

from __future__ import annotations

from typing import Any

from models.paper import Certificate
from process import registry
from process.identity import IdNumber, InvalidIdNumber
from process.refusals import InvalidInput
from process.registry import Step
from process.words import N_

HOLDER, AGENT = "holder", "agent"
COLLECTOR = "_collector"
WHO = {HOLDER: N_("持证人本人"), AGENT: N_("代领人")}
# Handed over in person; a courier's or a ticket's delivery is signed for on its own receipt.
IN_PERSON = ("", "counter", "station")


@registry.requirement("collector_identified")
def collector_identified(step: Step) -> None:
    """Nobody takes a certificate over the counter unseen: the number on the card of whoever stands there is typed and checked."""
    certificate: Certificate = step.content
    if not _at_the_counter(step) and not step.inputs.get("collector_id_number"):
        return
    errors: dict[str, str] = {}
    who = step.inputs.get("who")
    if who not in WHO:
        errors["who"] = "请选领取人是持证人本人，还是代领人"
    number = _number(step.inputs.get("collector_id_number") or "", errors)
    holders = holder_numbers(certificate)
    if number and who == HOLDER and holders and number not in holders:
        errors["collector_id_number"] = "与证照上登记的身份证号码不一致；不是持证人本人领取的，请选“代领人”"
    if who == AGENT:
        if not (step.inputs.get("collector") or "").strip():
            errors["collector"] = "请填写代领人的姓名"
        if number and number in holders:
            errors["collector_id_number"] = "这是持证人自己的身份证号码；持证人本人领取的，请选“持证人本人”"
        if not step.inputs.get("letter"):
            errors["letter"] = "代领要有委托书：请核对原件后打勾，没有委托书不能交出"
    if errors:
        raise InvalidInput(f"还不能交出证照：{'；'.join(errors.values())}。", errors)


def _at_the_counter(step: Step) -> bool:
    """Whether a person hands it over here and now, on the certificate or on its case."""
    cause = step.cause
    if cause is None:
        return True
    return cause.content.type == "case" and cause.cause is None and (cause.inputs.get("way") or "") in IN_PERSON


def _number(text: str, errors: dict[str, str]) -> str:
    try:
        return IdNumber.parse(text).value
    except InvalidIdNumber as problem:
        errors["collector_id_number"] = problem.detail.rstrip("。")
        return ""


def holder_numbers(certificate: Certificate) -> frozenset[str]:
    """The ID numbers of those whom the certificate is about, as they stand on it."""
    from services.papers import own

    paper, applicant = certificate.paper, certificate.applicant
    ours = [one.name for one in own.definition_of(paper).fields if one.kind == "id_number"] if paper is not None else []
    found = {str(paper.data[name]).upper() for name in ours if paper.data.get(name)} if paper is not None else set()
    return frozenset(
        found | ({applicant.id_number.upper()} if applicant is not None and applicant.id_number else set())
    )


def keep(step: Step) -> None:
    """Writes down who took it; the journal says only in which capacity."""
    certificate: Certificate = step.content
    who, number = step.inputs.get("who"), step.inputs.get("collector_id_number")
    if who not in WHO or not number:
        return
    certificate.private = {
        **(certificate.private or {}),
        COLLECTOR: {
            "who": who,
            "id_number": IdNumber.parse(number).value,
            "letter": bool(step.inputs.get("letter")),
        },
    }
    step.details["collector"] = who


def forwarded(inputs: dict[str, Any]) -> dict[str, Any]:
    """What was typed on the case about the collector, for the step of its certificate."""
    return {name: inputs[name] for name in ("who", "collector_id_number", "letter") if inputs.get(name)}


def collector_of(certificate: Certificate) -> dict[str, Any] | None:
    """Name, capacity and masked number of whoever took it; None as long as nobody has."""
    kept = (certificate.private or {}).get(COLLECTOR)
    if kept is None:
        return {"name": certificate.collector, "who": "", "number": ""} if certificate.collector else None
    return {
        "name": certificate.collector,
        "who": kept["who"],
        "number": IdNumber.parse(kept["id_number"], allow_old=True).masked,
    }


def on_receipt(certificate: Certificate | None) -> dict[str, str]:
    """The collector's lines of the delivery receipt."""
    kept = (certificate.private or {}).get(COLLECTOR) if certificate is not None else None
    if kept is None:
        return {}
    own = kept["who"] == HOLDER
    return {
        "recipient_id_number": kept["id_number"] if own else IdNumber.parse(kept["id_number"], allow_old=True).masked,
        "recipient_relation": "本人" if own else "代领人（凭委托书）",
    }
