"""办不成的任务: the administrator sees why and whose, tries again or gives up with a reason; nobody else finds the page."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from jobs import kinds
from jobs.handlers import HANDLERS
from models.ledger import JournalEntry, OutboxItem
from process import outbox
from services.papers_out import RENDER

ClientAs = Callable[[str], FlaskClient]


def dead(session: Session, job: str = RENDER, district: str = "xiacheng", error: str = "缺字形：𰻞") -> int:
    item = session.get_one(OutboxItem, outbox.put(session, job, district=district, paper_id=999_999))
    item.status, item.error, item.attempts, item.losses = "dead", error, 3, 1
    session.commit()
    return item.id


def test_it_says_what_why_whose_and_what_to_do(session: Session, client_as: ClientAs) -> None:
    item_id = dead(session)
    page = client_as("admin").get("/admin/outbox").text
    for words in (
        f"第 {item_id} 号",
        "生成文书",
        "缺字形：𰻞",
        "出错 3 次，工作进程中断 1 次",
        kinds.KINDS[RENDER].advice,
    ):
        assert words in page
    assert "办不成的任务" in client_as("admin").get("/admin/").text


def test_filters_narrow_the_list(session: Session, client_as: ClientAs) -> None:
    one, other = dead(session), dead(session, "process.unattended", district="elsewhere")
    admin = client_as("admin")

    def shown(query: str) -> set[int]:
        page = admin.get(f"/admin/outbox?{query}").text
        return {item_id for item_id in (one, other) if f'id="letter-{item_id}"' in page}

    assert shown("") == {one, other}
    assert shown("job=papers.render") == {one} == shown("district=xiacheng") == shown("owner=certificate_issuer")
    assert shown("job=papers.render&owner=system_admin") == set() == shown("state=closed")
    assert shown("job=nonsense&before=x") == {one, other}
    assert shown(f"before={other}") == {one}


def test_a_second_try_is_journalled(session: Session, client_as: ClientAs) -> None:
    item_id, admin = dead(session), client_as("admin")
    assert admin.post(f"/admin/outbox/{item_id}/again").status_code == 303
    session.expire_all()
    item = session.get_one(OutboxItem, item_id)
    assert (item.status, item.attempts, item.losses, item.error) == ("waiting", 0, 0, None)
    assert [one.id for one in outbox.due(session, queue=outbox.PAPERS)] == [item_id]
    assert admin.post(f"/admin/outbox/{item_id}/again").status_code == 409, "it waits already"
    entry = session.scalars(select(JournalEntry).where(JournalEntry.action == "outbox:again")).one()
    assert entry.details == {"item": item_id, "job": RENDER} and entry.person is not None


def test_giving_up_takes_a_reason_which_stays(session: Session, client_as: ClientAs) -> None:
    item_id, admin = dead(session), client_as("admin")
    refused = admin.post(f"/admin/outbox/{item_id}/give-up", data={"reason": "  "})
    assert refused.status_code == 422 and "请写明为什么不再办" in refused.text
    assert admin.post(f"/admin/outbox/{item_id}/give-up", data={"reason": "该件已撤回"}).status_code == 303
    session.expire_all()
    assert outbox.status(session)["dead"] == 0 and outbox.status(session)["closed"] == 1
    assert outbox.dead_by_job(session) == {}
    assert f'id="letter-{item_id}"' not in admin.get("/admin/outbox").text
    page = admin.get("/admin/outbox?state=closed").text
    assert "该件已撤回" in page and "再试一次" not in page
    entry = session.scalars(select(JournalEntry).where(JournalEntry.action == "outbox:give_up")).one()
    assert entry.comment == "该件已撤回"
    assert admin.post(f"/admin/outbox/{item_id}/again").status_code == 409, "what was given up stays so"
    assert admin.post("/admin/outbox/123456/again").status_code == 404


@pytest.mark.parametrize("who", ["window.clerk", "supervisor", "issuer", "resident", "neighbour.clerk"])
def test_nobody_else_finds_it(session: Session, client_as: ClientAs, who: str) -> None:
    item_id, client = dead(session), client_as(who)
    for method, path in (
        ("get", "/admin/outbox"),
        ("post", f"/admin/outbox/{item_id}/again"),
        ("post", f"/admin/outbox/{item_id}/give-up"),
    ):
        assert getattr(client, method)(path, data={"reason": "x"}).status_code == 404
    session.expire_all()
    item = session.get_one(OutboxItem, item_id)
    assert (item.status, item.closed_at) == ("dead", None)


def test_every_job_has_a_line_with_an_owner_that_exists() -> None:
    from catalogue import loader
    from supervisor.plan import JOB_WORKERS

    assert set(HANDLERS) - {"poison"} <= set(kinds.KINDS), "jobs/kinds.py says whose a dead letter is"
    assert {kind.owner for kind in (*kinds.KINDS.values(), kinds.OTHER)} <= set(loader.roles())
    assert set(JOB_WORKERS) == set(outbox.QUEUES), "every queue has a worker"
    assert kinds.kind("exchange.send").needs.queue != kinds.kind("messages.send").needs.queue, (
        "a partner that hangs keeps no text message waiting"
    )
