"""The parts a rule is made of: conditions that are asked, actions that are carried out; each checked when it is saved."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.agency import Agency
from models.base import now
from models.content import Content
from models.person import Person
from models.rule import Rule
from process import clock, engine, journal, relations
from process.access import NOBODY
from process.content_types import ContentType
from process.definition import Title
from process.inputs import clean_text
from process.library import library
from process.refusals import InvalidInput, NotAvailable, Refusal
from services import field_values, notices

OPS = {
    "is": Title("是", "is"),
    "is_not": Title("不是", "is not"),
    "contains": Title("含有", "contains"),
    "at_least": Title("至少", "at least"),
    "at_most": Title("至多", "at most"),
    "is_empty": Title("是空的", "is empty"),
    "is_filled": Title("已填", "is filled"),
}
UNARY = ("is_empty", "is_filled")
NUMBERS = ("at_least", "at_most")
SUBJECTS = {
    "state": Title("状态", "State"),
    "title": Title("标题", "Title"),
    "place": Title("登记单位", "Place"),
    "unit": Title("现在的单位", "Unit that has it"),
    "assignee": Title("经办人", "Holder"),
    "days_left": Title("剩余工作日", "Working days left"),
    "days_old": Title("已办天数", "Days since filed"),
}
# Who can be told.
READERS = {
    "holder": Title("经手的人或单位", "Whoever has it"),
    "owner": Title("登记人", "Whoever filed it"),
    "head": Title("单位负责人", "Head of the unit"),
    "unit": Title("现在的单位", "The unit that has it"),
}
ACTIONS = {
    "notify": Title("发提醒", "Notify"),
    "assign": Title("指定经办人", "Assign"),
    "create": Title("新建关联办件", "Create a linked thing"),
    "set_field": Title("填写字段", "Set a field"),
    "urge": Title("催办", "Urge"),
}


def check_conditions(
    kind: ContentType | None, given: Sequence[Mapping[str, Any]]
) -> tuple[list[dict[str, str]], dict[str, str]]:
    """Conditions as they are kept, and by field what is wrong. A row without a subject is no condition."""
    kept: list[dict[str, str]] = []
    errors: dict[str, str] = {}
    for index, row in enumerate(given, start=1):
        subject, op = str(row.get("subject") or ""), str(row.get("op") or "")
        if not subject:
            continue
        key, value = f"condition{index}", clean_text(row.get("value") or "", 200)
        name = subject.removeprefix("field:")
        field = kind.field(name) if kind and subject.startswith("field:") else None
        if subject not in SUBJECTS and (field is None or field.private):
            errors[key] = f"条件 {index}：请选一个能判断的内容"
        elif op not in OPS:
            errors[key] = f"条件 {index}：请选怎么比"
        elif op not in UNARY and not value:
            errors[key] = f"条件 {index}：请填比较的值"
        elif op in NUMBERS and not _is_number(value):
            errors[key] = f"条件 {index}：“{OPS[op].zh}”后面要填整数"
        elif (
            subject == "state"
            and kind
            and op in ("is", "is_not")
            and value not in library.workflows[kind.workflow].states
        ):
            states = "、".join(library.workflows[kind.workflow].states)
            errors[key] = f"条件 {index}：没有“{value}”这个状态，可用的有 {states}"
        else:
            kept.append({"subject": subject, "op": op, "value": "" if op in UNARY else value})
    return kept, errors


def holds(session: Session, content: Content, condition: Mapping[str, str]) -> bool:
    """Does one condition hold for this thing now? What has no value is neither equal, nor at least, nor at most."""
    value, op, wanted = _value(session, content, condition["subject"]), condition["op"], condition["value"]
    if op == "is_empty":
        return value in (None, "", [])
    if op == "is_filled":
        return value not in (None, "", [])
    if value is None:
        return op == "is_not"
    if op in NUMBERS:
        if not _is_number(value):
            return False
        return int(value) >= int(wanted) if op == "at_least" else int(value) <= int(wanted)
    if condition["subject"] in ("place", "unit") and op in ("is", "is_not"):
        # A place stands for everything below it.
        return (f"/{wanted}/" in str(value)) == (op == "is")
    text = "、".join(map(str, value)) if isinstance(value, list) else str(value)
    return wanted in text if op == "contains" else (text == wanted) == (op == "is")


def _value(session: Session, content: Content, subject: str) -> Any:
    match subject:
        case "state" | "title":
            return getattr(content, subject)
        case "place":
            return content.place_path
        case "unit":
            return content.unit.path if content.unit else content.place_path
        case "assignee":
            return content.assignee.username if content.assignee else None
        case "days_left":
            return clock.working_days_left(session, content.deadline, now()) if content.deadline else None
        case "days_old":
            return (now() - content.created_at).days
    return (content.fields or {}).get(subject.removeprefix("field:"))


def _is_number(value: Any) -> bool:
    return str(value).removeprefix("-").isdecimal() and str(value).isascii()


def check_actions(
    session: Session, kind: ContentType | None, given: Sequence[Mapping[str, Any]]
) -> tuple[list[dict[str, str]], dict[str, str]]:
    """Actions as they are kept, and by field what is wrong. A row without a kind is no action."""
    kept: list[dict[str, str]] = []
    errors: dict[str, str] = {}
    for index, row in enumerate(given, start=1):
        action = str(row.get("kind") or "")
        if not action:
            continue
        checker = _CHECKS.get(action)
        if checker is None:
            errors[f"action{index}"] = f"第 {index} 件事：请选要做什么"
            continue
        target, text = clean_text(row.get("target") or "", 80), clean_text(row.get("text") or "", 300)
        problem = checker(session, kind, target, text)
        if problem:
            errors[f"action{index}"] = f"第 {index} 件事：{problem}"
        else:
            kept.append({"kind": action, "target": target, "text": text})
    return kept, errors


def _check_notify(session: Session, kind: ContentType | None, target: str, text: str) -> str:
    if not text:
        return "请写提醒的话"
    if target in READERS or _person(session, target) is not None or session.get(Agency, target) is not None:
        return ""
    return "请选提醒谁，或填登录名、单位编号"


def _check_assign(session: Session, kind: ContentType | None, target: str, text: str) -> str:
    return "" if target == "head" or _person(session, target) is not None else "请填同事的登录名，或选单位负责人"


def _check_create(session: Session, kind: ContentType | None, target: str, text: str) -> str:
    made = library.types.get(target)
    if made is None or made.kind != "content":
        return "请选能由系统新建的业务类型"
    missing = [f.title.zh for f in made.fields if f.required and f.name != "title"]
    return f"“{made.title.zh}”要人填{'、'.join(missing[:4])}，不能由系统新建" if missing else ""


def _check_field(session: Session, kind: ContentType | None, target: str, text: str) -> str:
    field = kind.field(target) if kind else None
    if field is None or field.private or field.kind in ("applicant", "list"):
        return "请选能由系统填写的字段"
    try:
        field_values.clean(session, NOBODY, field, _typed(field.kind, text))
    except Refusal as refusal:
        return f"“{field.title.zh}”{refusal.detail}"
    except (ValueError, TypeError) as problem:
        return f"“{field.title.zh}”{problem}"
    return ""


def _check_urge(session: Session, kind: ContentType | None, target: str, text: str) -> str:
    return ""


_CHECKS: dict[str, Callable[[Session, ContentType | None, str, str], str]] = {
    "notify": _check_notify,
    "assign": _check_assign,
    "create": _check_create,
    "set_field": _check_field,
    "urge": _check_urge,
}


def carry_out(session: Session, rule: Rule, content: Content, action: Mapping[str, str]) -> str:
    """Does one action and answers in a few words what it did. Raises a Refusal when it cannot be done now."""
    return _DOING[action["kind"]](session, rule, content, action["target"], action["text"])


def _notify(session: Session, rule: Rule, content: Content, target: str, text: str) -> str:
    readers = _readers(session, content, target)
    if not readers:
        raise NotAvailable(f"没有可以提醒的人：“{target}”现在没有人。")
    told = [r for r in readers if notices.notify(session, content, to=r, kind=f"rule:{rule.id}", text=text) is not None]
    return "、".join(r.name for r in told) or "已经提醒过"


def _assign(session: Session, rule: Rule, content: Content, target: str, text: str) -> str:
    people = _readers(session, content, target)
    person = next((p for p in people if isinstance(p, Person) and p.active), None)
    if person is None:
        raise NotAvailable("没有可以指定的人。")
    if content.closed_at is not None:
        raise NotAvailable("已经办结，不再指定经办人。")
    engine.touch(content)
    content.assignee_id = person.id
    session.flush()
    session.expire(content, ["assignee"])
    journal.record(session, "rule:assign", None, content=content, details={"rule": rule.id, "to_person": person.id})
    return person.name


def _create(session: Session, rule: Rule, content: Content, target: str, text: str) -> str:
    made = Content(
        kind="content",
        title=(text or f"{library.type(target).title.zh} · {content.title}")[:200],
        applicant_id=content.applicant_id,
        fields={"parent": content.uid},
    )
    engine.create(session, made, NOBODY, type_id=target, place=content.place, allowed=True, details={"rule": rule.id})
    return made.number or made.uid


def _set_field(session: Session, rule: Rule, content: Content, target: str, text: str) -> str:
    field = library.type(content.type).field(target)
    if field is None:
        raise InvalidInput(f"这种业务已经没有“{target}”字段。")
    value = field_values.clean(session, NOBODY, field, _typed(field.kind, text))
    engine.touch(content)
    content.fields = {**(content.fields or {}), target: value}
    journal.record(session, "content:edit", None, content=content, details={"rule": rule.id, "changed": [target]})
    return field.title.zh


def _urge(session: Session, rule: Rule, content: Content, target: str, text: str) -> str:
    holder = notices.holder(session, content)
    if holder is None or content.closed_at is not None:
        raise NotAvailable("没有人经手，或已经办结，不用催办。")
    notices.notify(session, content, to=holder, kind="office:urge", text=text or "请尽快办理")
    journal.record(session, "office:urge", None, content=content, details={"rule": rule.id})
    return holder.name


_DOING: dict[str, Callable[[Session, Rule, Content, str, str], str]] = {
    "notify": _notify,
    "assign": _assign,
    "create": _create,
    "set_field": _set_field,
    "urge": _urge,
}


def _readers(session: Session, content: Content, target: str) -> list[Person | Agency]:
    match target:
        case "holder":
            holder = notices.holder(session, content)
            return [holder] if holder is not None else []
        case "owner":
            return [content.owner] if content.owner is not None else []
        case "unit":
            return [content.unit or content.place]
        case "head":
            heads = relations.heads_of(session, content.unit or content.place)
            return list(session.scalars(select(Person).where(Person.id.in_(heads)).order_by(Person.id)))
    found = _person(session, target) or session.get(Agency, target)
    return [found] if found is not None else []


def _person(session: Session, username: str) -> Person | None:
    return session.scalar(
        select(Person).where(Person.username == username, Person.active.is_(True), Person.unit_id.is_not(None))
    )


def _typed(kind: str, text: str) -> Any:
    """What was typed into one box, as the field of that kind expects it."""
    if kind == "bool":
        return {"true": True, "是": True, "false": False, "否": False}.get(text, text)
    if kind == "number":
        return int(text) if _is_number(text) else text
    if kind == "agencies":
        return text.replace("，", ",").split(",")
    return text
