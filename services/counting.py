"""清点: line by line against the list, each difference noted before anybody signs; what is not wanted goes back at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.case import Material
from models.content import Content
from models.delegation import Handover, HandoverLine
from models.paper import Document
from process import journal, registry
from process.inputs import MAX_SHEETS, clean_text
from process.refusals import InvalidInput
from process.registry import Step
from process.words import N_
from services import custody, files
from services.custody import Line, Party

SENT_BACK = "custody:sent_back"
# What the receiver says to a line; keeping it is what is meant when nothing is said.
KEEP, SEND_BACK = "keep", "send_back"
VERDICTS: Mapping[str, str] = {KEEP: N_("收下"), SEND_BACK: N_("退回这一份")}
LONGEST_REASON = 200
# Lists that bring papers to the file of the case.
INBOUND = ("send", "supply")


@dataclass(frozen=True)
class Count:
    """What the receiver found for one line; `listed` is None for a paper that stands on no list."""

    listed: HandoverLine | None
    name: str
    counted: int
    difference: str
    # Why this line goes back, if it does.
    reason: str = ""

    @property
    def differs(self) -> bool:
        return self.counted != (self.listed.sheets if self.listed else 0)


def read(handover: Handover, given: Sequence[Mapping[str, Any]], *, partial: bool = False) -> list[Count]:
    """Every line must be counted, and a number that differs needs its note before anybody signs.

    `partial`: single lines may be sent back, each with its reason."""
    by_position = {line.position: line for line in handover.lines}
    by_name = {line.name: line for line in handover.lines}
    errors: dict[str, str] = {}
    seen: dict[int, Count] = {}
    extra: list[Count] = []
    for index, row in enumerate(given):
        name = str(row.get("material") or "")
        listed = by_position.get(row["line"]) if "line" in row else by_name.get(name)
        if listed is None and not name:
            listed = by_position.get(index + 1)
        number = listed.position if listed else index + 1
        label = f"第 {number} 行“{listed.name if listed else name or '未写名称'}”"
        counted = row.get("counted", row.get("sheets"))
        if counted is None:
            errors[f"lines-{number - 1}-counted"] = f"{label}还没有清点"
            continue
        if not isinstance(counted, int) or not 0 <= counted <= MAX_SHEETS:
            errors[f"lines-{number - 1}-counted"] = f"{label}的实点数应在 0 到 {MAX_SHEETS} 之间"
            continue
        reason = _reason(row, label, number, counted, errors, partial)
        difference = " ".join(str(row.get("difference") or "").split())
        if listed is None and reason and not difference:
            difference = reason
        count = Count(listed, listed.name if listed else name, counted, difference, reason)
        if count.differs and not count.difference:
            said = f"清单上是 {listed.sheets} 份，实点 {counted} 份" if listed else "清单上没有"
            errors[f"lines-{number - 1}-difference"] = f"{label}{said}，请写明差异再签收"
        if listed is None and not name:
            errors[f"lines-{number - 1}-material"] = f"第 {number} 行不在清单上，请写明材料名称"
        if listed is None:
            extra.append(count)
        elif listed.position in seen:
            errors[f"lines-{number - 1}-counted"] = f"{label}清点了两次，请只留一行"
        else:
            seen[listed.position] = count
    for line in handover.lines:
        field = f"lines-{line.position - 1}-counted"
        if line.position not in seen and field not in errors:
            errors[field] = f"第 {line.position} 行“{line.name}”还没有清点"
    counts = [seen[line.position] for line in handover.lines if line.position in seen] + extra
    kept = [c for c in counts if c.listed and c.counted and not c.reason]
    if not errors and not kept and any(c.reason for c in counts if c.listed):
        errors["lines"] = "清单上的材料一份也没有收下。请不要逐份退，改办“退回并说明”，把整单退回"
    if errors:
        raise InvalidInput("清点还没有完成：" + "；".join(dict.fromkeys(errors.values())) + "。", errors)
    return counts


def _reason(
    row: Mapping[str, Any], label: str, number: int, counted: int, errors: dict[str, str], partial: bool
) -> str:
    """Why a line is not kept; empty when it is."""
    verdict = str(row.get("verdict") or KEEP)
    if verdict not in VERDICTS:
        errors[f"lines-{number - 1}-verdict"] = f"{label}请选“收下”或“退回这一份”"
        return ""
    if verdict == KEEP:
        return ""
    if not partial:
        errors[f"lines-{number - 1}-verdict"] = f"{label}这一步不能逐份退回，有出入的请写明差异"
        return ""
    try:
        reason = clean_text(row.get("defect") or "", LONGEST_REASON)
    except ValueError as problem:
        errors[f"lines-{number - 1}-defect"] = f"{label}的退回原因{problem}"
        return ""
    if not counted:
        errors[f"lines-{number - 1}-verdict"] = f"{label}实点是 0 份，没有可退的；请只写明差异"
    elif not reason:
        errors[f"lines-{number - 1}-defect"] = f"{label}请写明为什么退回，对方才知道怎么补"
    return reason


def signature(step: Step) -> Document | None:
    """The receiver's own hand under the count, where the office wants it; nobody is held up for it."""
    drawn = step.inputs.get("signature")
    return files.store_signature(step.session, step.content, step.actor, drawn, "接收人签名") if drawn else None


def sign(
    step: Step,
    handover: Handover,
    counts: Sequence[Count],
    taker: Party,
    *also: Content | None,
    signature: Document | None = None,
) -> list[Count]:
    """Takes the counted papers over; differences go into the history of both ends."""
    session = step.session
    handover.to_person_id, handover.to_unit_id = taker.person_id, taker.unit_id or handover.to_unit_id
    handover.signed_at = step.at
    handover.to_signature_id = signature.id if signature else handover.to_signature_id
    originals: list[int] = []
    for count in counts:
        line = count.listed
        if line is None:
            line = HandoverLine(position=len(handover.lines) + 1, name=count.name[:80], sheets=0)
            handover.lines.append(line)
        line.counted, line.difference = count.counted, count.difference[:200]
        line.sent_back = count.reason or None
        # What did not arrive stays with whoever handed it out.
        if line.original and line.material_id is not None and count.counted:
            originals.append(line.material_id)
    custody.hold(session, originals, taker)
    if handover.action in INBOUND:
        _note_copies(session, counts)
    differing = [count for count in counts if count.differs]
    if differing:
        details = {
            "handover": handover.id,
            "lines": [
                {
                    "line": c.listed.position if c.listed else None,
                    "listed": c.listed.sheets if c.listed else 0,
                    "counted": c.counted,
                }
                for c in differing
            ],
        }
        notes = "；".join(f"{c.name}：{c.difference}" for c in differing)
        for content in (step.content, *also):
            if content is not None:
                journal.record(
                    session, custody.DIFFERENCE, step.actor, content=content, comment=notes, details=details, at=step.at
                )
    session.flush()
    session.expire(handover, ["to_person"])
    return differing


def _note_copies(session: Session, counts: Sequence[Count]) -> None:
    """A copy that was not in the envelope is not in the file either, unless its picture is; one that came later is."""
    ids = {
        c.listed.material_id: c.counted for c in counts if c.listed and c.listed.material_id and not c.listed.original
    }
    if not ids:
        return
    scanned = set(session.scalars(select(Document.material_id).where(Document.material_id.in_(sorted(ids)))))
    for material in session.scalars(select(Material).where(Material.id.in_(sorted(ids)))):
        counted = ids[material.id]
        if not counted and material.id not in scanned and not material.original_held:
            material.provided, material.sheets, material.verdict = False, 0, ""
        elif counted and not material.provided:
            material.provided, material.sheets = True, counted


def send_rest_back(
    step: Step, handover: Handover, counts: Sequence[Count], giver: Party, taker: Party, *also: Content | None
) -> Handover | None:
    """What was not kept goes back on a list of its own; until the sender has counted it, it is whoever signed for it."""
    back = [count for count in counts if count.reason]
    if not back:
        return None
    case, lines = custody.case_of(step.content), []
    for count in back:
        line = count.listed or next(one for one in reversed(handover.lines) if one.name == count.name[:80])
        lines.append(Line(line.name, count.counted, line.original, count.reason[:60], custody.material_of(step, line)))
    written = custody.write(step.session, step.content, "send_back", giver, taker, lines, step.at, case=case)
    if registry.make_paper is not None:
        # The list of what goes back is printed beside the one that was counted.
        registry.make_paper(replace(step, details={"handover": written.id}), "handover_list")
    words = "；".join(f"{count.name}：{count.reason}" for count in back)
    for content in (step.content, *also):
        if content is not None:
            journal.record(
                step.session,
                SENT_BACK,
                step.actor,
                content=content,
                comment=words,
                details={"handover": written.id, "lines": len(lines)},
                at=step.at,
            )
    return written
