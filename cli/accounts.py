"""Accounts from the machine itself: how an office without demo data gets its first administrator."""

from __future__ import annotations

import sys
from datetime import date, datetime

import click
from flask.cli import AppGroup

from cli import plain, stop
from extensions import db
from process import transactions
from services import accounts_admin as admin

account = AppGroup("account", help="Who can sign in, and what they may do where.")


@account.command("add")
@click.argument("username")
@click.option("--name", required=True, help="The person's name (姓名).")
@click.option("--role", required=True, help="A role of catalogue/roles.yaml, such as system_admin.")
@click.option("--place", required=True, help="The agency where the role is held, and below it.")
@click.option("--title", default="", help="The post as it is shown, such as 综合窗口 3 号.")
@click.option("--point", default="", help="red_courier only: the errand point the courier starts from.")
@click.option("--trained-until", type=click.DateTime(["%Y-%m-%d"]), help="red_courier only: last day of the training.")
@click.option("--password-stdin", is_flag=True, help="Read the password as one line from standard input.")
@plain
def add(
    username: str,
    name: str,
    role: str,
    place: str,
    title: str,
    point: str,
    trained_until: datetime | None,
    password_stdin: bool,
) -> None:
    """Open an account with its first post; asks for the password twice, without echo."""
    # Looked at first, without a lock: nobody should type a password for a role that does not exist.
    with transactions.reading():
        admin.check_username(db.session(), username)
        admin.post(db.session(), role, place, point=point, trained_until=_day(trained_until))
    db.session.remove()
    password = _password(username, password_stdin)
    session = db.session()
    post = admin.post(session, role, place, point=point, trained_until=_day(trained_until))
    admin.add(session, None, username, name, password, post, title=title)
    session.commit()
    click.echo(f"{username} can sign in: {role} at {post.place.name}")


@account.command("grant")
@click.argument("username")
@click.option("--role", required=True)
@click.option("--place", required=True)
@click.option("--point", default="", help="red_courier only.")
@click.option("--trained-until", type=click.DateTime(["%Y-%m-%d"]), help="red_courier only.")
@plain
def grant(username: str, role: str, place: str, point: str, trained_until: datetime | None) -> None:
    """Give an account one more post, from today."""
    session = db.session()
    post = admin.post(session, role, place, point=point, trained_until=_day(trained_until))
    admin.grant(session, None, username, post)
    session.commit()
    click.echo(f"{username} is {role} at {post.place.name}")


@account.command("revoke")
@click.argument("username")
@click.option("--role", required=True)
@click.option("--place", required=True)
@plain
def revoke(username: str, role: str, place: str) -> None:
    """End a post at once, also for those who stand in."""
    session = db.session()
    admin.revoke(session, None, username, role, place)
    session.commit()
    click.echo(f"{username} is no longer {role} at {place}")


@account.command("password")
@click.argument("username")
@click.option("--password-stdin", is_flag=True, help="Read the password as one line from standard input.")
@plain
def password(username: str, password_stdin: bool) -> None:
    """Set a new password and end every session of the account."""
    typed = _password(username, password_stdin)
    session = db.session()
    admin.set_password(session, None, username, typed)
    session.commit()
    click.echo(f"{username} has a new password; earlier sessions are ended")


@account.command("disable")
@click.argument("username")
@plain
def disable(username: str) -> None:
    """Close an account at once; what it did stays under its name."""
    session = db.session()
    admin.disable(session, None, username)
    session.commit()
    click.echo(f"{username} cannot sign in any more")


@account.command("list")
@click.option("--all", "everybody", is_flag=True, help="Also accounts that nobody can sign in to.")
@plain
def show(everybody: bool) -> None:
    """One line an account: user name, name, and the posts of today."""
    with transactions.reading():
        for person, posts in admin.listed(db.session()):
            usable = person.active and person.password_hash != admin.accounts.NO_PASSWORD
            if usable or everybody:
                held = ", ".join(f"{p.role}@{p.place_id}" for p in posts) or "no post"
                click.echo(f"{person.username:<24} {person.name}  {held}{'' if usable else '  (cannot sign in)'}")


def _password(username: str, from_stdin: bool) -> str:
    """What was typed twice alike, or the line that a program sends."""
    if from_stdin:
        typed = sys.stdin.readline().rstrip("\r\n")
    elif not terminal():
        stop("there is no terminal to type the password at; send it as one line with --password-stdin", 2)
    else:
        typed = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    admin.check_new_password(username, typed)
    return typed


def terminal() -> bool:
    """Whether somebody sits there to type."""
    return sys.stdin.isatty()


def _day(value: datetime | None) -> date | None:
    return value.date() if value is not None else None
