"""A process changes: tried dry, released, things under way moved on or left, and taken back."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import create_engine, select
from sqlalchemy.orm import Session

from extensions import db
from models.base import Base
from models.content import Content
from models.ledger import JournalEntry, OutboxItem
from models.release import ProcessMigration
from process import access, engine, journal, office, registry, releases, tasks, transactions
from process.access import NOBODY
from process.library import library
from process.refusals import Conflict, InvalidInput, NotFound, Stale
from services import process_changes, process_trial
from tests.servers import postgres
from tests.services.changing import PROCESS, changed, release, without_investigating


@pytest.fixture(autouse=True)
def shipped_again() -> Iterator[None]:
    yield
    library.workflows = dict(library.shipped)
    releases.forget()


def two_open(session: Any, actor: Any, agency: Any) -> tuple[Content, Content]:
    handler = actor("complaint.handler")
    made = []
    for title in ("窗口没人", "排队太久"):
        content = Content(kind="content", title=title, fields={})
        engine.create(session, content, handler, type_id=PROCESS, place=agency(handler.unit_id), allowed=True)
        engine.fire(content, "accept", handler)
        made.append(content)
    engine.fire(made[1], "investigate", handler)
    session.commit()
    return made[0], made[1]


def work_off(session: Any) -> None:
    """What the worker does: slice by slice until none is waiting."""
    while True:
        item = session.scalar(
            select(OutboxItem).where(OutboxItem.job == process_changes.MIGRATE, OutboxItem.status == "waiting").limit(1)
        )
        if item is None:
            return
        item.status = "done"
        process_changes.migrate_slice(session, item.args["migration_id"])
        session.commit()


def test_a_dry_run_tells_access_states_and_dates_and_writes_nothing(session, actor, agency):
    accepted, investigating = two_open(session, actor, agency)
    before = [(c.state, c.workflow_version, c.deadline, c.version) for c in (accepted, investigating)]
    new = process_changes.read(PROCESS, changed(without_investigating))
    tried = process_trial.dry_run(session, new)
    assert tried.open == 2 and tried.lost == {"investigating": 1}
    lost = [c for c, count, _, losing in tried.access if c.state == "accepted" and c.permission == "view" and losing]
    assert lost and lost[0].lost and "complaint_handler" not in lost[0].lost
    assert [m.uid for m in tried.moved] == [accepted.uid]
    mapped = process_trial.dry_run(session, new, {"investigating": "accepted"})
    assert mapped.lost == {} and mapped.reckoned == 2
    session.rollback()
    assert [(c.state, c.workflow_version, c.deadline, c.version) for c in (accepted, investigating)] == before


def test_a_release_holds_for_new_things_and_leaves_the_old_alone(session, actor, agency):
    accepted, _ = two_open(session, actor, agency)
    old = accepted.workflow_version
    release(session, actor("admin"), changed(without_investigating))
    fresh = Content(kind="content", title="新的", fields={})
    engine.create(session, fresh, actor("complaint.handler"), type_id=PROCESS, place=accepted.place, allowed=True)
    assert fresh.workflow_version == library.workflows[PROCESS].digest != old
    session.refresh(accepted)
    assert accepted.workflow_version == old
    assert "investigate" in {t.id for t in engine.available(accepted, actor("complaint.handler"))}
    # Another server process, and a later start, take it up from the database.
    library.workflows = dict(library.shipped)
    releases.refresh(session, at_once=True)
    assert library.workflows[PROCESS].digest == fresh.workflow_version


def test_a_migration_maps_states_is_journalled_and_can_be_taken_back(session, actor, agency):
    accepted, investigating = two_open(session, actor, agency)
    old, old_deadline = accepted.workflow_version, accepted.deadline
    admin = actor("admin")
    release(session, admin, changed(without_investigating))
    made = process_changes.start_migration(session, admin, PROCESS, {"investigating": "accepted"}, "流程简化")
    session.commit()
    work_off(session)
    session.expire_all()
    new = library.workflows[PROCESS].digest
    for content in (accepted, investigating):
        assert (content.state, content.workflow_version) == ("accepted", new)
        row = session.scalars(
            select(JournalEntry).where(JournalEntry.content_id == content.id).order_by(JournalEntry.id.desc()).limit(1)
        ).one()
        assert (row.action, row.to_state, row.comment) == ("process:move", "accepted", "流程简化")
        assert row.details["version"] == old
    assert accepted.deadline != old_deadline
    assert (made.status, made.moved, made.stayed) == ("done", 2, 0)
    assert journal.verify(session)[1] is None
    # One is worked on in the new version; the other goes back.
    engine.fire(investigating, "answer", actor("complaint.handler"), inputs={"answer": "已整改", "justified": "yes"})
    session.commit()
    process_changes.start_return(session, admin, PROCESS, made.id, "想错了")
    session.commit()
    work_off(session)
    session.expire_all()
    assert (accepted.state, accepted.workflow_version, accepted.deadline) == ("accepted", old, old_deadline)
    assert (investigating.state, investigating.workflow_version) == ("answered", new)
    assert (made.status, made.restored, made.stayed) == ("reverted", 1, 1)
    with pytest.raises(Conflict):
        process_changes.start_return(session, admin, PROCESS, made.id, "再退一次")


def test_a_migration_sees_to_it_that_the_new_access_holds(session, actor, agency):
    accepted, _ = two_open(session, actor, agency)
    watcher = actor("supervisor")
    assert access.may(watcher, "view", accepted)
    release(session, actor("admin"), changed(without_investigating))
    process_changes.start_migration(session, actor("admin"), PROCESS, {"investigating": "accepted"}, "简化")
    session.commit()
    work_off(session)
    session.expire_all()
    assert not access.may(watcher, "view", accepted)
    assert session.scalars(access.visible(select(Content.id), watcher).where(Content.id == accepted.id)).all() == []


def test_what_cannot_be_is_refused_with_a_sentence(session, actor, agency):
    admin = actor("admin")
    with pytest.raises(Conflict, match="没有可以发布的变化"):
        process_changes.release(session, admin, library.workflows[PROCESS], "原样")
    new = process_changes.read(PROCESS, changed(without_investigating))
    with pytest.raises(InvalidInput, match="为什么"):
        process_changes.release(session, admin, new, "  ")
    with pytest.raises(Conflict, match="没有需要迁移"):
        process_changes.start_migration(session, admin, PROCESS, {}, "x")
    with pytest.raises(NotFound):
        process_changes.in_force("nothing")
    two_open(session, actor, agency)
    release(session, admin, changed(without_investigating))
    with pytest.raises(InvalidInput, match="investigating") as told:
        process_changes.start_migration(session, admin, PROCESS, {}, "x")
    assert "to_investigating" in told.value.errors
    with pytest.raises(InvalidInput, match="没有名为"):
        process_changes.start_migration(session, admin, PROCESS, {"investigating": "moon"}, "x")
    made = process_changes.start_migration(session, admin, PROCESS, {"investigating": "accepted"}, "x")
    with pytest.raises(Conflict, match="还有一次迁移"):
        process_changes.start_migration(session, admin, PROCESS, {"investigating": "accepted"}, "x")
    with pytest.raises(Conflict):
        process_changes.start_return(session, admin, PROCESS, made.id, "x")
    with pytest.raises(NotFound):
        process_changes.start_return(session, admin, "case", made.id, "x")
    assert session.get(ProcessMigration, made.id).status == "running"


def test_the_pages_show_change_and_take_back(app, client_as, session, actor, agency):
    two_open(session, actor, agency)
    admin = client_as("admin")
    assert f"/workflows/{PROCESS}" in admin.get("/workflows/").text
    page = admin.get(f"/workflows/{PROCESS}").text
    assert "<svg" in page and "投诉" in page and "什么状态下" in page
    source = changed(without_investigating)
    tried = admin.post(f"/workflows/{PROCESS}/edit", data={"source": source, "reason": "简化", "do": "try"})
    assert tried.status_code == 200 and "investigating" in tried.text and "发布这一版" in tried.text
    broken = admin.post(f"/workflows/{PROCESS}/edit", data={"source": source.replace("to: answered", "to: moon")})
    assert broken.status_code == 422 and "moon" in broken.text and "unknown state" in broken.text
    nameless = admin.post(f"/workflows/{PROCESS}/edit", data={"source": source, "reason": "", "do": "release"})
    assert nameless.status_code == 422 and "请写明为什么改" in nameless.text and "investigating" in nameless.text
    done = admin.post(f"/workflows/{PROCESS}/edit", data={"source": source, "reason": "简化", "do": "release"})
    assert done.status_code == 303
    page = admin.get(f"/workflows/{PROCESS}").text
    assert "本单位" not in page and "还在旧版本上" in page
    refused = admin.post(f"/workflows/{PROCESS}/migrate", data={"reason": "简化"})
    assert refused.status_code == 422 and "选一个新状态" in refused.text
    moved = admin.post(f"/workflows/{PROCESS}/migrate", data={"reason": "简化", "to_investigating": "accepted"})
    assert moved.status_code == 303
    with app.app_context():
        work_off(db.session())
        made = db.session.scalars(select(ProcessMigration)).one()
        assert (made.status, made.moved) == ("done", 2)
    back = admin.post(f"/workflows/{PROCESS}/migrations/{made.id}/return", data={"reason": "想错了"})
    assert back.status_code == 303
    for who, status in (("supervisor", 403), ("window.clerk", 404)):
        assert client_as(who).get(f"/workflows/{PROCESS}/edit").status_code == status
    assert client_as("supervisor").get(f"/workflows/{PROCESS}").status_code == 200


def test_of_two_who_release_at_once_the_second_is_told(session, actor):
    admin, seen = actor("admin"), library.shipped[PROCESS].digest
    first = process_changes.read(PROCESS, changed(without_investigating))
    second = process_changes.read(PROCESS, changed(lambda b: b["states"]["accepted"]["title"].update(zh="已经受理")))
    process_changes.release(session, admin, first, "简化", seen=seen)
    with pytest.raises(Stale, match="另一版"):
        process_changes.release(session, admin, second, "改名", seen=seen)


def test_nothing_is_closed_by_a_migration(session, actor, agency):
    two_open(session, actor, agency)
    admin = actor("admin")
    release(session, admin, changed(without_investigating))
    with pytest.raises(InvalidInput, match="终点") as told:
        process_changes.start_migration(session, admin, PROCESS, {"investigating": "closed"}, "x")
    assert "to_investigating" in told.value.errors


def test_what_cannot_be_moved_stays_and_holds_up_nobody(session, actor, agency, monkeypatch):
    accepted, investigating = two_open(session, actor, agency)
    admin = actor("admin")
    release(session, admin, changed(without_investigating))
    made = process_changes.start_migration(session, admin, PROCESS, {"investigating": "accepted"}, "x")
    session.commit()
    place = process_changes._place

    def fails(session: Any, thing: Content, *rest: Any) -> Any:
        if thing.id == accepted.id:
            place(session, thing, *rest)
            raise InvalidInput("单位已停止办公")
        return place(session, thing, *rest)

    monkeypatch.setattr(process_changes, "_place", fails)
    work_off(session)
    session.expire_all()
    assert (made.status, made.moved, made.stayed) == ("done", 1, 1)
    assert accepted.workflow_version == library.shipped[PROCESS].digest != investigating.workflow_version


def test_branches_that_are_no_more_are_not_waited_for(session, actor, agency):
    def with_branches(*names: str) -> Callable[[dict[str, Any]], None]:
        title = {"zh": "意见", "en": "Opinion"}

        def change(body: dict[str, Any]) -> None:
            body["states"]["accepted"]["branches"] = {
                "done": "all_heard",
                "refused": "all_heard",
                "of": {n: {"title": title, "roles": ["complaint_handler"]} for n in names},
            }
            body["transitions"]["all_heard"] = {
                "title": title, "from": ["accepted"], "to": "investigating", "trigger": "automatic",
            }  # fmt: skip

        return change

    handler, admin = actor("complaint.handler"), actor("admin")
    release(session, admin, changed(with_branches("fire", "police")))
    content = Content(kind="content", title="会签", fields={})
    engine.create(session, content, handler, type_id=PROCESS, place=agency(handler.unit_id), allowed=True)
    engine.fire(content, "accept", handler)
    opened = {t.key: t for t in tasks.current(session, content)}
    office.respond(opened["fire"], handler, agreed=True)
    session.commit()
    assert content.state == "accepted" and set(opened) == {"fire", "police"}
    release(session, admin, changed(with_branches("fire", "health")))
    process_changes.start_migration(session, admin, PROCESS, {}, "换单位")
    session.commit()
    work_off(session)
    session.expire_all()
    now_open = {t.key: t.state for t in tasks.current(session, content)}
    assert now_open == {"fire": "agreed", "health": "open"}
    release(session, admin, changed(with_branches("fire")))
    process_changes.start_migration(session, admin, PROCESS, {}, "只听消防")
    session.commit()
    work_off(session)
    session.expire_all()
    assert content.state == "investigating"
    last = session.scalars(
        select(JournalEntry.action).where(JournalEntry.content_id == content.id, JournalEntry.to_state.is_not(None))
        .order_by(JournalEntry.id.desc()).limit(2)
    ).all()  # fmt: skip
    assert last == [f"{PROCESS}:all_heard", "process:move"]


def test_a_release_that_todays_software_cannot_carry_out_is_left_out(session, actor, monkeypatch):
    source = changed(lambda b: b["transitions"]["accept"]["guard"].update(predicate="moon_is_full"))
    monkeypatch.setitem(registry.predicates, "moon_is_full", lambda *_: True)
    release(session, actor("admin"), source)
    assert library.workflows[PROCESS].digest != library.shipped[PROCESS].digest
    monkeypatch.delitem(registry.predicates, "moon_is_full")
    releases.refresh(session, at_once=True)
    assert library.workflows[PROCESS].digest == library.shipped[PROCESS].digest


@pytest.fixture(scope="module")
def postgres_url() -> Iterator[str]:
    with postgres() as url:
        yield url


def test_two_administrators_at_once_on_postgresql(postgres_url, session):
    """Both read the same version, both press: one releases, the other is told; of two migrations one starts."""
    engine_ = create_engine(postgres_url.rpartition("/")[0] + "/postgres", pool_size=4)
    transactions.prepare(engine_)
    Base.metadata.create_all(engine_)
    with Session(engine_) as first:
        library.store(first)
        first.commit()
    seen, start, ends = library.shipped[PROCESS].digest, threading.Barrier(2), []
    texts = [
        changed(lambda b, n=name: b["states"]["accepted"]["title"].update(zh=n)) for name in ("已经受理", "已受理了")
    ]
    definitions = [process_changes.read(PROCESS, text) for text in texts]

    def press(definition: Any) -> None:
        with Session(engine_) as own:
            start.wait(30)
            try:
                process_changes.release(own, NOBODY, definition, "改名", seen=seen)
                time.sleep(0.2)
                own.commit()
                ends.append("released")
            except Stale:
                ends.append("told")

    threads = [threading.Thread(target=press, args=(d,)) for d in definitions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    engine_.dispose()
    assert sorted(ends) == ["released", "told"]
