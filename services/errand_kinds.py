"""What each kind of errand asks for, read from `catalogue/errand_kinds.yaml`; the steps of the process enforce it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml
from sqlalchemy import func, select

from models.errand import Errand
from models.paper import Document
from process import registry
from process.access import Actor
from process.refusals import RequirementUnmet
from process.registry import Step
from process.words import N_

FILE = Path(__file__).resolve().parents[1] / "catalogue" / "errand_kinds.yaml"
NEEDS: Mapping[str, str] = {
    "signature": N_("要签字"),
    "id_check": N_("要核身份"),
    "photo": N_("要拍照"),
    "code": N_("要确认码"),
    "two_people": N_("两人同去"),
}
# Where the signature and the photos of the door stay until the papers have arrived.
SIGNED, PHOTOS = "receiver_signature", "door_photos"


@dataclass(frozen=True)
class Kind:
    """One kind of errand: whether it carries papers, where its needs are asked for, and what is needed at a home."""

    id: str
    papers: bool
    at: str
    home: tuple[str, ...]


@cache
def kinds() -> Mapping[str, Kind]:
    """Every kind by its id, checked as a whole when first read."""
    found: dict[str, Kind] = {}
    for kind_id, one in yaml.safe_load(FILE.read_text(encoding="utf-8"))["kinds"].items():
        unknown = [need for need in one["home"] if need not in NEEDS]
        if unknown or one["at"] not in ("pick_up", "deliver") or not isinstance(one["papers"], bool):
            raise ValueError(f"{FILE.name}: {kind_id}: {unknown or one['at']} is not known here")
        found[kind_id] = Kind(kind_id, one["papers"], one["at"], tuple(one["home"]))
    return found


def needs_of(purpose: str, *, home: bool, asked: Iterable[str] = ()) -> list[str]:
    """What an errand of this kind needs: what its kind demands, and what was asked for besides; in a fixed order."""
    kind = kinds().get(purpose)
    wanted = {*asked, *(kind.home if kind is not None and home else ())}
    return [need for need in NEEDS if need in wanted]


def at_home(purpose: str, from_address: str | None, to_address: str | None) -> bool:
    """Whether somebody's home is the end at which this kind asks for its needs."""
    kind = kinds().get(purpose)
    if kind is not None and not kind.papers:
        # Whoever is accompanied may live at either end.
        return bool(from_address or to_address)
    return bool(from_address if kind is not None and kind.at == "pick_up" else to_address)


def carries_papers(errand: Errand) -> bool:
    """Papers change hands: by its kind, or because envelopes are written on it all the same."""
    kind = kinds().get(errand.purpose)
    return errand.envelopes > 0 or kind is None or kind.papers


def asked_at(errand: Errand, step: str) -> tuple[str, ...]:
    """The needs of this errand that this step asks for."""
    kind = kinds().get(errand.purpose)
    where = kind.at if kind is not None else "deliver"
    return tuple(need for need in errand.needs or () if need != "two_people") if step == where else ()


# --- asked for by the steps ------------------------------------------------------------------------------------------
@registry.requirement("needs_met")
def needs_met(step: Step) -> None:
    """Everything this errand needs at this end is there; what is missing is said at once."""
    errand, given = step.content, step.inputs
    needs = asked_at(errand, step.transition.id)
    errors: dict[str, str] = {}
    who = "交出人" if step.transition.id == "pick_up" else "收件人"
    if "signature" in needs and not given.get("signature"):
        errors["signature"] = f"请{who}签字"
    if "id_check" in needs and not given.get("id_checked"):
        errors["id_checked"] = f"请核对{who}的身份证，核对后打勾"
    if "photo" in needs and not given.get("photos"):
        errors["photos"] = "请拍一张照片"
    if "code" in needs and not given.get("code") and not _blocked(errand):
        errors["code"] = "这一单要收件人报确认码"
    if errors:
        raise RequirementUnmet("还差一点：" + "；".join(errors.values()) + "。", errors)
    _require_photos(step)


def _blocked(errand: Errand) -> bool:
    from services.errand_codes import code_blocked

    return code_blocked(errand)


def _require_photos(step: Step) -> None:
    wanted = list(dict.fromkeys(step.inputs.get("photos") or ()))
    if not wanted:
        return
    known = step.session.scalar(
        select(func.count()).where(Document.content_id == step.content.id, Document.uid.in_(wanted))
    )
    if known != len(wanted):
        raise RequirementUnmet("有照片没有传上来，请重新拍照。", {"photos": "请重新拍照"})


@registry.requirement("two_together")
def two_together(step: Step) -> None:
    """Nobody sets out alone to somebody who lives alone."""
    errand = step.content
    if "two_people" in (errand.needs or ()) and errand.companion_id is None:
        raise RequirementUnmet(
            "这一单要两个人一起去。请另一位跑腿工在任务板上点“同行”，或请调度员安排一位，再出发。",
            {"companion": "还缺一位同行"},
        )


@registry.predicate("needs_companion")
def needs_companion(session: object, errand: Errand, actor: Actor) -> bool:
    """Shown to a second courier while one is wanted."""
    return (
        "two_people" in (errand.needs or ()) and errand.companion_id is None and errand.assignee_id != actor.person_id
    )


@registry.predicate("is_companion")
def is_companion(session: object, errand: Errand, actor: Actor) -> bool:
    return errand.companion_id is not None and errand.companion_id == actor.person_id


@registry.predicate("with_papers")
def with_papers(session: object, errand: Errand, actor: Actor) -> bool:
    return carries_papers(errand)


@registry.predicate("without_papers")
def without_papers(session: object, errand: Errand, actor: Actor) -> bool:
    return not carries_papers(errand)
