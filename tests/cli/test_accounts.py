"""An office opens its accounts at the machine: right words work, wrong words are answered with the near ones."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalogue import loader as catalogue
from extensions import db
from models.ledger import JournalEntry
from models.person import CourierProfile, Grant, GridMembership, LoginSession, Person
from process import journal
from process.access import load_actor
from process.clock import local_day
from services import accounts_admin
from tests.outlets import bank_outlet

GOOD = "雨后的石阶很滑 17"
Run = Callable[..., Result]


@pytest.fixture
def run(app: Flask) -> Run:
    return lambda *arguments, **kwargs: app.test_cli_runner().invoke(args=["account", *arguments], **kwargs)


def add(
    run: Run,
    username: str = "zhang.min",
    role: str = "window_clerk",
    place: str = "dongxin-centre",
    password: str = GOOD,
    *more: str,
) -> Result:
    options = ["--name", "张敏", "--role", role, "--place", place, "--password-stdin", *more]
    return run("add", username, *options, input=password + "\n")


def sentence(result: Result) -> str:
    assert result.exit_code == 1, result.output
    assert "Traceback" not in result.output
    last = result.output.strip().splitlines()[-1]
    assert last.startswith("Error: ")
    return last


def known(session: Session, username: str) -> Person:
    session.rollback()
    return session.scalars(select(Person).where(Person.username == username)).one()


def today() -> date:
    return local_day(datetime.now(UTC))


def journal_of(session: Session, person: Person) -> list[str]:
    rows = select(JournalEntry.action).where(JournalEntry.stream == f"person:{person.id}").order_by(JournalEntry.seq)
    return list(session.scalars(rows))


def test_a_new_administrator_signs_in(run: Run, app: Flask, session: Session) -> None:
    assert add(run, "head.admin", "system_admin", "dongxin").exit_code == 0
    client = app.test_client()
    assert client.post("/sign-in", data={"username": "head.admin", "password": GOOD}).status_code == 303
    assert client.get("/admin/").status_code == 200
    person = known(session, "head.admin")
    assert journal_of(session, person)[:2] == ["account:add", "account:grant"]
    assert GOOD not in str(session.execute(select(JournalEntry.details)).all())
    assert journal.verify(session)[1] is None


def test_the_password_is_typed_twice(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cli.accounts.terminal", lambda: True)
    words = ["add", "zhang.min", "--name", "张敏", "--role", "window_clerk", "--place", "dongxin-centre"]
    assert run(*words, input=f"{GOOD}\nsomething else 99\n").exit_code == 1
    told = run(*words, input=f"{GOOD}\n{GOOD}\n")
    assert told.exit_code == 0
    assert GOOD not in told.output


def test_without_a_terminal_it_says_how(run: Run) -> None:
    told = run("add", "zhang.min", "--name", "张敏", "--role", "window_clerk", "--place", "dongxin-centre")
    assert told.exit_code == 2
    assert "--password-stdin" in told.output


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("kurz 9", "至少 10 个字符"),
        ("daiban-demo", "容易猜到"),
        ("zhang.min2026", "容易猜到"),
        ("aaaaaaaaaaaa", "容易猜到"),
    ],
)
def test_weak_passwords_are_refused(run: Run, session: Session, password: str, why: str) -> None:
    assert why in sentence(add(run, password=password))
    assert session.scalar(select(Person.id).where(Person.username == "zhang.min")) is None


@pytest.mark.parametrize(
    ("role", "place", "near"),
    [
        ("windowclerk", "dongxin-centre", "window_clerk（"),
        ("clerk", "dongxin-centre", "window_clerk（"),
        ("window_clerk", "dongxin-center", "dongxin-centre（"),
        ("window_clerk", "nowhere-at-all", "相近的有："),
        ("applicant", "dongxin-centre", "不是岗位"),
        ("grid_leader", "dx-c01", "dx-c01-g1（"),
        ("red_courier", "dongxin", "--point"),
    ],
)
def test_wrong_words_are_answered_with_the_near_ones(run: Run, role: str, place: str, near: str) -> None:
    assert near in sentence(add(run, role=role, place=place))


@pytest.mark.parametrize("username", ["Zhang.Min", "张敏", "a b", ".zhang", "z" * 61, "window.clerk"])
def test_user_names_that_do_not_do(run: Run, username: str) -> None:
    assert f"“{username}”" in sentence(add(run, username))


def test_grant_and_revoke(run: Run, session: Session) -> None:
    add(run)
    person = known(session, "zhang.min")
    before = person.epoch
    words = ["--role", "back_office_reviewer", "--place", "dongxin-centre"]
    assert run("grant", "zhang.min", *words).exit_code == 0
    person = known(session, "zhang.min")
    assert person.epoch > before
    assert "back_office_reviewer" in load_actor(session, person.id, today()).roles
    assert "已经是" in sentence(run("grant", "zhang.min", *words))
    assert run("revoke", "zhang.min", *words).exit_code == 0
    person = known(session, "zhang.min")
    assert load_actor(session, person.id, today()).roles == {"window_clerk"}
    assert "window_clerk dongxin-centre" in sentence(run("revoke", "zhang.min", *words))
    assert journal_of(session, person) == ["account:add", "account:grant", "account:grant", "account:revoke"]


def test_an_old_post_ends_with_its_substitutes(run: Run, session: Session) -> None:
    clerk, other = known(session, "window.clerk"), known(session, "reviewer")
    place = clerk.grants[0].place
    session.add(
        Grant(
            person_id=other.id,
            role="window_clerk",
            place_id=place.id,
            place_path=place.path,
            cause="substitution",
            principal_id=clerk.id,
            since=date(2026, 1, 1),
        )
    )
    session.commit()
    before = other.epoch
    assert run("revoke", "window.clerk", "--role", "window_clerk", "--place", place.id).exit_code == 0
    clerk, other = known(session, "window.clerk"), known(session, "reviewer")
    assert "window_clerk" not in load_actor(session, clerk.id, today()).roles
    assert "window_clerk" not in load_actor(session, other.id, today()).roles
    assert other.epoch > before


def test_a_grid_leader_leads_and_a_courier_is_trained(run: Run, session: Session) -> None:
    assert add(run, "li.lei", "grid_leader", "dx-c01-g2").exit_code == 0
    leader = known(session, "li.lei")
    assert session.scalar(select(GridMembership.grid_id).where(GridMembership.person_id == leader.id)) == "dx-c01-g2"
    more = ("--point", "dx-c01-point", "--trained-until", "2027-06-30")
    assert add(run, "wang.fei", "red_courier", "dongxin", GOOD, *more).exit_code == 0
    courier = known(session, "wang.fei")
    profile = session.get(CourierProfile, courier.id)
    assert profile is not None and profile.trained_until == date(2027, 6, 30)


def test_disabling_ends_everything_at_once(run: Run, app: Flask, session: Session) -> None:
    add(run)
    client = app.test_client()
    client.post("/sign-in", data={"username": "zhang.min", "password": GOOD})
    assert client.get("/desk/").status_code == 200
    assert run("disable", "zhang.min").exit_code == 0
    assert client.get("/desk/").status_code in (302, 303, 401)
    assert client.post("/sign-in", data={"username": "zhang.min", "password": GOOD}).status_code == 422
    person = known(session, "zhang.min")
    assert session.scalar(select(LoginSession).where(LoginSession.person_id == person.id)) is None
    assert journal_of(session, person)[-1] == "account:disable"
    session.rollback()
    assert "已经停用" in sentence(run("disable", "zhang.min"))


def test_a_new_password_ends_the_old_sessions(run: Run, app: Flask) -> None:
    add(run)
    client = app.test_client()
    client.post("/sign-in", data={"username": "zhang.min", "password": GOOD})
    assert run("password", "zhang.min", "--password-stdin", input="另一句更长的话 2026\n").exit_code == 0
    assert client.get("/desk/").status_code in (302, 303, 401)
    assert client.post("/sign-in", data={"username": "zhang.min", "password": "另一句更长的话 2026"}).status_code == 303


def test_the_list_names_everybody_with_a_password(run: Run) -> None:
    add(run)
    told = run("list").output
    assert "zhang.min" in told and "window_clerk@dongxin-centre" in told
    run("disable", "zhang.min")
    assert "zhang.min" not in run("list").output
    assert "cannot sign in" in run("list", "--all").output


def test_an_unknown_account_is_answered_with_the_near_ones(run: Run) -> None:
    assert "window.clerk" in sentence(run("disable", "window.clark"))


def test_every_staff_role_can_be_found(app: Flask, session: Session) -> None:
    bank = bank_outlet(session).id
    for role in catalogue.roles().values():
        if role.side == "staff":
            place = bank if role.id == "bank_teller" else "dx-c01-g1"
            more = {"point": "dx-c01-point"} if role.id == "red_courier" else {}
            assert accounts_admin.post(session, role.id, place, **more).role == role.id
    db.session.rollback()


def test_a_teller_is_told_to_sit_at_an_outlet(run: Run) -> None:
    assert "不是银行网点" in sentence(add(run, "yin.hang", role="bank_teller", place="dongxin"))
