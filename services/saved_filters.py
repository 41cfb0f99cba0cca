"""Filters by name: kept, shown to one's unit, made the one a list opens with. A filter is a question; the answer depends on who asks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import delete, func, or_, select
from sqlalchemy.orm import Session, joinedload

from models.saved_filter import FilterDefault, SavedFilter
from process import journal
from process.access import Actor
from process.inputs import clean_text
from process.refusals import Forbidden, InvalidInput, NotFound
from services import lists, search

LONGEST, MOST = 40, 30
SHOWN = 60


def of_list(session: Session, actor: Actor, key: str) -> list[SavedFilter]:
    """One's own first, then what colleagues of the unit show."""
    found = session.scalars(
        select(SavedFilter)
        .where(SavedFilter.list == key, _seen_by(actor))
        .options(joinedload(SavedFilter.owner))
        .order_by(SavedFilter.name, SavedFilter.id)
        .limit(SHOWN)
    )
    return sorted(found.unique(), key=lambda one: one.owner_id != actor.person_id)


def load(session: Session, actor: Actor, uid: str) -> SavedFilter:
    """A filter one has or is shown."""
    found = session.scalar(
        select(SavedFilter).where(SavedFilter.uid == uid, _seen_by(actor)).options(joinedload(SavedFilter.owner))
    )
    if found is None:
        raise NotFound("没有找到这个筛选，可能已被删除，或不再与您的单位共享。请回到清单重新筛选。")
    return found


def keep(
    session: Session, actor: Actor, key: str, name: Any, values: Mapping[str, Any], *, shared: bool = False
) -> SavedFilter:
    """Names what is asked of a list now."""
    kind = lists.kind_of(key)
    if actor.person_id is None:
        raise Forbidden("请先登录，再保存筛选。")
    query = lists.cleaned(kind, values)
    if not query:
        raise InvalidInput("现在没有设任何条件，不用保存。请先筛选，再保存。", {"name": "还没有筛选条件"})
    if search.is_token(query.get("q", "")) or search.looks_personal(query.get("q", "")):
        raise InvalidInput("按身份证号或电话的查找不能保存。请去掉号码，只保存其他条件。", {"name": "条件里有个人号码"})
    text = _name(name)
    _free(session, actor, key, text)
    many = session.scalar(
        select(func.count(SavedFilter.id)).where(SavedFilter.owner_id == actor.person_id, SavedFilter.list == key)
    )
    if (many or 0) >= MOST:
        raise InvalidInput(f"一个清单最多保存 {MOST} 个筛选，请先删掉不用的。", {"name": "已经太多"})
    made = SavedFilter(list=key, name=text, query=query, owner_id=actor.person_id)
    if shared:
        made.unit_id = _unit(actor)
    session.add(made)
    session.flush()
    _record(session, "filter:keep", actor, made)
    return made


def rename(session: Session, actor: Actor, uid: str, name: Any) -> SavedFilter:
    """Another name for one's own filter."""
    found, text = _own(session, actor, uid), _name(name)
    if text != found.name:
        _free(session, actor, found.list, text)
        found.name = text
        _record(session, "filter:rename", actor, found)
    return found


def share(session: Session, actor: Actor, uid: str, on: bool) -> SavedFilter:
    """Shows one's own filter to the unit, or to oneself alone again."""
    found = _own(session, actor, uid)
    found.unit_id = _unit(actor) if on else None
    _record(session, "filter:share" if on else "filter:unshare", actor, found)
    return found


def remove(session: Session, actor: Actor, uid: str) -> str:
    """Takes one's own filter away; lists that opened with it open whole again."""
    found = _own(session, actor, uid)
    session.execute(delete(FilterDefault).where(FilterDefault.filter_id == found.id))
    _record(session, "filter:remove", actor, found)
    session.delete(found)
    session.flush()
    return found.name


def make_default(session: Session, actor: Actor, uid: str, on: bool) -> SavedFilter:
    """With which filter the list opens for this person; a shared one serves as well as one's own."""
    found = load(session, actor, uid)
    assert actor.person_id is not None
    session.execute(
        delete(FilterDefault).where(FilterDefault.person_id == actor.person_id, FilterDefault.list == found.list)
    )
    if on:
        session.add(FilterDefault(person_id=actor.person_id, list=found.list, filter_id=found.id))
    session.flush()
    return found


def default(session: Session, actor: Actor, key: str) -> SavedFilter | None:
    """The filter this person's list opens with, as long as it is still theirs to see."""
    if actor.person_id is None:
        return None
    return session.scalar(
        select(SavedFilter)
        .join(FilterDefault, FilterDefault.filter_id == SavedFilter.id)
        .where(FilterDefault.person_id == actor.person_id, FilterDefault.list == key, _seen_by(actor))
    )


def _seen_by(actor: Actor) -> Any:
    mine = SavedFilter.owner_id == actor.person_id
    return or_(mine, SavedFilter.unit_id == actor.unit_id) if actor.unit_id and actor.resident_id is None else mine


def _own(session: Session, actor: Actor, uid: str) -> SavedFilter:
    found = load(session, actor, uid)
    if found.owner_id != actor.person_id:
        raise Forbidden(f"这个筛选是{found.owner.name}的，只能由本人改名或删除。您可以先用它筛选，再另存为自己的。")
    return found


def _unit(actor: Actor) -> str:
    if actor.unit_id is None or actor.resident_id is not None:
        raise Forbidden("您没有所属单位，筛选只能自己用。")
    return actor.unit_id


def _name(name: Any) -> str:
    try:
        text = clean_text(name or "", LONGEST)
    except ValueError as problem:
        raise InvalidInput(f"名称{problem}。", {"name": str(problem)}) from problem
    if not text:
        raise InvalidInput("请给这个筛选起个名字，例如“本周到期”。", {"name": "请填写名称"})
    return text


def _free(session: Session, actor: Actor, key: str, name: str) -> None:
    taken = session.scalar(
        select(SavedFilter.id).where(
            SavedFilter.owner_id == actor.person_id, SavedFilter.list == key, SavedFilter.name == name
        )
    )
    if taken is not None:
        raise InvalidInput(f"您已经有一个叫“{name}”的筛选，请换个名字，或先删掉原来的。", {"name": "名称已有"})


def _record(session: Session, action: str, actor: Actor, saved: SavedFilter) -> None:
    details = {"filter": saved.uid, "list": saved.list}
    journal.record(session, action, actor, stream=f"person:{actor.person_id}", details=details)
