"""What phones hand in: each thing once whatever is repeated, in an order that follows from what it builds on."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.base import now
from models.field import FieldDevice, FieldOp
from process.access import Actor
from process.refusals import InvalidInput, Refusal, TooLarge
from services.field import verbs
from services.field.verbs import Clash, Missing, Op

MOST_OPS = 50
MOST_AFTER = 20
DONE, REFUSED, CONFLICT, WAITING = "done", "refused", "conflict", "waiting"
_ULID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")
_WORD = re.compile(r"[A-Za-z0-9_-]{1,40}")


def push(session: Session, actor: Actor, device: FieldDevice, given: Any) -> list[dict[str, Any]]:
    """One answer for each thing handed in, in the order it was handed in."""
    if not isinstance(given, list):
        raise InvalidInput("请把要上报的放在 ops 里，一项一行。", {"ops": "应为列表"})
    if len(given) > MOST_OPS:
        raise TooLarge(f"一次最多上报 {MOST_OPS} 项，这次是 {len(given)} 项。请分批上报，没有收下的都还在手机上。")
    # Two batches of one phone are worked off one after the other.
    session.refresh(device, with_for_update=True)
    answers: dict[int, dict[str, Any]] = {}
    todo: list[tuple[int, Op, str]] = []
    for index, raw in enumerate(given):
        try:
            todo.append((index, read(raw, actor), digest(raw)))
        except Refusal as refusal:
            answers[index] = _said(_name_of(raw), REFUSED, refusal)
    todo.sort(key=lambda one: (one[1].seq, one[0]))
    moved = True
    while todo and moved:
        moved, left = False, []
        for index, op, body in todo:
            answer = _one(session, actor, device, op, body)
            if answer["outcome"] == WAITING and not answer.get("need"):
                left.append((index, op, body))
            else:
                moved = True
            answers[index] = answer
        todo = left
    return [answers[index] for index in range(len(given))]


def digest(raw: Any) -> str:
    """What the thing says, apart from where in the queue it stood."""
    said = {name: value for name, value in raw.items() if name != "seq"} if isinstance(raw, dict) else raw
    return hashlib.sha256(json.dumps(said, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def read(raw: Any, actor: Actor) -> Op:
    """The outer shape; what is inside is the business of the step."""
    if not isinstance(raw, dict):
        raise InvalidInput("这一项读不懂，请更新应用后重填。")
    op_id = raw.get("op_id")
    if not isinstance(op_id, str) or not _ULID.fullmatch(op_id):
        raise InvalidInput("这一项没有可用的编号，请更新应用后重填。", {"op_id": "应为 26 位编号"})
    if raw.get("author") != actor.username:
        raise InvalidInput(
            "这一项不是现在登录的人填的，不能以您的名义上报。请由填写的人登录后自己上报。", {"author": "与登录的人不符"}
        )
    seq, base = raw.get("seq"), raw.get("base")
    if isinstance(seq, bool) or not isinstance(seq, int) or not 0 <= seq < 2**53:
        raise InvalidInput("这一项的顺序号不对，请更新应用后重填。", {"seq": "应是整数"})
    if base is not None and (isinstance(base, bool) or not isinstance(base, int) or not 0 <= base < 2**31):
        raise InvalidInput("这一项的版本号不对，请刷新今天的任务后重填。", {"base": "应是整数"})
    kind, thing, verb = raw.get("kind"), raw.get("thing"), raw.get("verb") or "create"
    if kind not in verbs.KINDS:
        raise InvalidInput("手机外勤不会办这一种，请更新应用后重填。", {"kind": "不认识"})
    for name, value in (("thing", thing), ("verb", verb)):
        if not isinstance(value, str) or not _WORD.fullmatch(value):
            raise InvalidInput("这一项没有写明办的是哪一件，请更新应用后重填。", {name: "不对"})
    inputs, seen, after = raw.get("inputs") or {}, raw.get("seen") or {}, raw.get("after") or []
    if not isinstance(inputs, dict) or not isinstance(seen, dict):
        raise InvalidInput("这一项填的内容读不懂，请更新应用后重填。", {"inputs": "应为一组字段"})
    named = isinstance(after, list) and len(after) <= MOST_AFTER
    if not named or not all(isinstance(one, str) and _ULID.fullmatch(one) for one in after):
        raise InvalidInput("这一项没有写清接在哪一项后面，请更新应用后重填。", {"after": "应为编号列表"})
    said = raw.get("said_at")
    # Whatever the phone's clock says, 1970 or 2050, is kept as said and decides nothing.
    said_at = said[:40] if isinstance(said, str) and said[:40].isprintable() else ""
    return Op(op_id, seq, str(kind), str(thing), str(verb), inputs, base, tuple(after), seen, said_at)


def _name_of(raw: Any) -> str:
    name = raw.get("op_id") if isinstance(raw, dict) else None
    return name[:26] if isinstance(name, str) else ""


def _one(session: Session, actor: Actor, device: FieldDevice, op: Op, body: str) -> dict[str, Any]:
    known = _known(session, actor, (op.op_id, *op.after))
    earlier = known.get(op.op_id)
    if earlier is not None:
        if earlier.body_hash == body:
            return {**earlier.answer, "again": True}
        return {
            "op_id": op.op_id,
            "outcome": REFUSED,
            "sentence": "这个编号已经上报过别的内容，没有再办。请在待上报里重新提交这一项。",
            "errors": [],
        }
    lacking = [one for one in op.after if one not in known]
    failed = [one for one in op.after if one in known and known[one].outcome != DONE]
    if failed or lacking:
        sentence = "前面的一步还没有办成，办成以后这一步自动接着上报。" if failed else "等前面的一步先上报。"
        return {"op_id": op.op_id, "outcome": WAITING, "sentence": sentence, "errors": [], "blocked": failed}
    base = op.base
    same = [known[one] for one in op.after if known[one].thing == op.thing]
    if same:
        base = same[-1].thing_version
    try:
        with session.begin_nested():
            result = verbs.apply(session, actor, op, base)
            answer = {
                "op_id": op.op_id,
                "outcome": DONE,
                "sentence": _done(result),
                "errors": [],
                "thing": {
                    "uid": result.uid,
                    "number": result.number,
                    "version": result.version,
                    "state": result.state,
                    "state_title": result.state_title,
                },
            }
            _remember(session, actor, device, op, body, answer, result.version)
        return answer
    except Missing as missing:
        return {
            "op_id": op.op_id,
            "outcome": WAITING,
            "sentence": "照片还没有传完。",
            "errors": [],
            "need": missing.hashes,
        }
    except Refusal as refusal:
        session.expire_all()
        # What must stay although the step is undone (a wrong code counts) stays in the transaction of the answer.
        for write in session.info.pop("kept", []):
            write(session)
        answer = _said(op.op_id, CONFLICT if isinstance(refusal, Clash) else REFUSED, refusal)
        _remember(session, actor, device, op, body, answer, None)
        return answer


def _known(session: Session, actor: Actor, names: Sequence[str]) -> dict[str, FieldOp]:
    rows = session.scalars(
        select(FieldOp)
        .where(FieldOp.person_id == (actor.person_id or 0), FieldOp.op_id.in_(names))
        .order_by(FieldOp.id)
    )
    found = {row.op_id: row for row in rows}
    return {name: found[name] for name in names if name in found}


def _said(op_id: str, outcome: str, refusal: Refusal) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "op_id": op_id,
        "outcome": outcome,
        "sentence": refusal.detail,
        "errors": [{"field": name, "message": message} for name, message in refusal.errors.items()],
    }
    if isinstance(refusal, Clash):
        answer["conflict"] = refusal.told
    return answer


def _done(result: verbs.Result) -> str:
    if result.number:
        return f"{result.number} 已办好，现在是“{result.state_title}”。"
    return "已收到。"


def _remember(
    session: Session, actor: Actor, device: FieldDevice, op: Op, body: str, answer: dict[str, Any], version: int | None
) -> None:
    assert actor.person_id is not None
    session.add(
        FieldOp(
            op_id=op.op_id,
            district=device.district,
            person_id=actor.person_id,
            device_id=device.id,
            seq=op.seq,
            kind=op.kind,
            thing=op.thing,
            verb=op.verb,
            body_hash=body,
            outcome=answer["outcome"],
            answer=answer,
            thing_version=version,
            said_at=op.said_at,
            at=now(),
        )
    )
    session.flush()
