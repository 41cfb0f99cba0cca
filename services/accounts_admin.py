"""Accounts of colleagues: opening, changing, closing. Each step is written on the person's own stream."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from difflib import get_close_matches

from sqlalchemy import delete, or_, select
from sqlalchemy.orm import Session, joinedload

from catalogue import loader as catalogue
from models.agency import Agency
from models.base import now
from models.person import CourierProfile, Grant, GridMembership, LoginSession, Person
from process import journal
from process.access import Actor
from process.clock import local_day
from process.inputs import clean_text
from process.refusals import InvalidInput
from services import accounts

SHORTEST_PASSWORD = 10
LONGEST_PASSWORD = 200
NEAR = 6
_USERNAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,58}[a-z0-9])?")
# The demo's password is printed in the README: it opens no real office.
_KNOWN_PASSWORDS = {"daiban-demo"}


@dataclass(frozen=True)
class Post:
    """A role at a place that both exist; `point` is where a courier starts from."""

    role: str
    place: Agency
    point: Agency | None = None
    trained_until: date | None = None


def post(session: Session, role: str, place: str, *, point: str = "", trained_until: date | None = None) -> Post:
    """The post these words mean; a wrong word is answered with the near ones."""
    known = {r.id: r.name for r in catalogue.roles().values() if r.side == "staff"}
    if role in catalogue.roles() and role not in known:
        examples = _shown(known, list(known)[:NEAR])
        raise InvalidInput(f"“{role}”是办事人的身份，不是岗位，不能授予。岗位例如：{examples}。", {"role": "不是岗位"})
    if role not in known:
        near = _near(role, known) or list(known)
        raise InvalidInput(f"没有岗位“{role}”。相近的有：{_shown(known, near)}。", {"role": "没有这个岗位"})
    at = agency(session, place, "place")
    if role == "grid_leader" and at.kind != "grid":
        below = select(Agency).where(Agency.path.startswith(at.path), Agency.kind == "grid")
        grids = session.scalars(below.order_by(Agency.path).limit(NEAR))
        shown = "、".join(f"{grid.id}（{grid.name}）" for grid in grids) or "无"
        raise InvalidInput(
            f"网格长只能任在一个网格上，{at.name}不是网格。下面的网格有：{shown}。", {"place": "不是网格"}
        )
    if role == "bank_teller" and at.kind != "bank_outlet":
        # A post higher up would show a bank the cases of every outlet below.
        raise InvalidInput(
            f"政银通网点柜员只能任在银行网点上，{at.name}不是银行网点。请先在“机构和网格”登记网点，再把岗位设到那里。",
            {"place": "不是银行网点"},
        )
    if role == "red_courier" and not point:
        raise InvalidInput(
            "跑腿工要写明从哪个红色代办点出发、培训到哪一天有效（--point、--trained-until）。", {"point": "必填"}
        )
    return Post(role, at, agency(session, point, "point") if point else None, trained_until)


def check_username(session: Session, username: str) -> None:
    """Refuses a name that is taken or that nobody can type."""
    if not _USERNAME.fullmatch(username):
        raise InvalidInput(
            f"用户名“{username}”不能用：请用小写字母、数字和 . - _，以字母或数字开头和结尾，最多 60 个字符。",
            {"username": "不能用"},
        )
    if session.scalar(select(Person.id).where(Person.username == username)) is not None:
        raise InvalidInput(f"用户名“{username}”已有人用，请换一个。", {"username": "已有人用"})


def check_new_password(username: str, password: str) -> None:
    """Long enough, and not what everybody would try first."""
    if len(password) < SHORTEST_PASSWORD:
        raise InvalidInput(f"密码至少 {SHORTEST_PASSWORD} 个字符，这个只有 {len(password)} 个。", {"password": "太短"})
    if len(password) > LONGEST_PASSWORD:
        raise InvalidInput(f"密码最多 {LONGEST_PASSWORD} 个字符。", {"password": "太长"})
    if password.lower() in _KNOWN_PASSWORDS or username in password.lower() or len(set(password)) < 4:
        raise InvalidInput(
            "这个密码太容易猜到：不要含用户名，不要用演示密码，也不要只用几个相同的字符。", {"password": "太容易猜到"}
        )


def add(
    session: Session, actor: Actor | None, username: str, name: str, password: str, first: Post, *, title: str = ""
) -> Person:
    """A new account with its first post."""
    check_username(session, username)
    check_new_password(username, password)
    shown = _text("name", "姓名", name)
    if not shown:
        raise InvalidInput("请写明姓名。", {"name": "必填"})
    person = Person(
        username=username,
        name=shown,
        title=_text("title", "职务", title),
        unit_id=(first.point or first.place).id,
        password_hash=accounts.hash_password(password),
    )
    session.add(person)
    session.flush()
    _record(session, "account:add", actor, person, {"username": username})
    grant(session, actor, username, first)
    return person


def grant(session: Session, actor: Actor | None, username: str, wanted: Post) -> Person:
    """One more post; from now on, without an end."""
    person = _person(session, username)
    today = local_day(now())
    if _posts(session, person, wanted.role, wanted.place, today):
        raise InvalidInput(f"{person.name}已经是{wanted.place.name}的 {wanted.role}。", {"role": "已有这个岗位"})
    session.add(
        Grant(
            person_id=person.id,
            role=wanted.role,
            place_id=wanted.place.id,
            place_path=wanted.place.path,
            cause="post",
            since=today,
        )
    )
    if wanted.role == "grid_leader":
        _lead(session, person, wanted.place, today)
    if wanted.point is not None:
        profile = session.get(CourierProfile, person.id) or CourierProfile(person_id=person.id)
        profile.point_id, profile.trained_until = wanted.point.id, wanted.trained_until
        session.add(profile)
    accounts.raise_epoch(person)
    _record(session, "account:grant", actor, person, {"role": wanted.role, "place": wanted.place.id})
    return person


def revoke(session: Session, actor: Actor | None, username: str, role: str, place: str) -> Person:
    """Ends a post today, and with it what substitutes held in its name."""
    person = _person(session, username)
    today = local_day(now())
    found = _posts(session, person, role, session.get(Agency, place), today)
    if not found:
        held = session.scalars(select(Grant).where(Grant.person_id == person.id, _in_force(today)))
        shown = "、".join(f"{g.role} {g.place_id}" for g in held) or "没有岗位"
        raise InvalidInput(f"{person.name}没有在“{place}”的岗位“{role}”。现有：{shown}。", {"role": "没有这个岗位"})
    substitutes = session.scalars(
        select(Grant).where(
            Grant.principal_id == person.id, Grant.role == role, Grant.place_id == place, _in_force(today)
        )
    ).all()
    _end(session, [*found, *substitutes], today)
    if role == "grid_leader":
        _end_membership(session, person, place, today)
    accounts.raise_epoch(person)
    _record(session, "account:revoke", actor, person, {"role": role, "place": place})
    if role == "red_courier":
        _free_errands(session, actor, person, "跑腿工岗位已结束")
    return person


def set_password(session: Session, actor: Actor | None, username: str, password: str) -> Person:
    """A new password; whoever was signed in with the old one is out."""
    person = _person(session, username)
    check_new_password(username, password)
    person.password_hash = accounts.hash_password(password)
    _sign_out_everywhere(session, person)
    _record(session, "account:password", actor, person, {})
    return person


def disable(session: Session, actor: Actor | None, username: str) -> Person:
    """Nobody signs in with this account any more; everything it did stays under its name."""
    person = _person(session, username)
    if not person.active:
        raise InvalidInput(f"账号“{username}”已经停用。", {"username": "已经停用"})
    person.active = False
    today = local_day(now())
    _end(session, session.scalars(select(Grant).where(Grant.principal_id == person.id, _in_force(today))).all(), today)
    _sign_out_everywhere(session, person)
    _record(session, "account:disable", actor, person, {})
    _free_errands(session, actor, person, "账号已停用")
    return person


def _free_errands(session: Session, actor: Actor | None, person: Person, why: str) -> None:
    """A courier who leaves keeps no errand; whoever dispatches hears of it."""
    from services import errand_life

    errand_life.free_those_of_leavers(session, [person], why, actor)


def listed(session: Session) -> list[tuple[Person, list[Grant]]]:
    """Every account with its posts of today."""
    today = local_day(now())
    posts: dict[int, list[Grant]] = {}
    for one in session.scalars(select(Grant).where(_in_force(today)).order_by(Grant.role, Grant.place_id)):
        posts.setdefault(one.person_id, []).append(one)
    people = session.scalars(select(Person).options(joinedload(Person.unit)).order_by(Person.username))
    return [(person, posts.get(person.id, [])) for person in people]


def _text(field: str, label: str, value: str) -> str:
    try:
        return clean_text(value, 60)
    except ValueError as error:
        raise InvalidInput(f"{label}{error}。", {field: str(error)}) from error


def _person(session: Session, username: str) -> Person:
    person = session.scalar(select(Person).where(Person.username == username))
    if person is None:
        known = {row.username: row.name for row in session.execute(select(Person.username, Person.name))}
        near = _near(username, known)
        hint = f"相近的有：{'、'.join(near)}。" if near else "bin/flask account list 列出全部账号。"
        raise InvalidInput(f"没有账号“{username}”。{hint}", {"username": "没有这个账号"})
    return person


def agency(session: Session, wanted: str, field: str) -> Agency:
    found = session.get(Agency, wanted)
    today = local_day(now())
    if found is not None and found.exists_on(today):
        return found
    if found is not None:
        raise InvalidInput(f"{found.name}（{wanted}）现在不存在，不能任职。", {field: "不在有效期"})
    open_now = {a.id: a.name for a in session.scalars(select(Agency).order_by(Agency.path)) if a.exists_on(today)}
    if not open_now:
        raise InvalidInput("库里还没有机构，请先运行 bin/flask install。", {field: "没有机构"})
    near = _near(wanted, open_now) or list(open_now)[:NEAR]
    raise InvalidInput(f"没有单位“{wanted}”。相近的有：{_shown(open_now, near)}。", {field: "没有这个单位"})


def _near(wanted: str, known: dict[str, str]) -> list[str]:
    """Ids that look like it, then those whose name or id holds it."""
    text = wanted.strip().lower()
    found = get_close_matches(text, known, n=NEAR, cutoff=0.6)
    found += [key for key, name in known.items() if text and (text in key or text in name.lower()) and key not in found]
    found += [key for name in get_close_matches(text, known.values(), n=2) for key in known if known[key] == name]
    return list(dict.fromkeys(found))[:NEAR]


def _shown(names: dict[str, str], ids: Iterable[str]) -> str:
    return "、".join(f"{id_}（{names[id_]}）" for id_ in ids)


def _in_force(today: date):  # type: ignore[no-untyped-def]
    return or_(Grant.until.is_(None), Grant.until >= today)


def _posts(session: Session, person: Person, role: str, place: Agency | None, today: date) -> list[Grant]:
    if place is None:
        return []
    return list(
        session.scalars(
            select(Grant).where(
                Grant.person_id == person.id,
                Grant.role == role,
                Grant.place_id == place.id,
                Grant.principal_id.is_(None),
                _in_force(today),
            )
        )
    )


def _end(session: Session, ended: Iterable[Grant], today: date) -> None:
    """Yesterday was the last day; a grant that began today leaves no day at all, its story is in the journal."""
    for one in ended:
        holder = session.get(Person, one.person_id)
        if holder is not None:
            accounts.raise_epoch(holder)
        if one.since is not None and one.since >= today:
            session.delete(one)
        else:
            one.until = today - timedelta(days=1)
    session.flush()


def _lead(session: Session, person: Person, grid: Agency, today: date) -> None:
    where = (GridMembership.grid_id == grid.id, GridMembership.person_id == person.id)
    member = session.scalar(select(GridMembership).where(*where, GridMembership.capacity == "grid_leader"))
    if member is None:
        session.add(GridMembership(grid_id=grid.id, person_id=person.id, capacity="grid_leader", since=today))
    else:
        member.since, member.until = today, None


def _end_membership(session: Session, person: Person, grid: str, today: date) -> None:
    where = (GridMembership.grid_id == grid, GridMembership.person_id == person.id)
    for member in session.scalars(select(GridMembership).where(*where, GridMembership.capacity == "grid_leader")):
        member.until = today - timedelta(days=1)


def _sign_out_everywhere(session: Session, person: Person) -> None:
    session.execute(delete(LoginSession).where(LoginSession.person_id == person.id))
    accounts.raise_epoch(person)


def _record(session: Session, action: str, actor: Actor | None, person: Person, details: dict[str, str]) -> None:
    # Without an actor it was typed at the machine itself, where nobody is signed in.
    by = {} if actor is not None else {"by": "command line"}
    journal.record(session, action, actor, stream=f"person:{person.id}", details={**details, **by})
