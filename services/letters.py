"""代办委托书: without a signed letter that is in force nobody may act for a resident."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from models.base import now
from models.case import Case
from models.content import Content
from models.delegation import Letter
from models.resident import Resident
from process import clock
from process.access import Actor
from process.calendar_days import say
from process.inputs import clean_text
from process.refusals import InvalidInput, RequirementUnmet
from process.words import N_
from services import files

POWERS: Mapping[str, str] = {
    "file": N_("代为申报"),
    "supplement": N_("代为补正"),
    "sign": N_("代为签收文书"),
    "collect": N_("代为领取结果"),
}
# Proposals until the agency decides: how long a letter runs when nobody says, and at most.
USUAL_DAYS = 90
LONGEST_DAYS = 366
WITNESSES = 2


@dataclass(frozen=True)
class Terms:
    """What a letter says, checked before anything is written."""

    powers: tuple[str, ...]
    valid_from: date
    valid_until: date
    fingerprint: bool
    witnesses: tuple[str, ...]
    signature: str


def read_terms(data: Mapping[str, Any], today: date, *, agent: str = "", principal: str = "") -> Terms:
    """Every mistake of a letter at once, each by field."""
    errors: dict[str, str] = {}
    powers = _powers(data.get("powers"), errors)
    until = _until(data.get("valid_until"), today, errors)
    fingerprint = data.get("fingerprint") in (True, "true", "1", "on", "y", 1)
    witnesses = _witnesses(data, fingerprint, agent, principal, errors)
    signature = data.get("signature") or ""
    try:
        files.signature_png(signature)
    except InvalidInput as refusal:
        errors["signature"] = refusal.detail
    if errors:
        raise InvalidInput(
            "委托书还不能生效：" + "；".join(message.rstrip("。") for message in errors.values()) + "。", errors
        )
    return Terms(powers, today, until, fingerprint, witnesses, str(signature))


def write(
    session: Session, content: Content, actor: Actor, principal: Resident, matter: str, terms: Terms, at: datetime
) -> Letter:
    """Writes the letter as signed before this actor, who becomes the agent."""
    label = "委托人指印" if terms.fingerprint else "委托人签名"
    document = files.store_signature(session, content, actor, terms.signature, label)
    letter = Letter(
        principal_id=principal.id,
        agent_person_id=actor.person_id,
        agent_name=actor.name,
        matter=matter[:120],
        powers=list(terms.powers),
        valid_from=terms.valid_from,
        valid_until=terms.valid_until,
        signature_id=document.id,
        fingerprint=terms.fingerprint,
        witnesses=[{"name": name} for name in terms.witnesses],
        signed_at=at,
    )
    session.add(letter)
    session.flush()
    return letter


def seen_at_counter(session: Session, case: Case, agent_name: str, until: date) -> Letter:
    """A private agent's letter on paper, seen and checked by the clerk: the agent is no colleague, the signature is on the sheet."""
    at = now()
    assert case.applicant_id is not None
    letter = Letter(
        principal_id=case.applicant_id,
        agent_name=agent_name[:60],
        matter=case.title[:120],
        powers=["file", "supplement"],
        valid_from=clock.local_day(at),
        valid_until=max(until, clock.local_day(at)),
        signed_at=at,
    )
    session.add(letter)
    session.flush()
    return letter


def require(letter: Letter | None, day: date, *, principal: int | None, power: str = "file") -> None:
    """No letter, no acting: says which of the conditions fails and how to mend it."""
    if letter is None or letter.signed_at is None:
        raise RequirementUnmet(
            "还没有签好的代办委托书，不能代办。请先请委托人签委托书（不能书写的按指印，由两人见证）。"
        )
    if principal is not None and letter.principal_id != principal:
        raise RequirementUnmet("委托书上的委托人不是这件的申请人，不能代办。请由申请人本人重新签委托书。")
    if day < letter.valid_from:
        raise RequirementUnmet(f"委托书从{say(letter.valid_from)}起才有效，请到时再办，或重新签委托书。")
    if not letter.entitles(day):
        raise RequirementUnmet(f"委托书已于{say(letter.valid_until)}到期，不能再代办。请让委托人重新签委托书。")
    if power not in letter.powers:
        raise RequirementUnmet(f"委托书没有写明“{POWERS[power]}”的权限，不能代办。请让委托人重新签委托书并勾选这一项。")


def _powers(value: Any, errors: dict[str, str]) -> tuple[str, ...]:
    given = [value] if isinstance(value, str) else list(value or ())
    unknown = [power for power in given if power not in POWERS]
    if unknown:
        errors["powers"] = f"没有“{unknown[0]}”这种权限，可选：{'、'.join(POWERS.values())}"
    elif "file" not in given:
        errors["powers"] = "请至少勾选“代为申报”的权限"
    return tuple(power for power in POWERS if power in given)


def _until(value: Any, today: date, errors: dict[str, str]) -> date:
    usual = today + timedelta(days=USUAL_DAYS)
    if value in (None, ""):
        return usual
    try:
        until = value if isinstance(value, date) and not isinstance(value, datetime) else date.fromisoformat(str(value))
    except ValueError:
        errors["valid_until"] = "委托有效期请写成 2026-03-05 的样子，且必须存在"
        return usual
    if until < today:
        errors["valid_until"] = f"委托有效期{say(until)}已经过去，请填今天或以后的日期"
    elif until > today + timedelta(days=LONGEST_DAYS):
        errors["valid_until"] = "委托有效期最长一年，请填近一些的日期"
    return until


def _witnesses(
    data: Mapping[str, Any], fingerprint: bool, agent: str, principal: str, errors: dict[str, str]
) -> tuple[str, ...]:
    given = data.get("witnesses")
    if given is None:
        given = [data.get("witness_1"), data.get("witness_2")]
    names: list[str] = []
    for one in given if isinstance(given, (list, tuple)) else [given]:
        name = one.get("name") if isinstance(one, Mapping) else one
        try:
            text = clean_text(name or "", 40)
        except ValueError as problem:
            errors["witness_1"] = f"见证人姓名{problem}"
            continue
        if text:
            names.append(text)
    if not fingerprint:
        return tuple(names)
    # One person written twice, with a blank more or less, is one witness.
    plain = ["".join(name.split()) for name in names]
    if len(set(plain)) < WITNESSES:
        errors["witness_1" if not names else "witness_2"] = "以指印代替签名的，必须写明两名不同的见证人"
    elif agent and agent in plain:
        errors["witness_1" if plain[0] == agent else "witness_2"] = f"受托人{agent}不能同时作见证人，请另找一位"
    elif principal and principal in plain:
        errors["witness_1" if plain[0] == principal else "witness_2"] = "委托人不能给自己作见证人，请另找一位"
    return tuple(names)
