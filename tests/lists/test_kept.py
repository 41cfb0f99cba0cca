"""Files that left or came in lie ready for some days and no longer, and only for whoever still holds the post."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import timedelta

import pytest
from openpyxl import Workbook
from sqlalchemy import select
from sqlalchemy.orm import Session

from jobs import relay
from models.agency import Agency
from models.base import at_time, now
from models.person import Grant, Person
from process.access import Actor
from process.clock import local_day
from process.refusals import NotAvailable, NotFound
from services import exports, files, imports, unit_settings
from services.imports import kind_of
from tests.services import fertility


@pytest.fixture
def case(session: Session, actor: Callable[[str], Actor]):
    return fertility.opened(session, actor("window.clerk"))


def test_after_a_change_of_post_the_file_is_gone(
    session: Session, actor: Callable[[str], Actor], person: Callable[[str], Person], case
) -> None:
    made = exports.request(session, actor("window.clerk"), "cases", {})
    assert exports.fetch(session, actor("window.clerk"), made.uid)[1]
    for grant in session.scalars(select(Grant).where(Grant.person_id == person("window.clerk").id)):
        grant.until = local_day(now()) - timedelta(days=1)
    session.flush()
    with pytest.raises(NotFound, match="岗位有变"):
        exports.fetch(session, actor("window.clerk"), made.uid)


def test_an_office_decides_how_long_and_the_sweep_takes_the_file(
    session: Session, actor: Callable[[str], Actor], case
) -> None:
    clerk = actor("window.clerk")
    made = exports.request(session, clerk, "cases", {})
    key = made.sha256
    assert key is not None
    unit_settings.set_rules(session, actor("admin"), session.get_one(Agency, "dongxin"), {"export_days": "2"})
    session.commit()
    relay.sweep(session)
    assert files.store().exists(key)
    with at_time(now() + timedelta(days=3)):
        with pytest.raises(NotFound, match="2 天"):
            exports.fetch(session, clerk, made.uid)
        relay.sweep(session)
        assert not files.store().exists(key)
        with pytest.raises(NotFound, match="2 天"):
            exports.fetch(session, clerk, made.uid)
        relay.sweep(session)
    assert made.rows == 1, "what left the system stays on record"


def test_a_sheet_that_was_brought_in_is_not_kept_for_ever(session: Session, actor: Callable[[str], Actor]) -> None:
    admin = actor("admin")
    key = next(key for key, kind in imports.KINDS.items() if kind.may(admin))
    book = Workbook()
    book.active.append(list(kind_of(key, admin).headings))
    book.active.append(["示例"] * len(kind_of(key, admin).headings))
    body = io.BytesIO()
    book.save(body)
    made = imports.accept(session, admin, key, body.getvalue(), "表.xlsx")
    stored = made.counts["stored"]
    session.commit()
    made.status = "checked"
    with at_time(now() + timedelta(days=8)):
        relay.sweep(session)
        assert not files.store().exists(stored)
        with pytest.raises(NotAvailable, match=r"7 天.*重新上传"):
            imports.confirm(session, admin, made.uid)
