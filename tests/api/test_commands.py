"""The command line: what each command does, and that every failure is one line and an exit code."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from app import create_app
from extensions import db
from models.content import Content
from models.ledger import JournalEntry
from models.person import Person
from models.trust import Seal
from process.library import library
from services import backup, files
from services.exchange import keys as exchange_keys
from tests.conftest import settings

WORKFLOW = Path("process/workflows/errand.yaml")
Run = Callable[..., Result]


@pytest.fixture
def run(app: Flask) -> Run:
    return lambda *arguments, **kwargs: app.test_cli_runner().invoke(args=[str(a) for a in arguments], **kwargs)


def ok(result: Result) -> str:
    assert result.exit_code == 0, result.output
    return result.output


def failed(result: Result, code: int = 1) -> str:
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    last = result.output.strip().splitlines()[-1]
    assert last.startswith(("Error:", "Usage:")), result.output
    return last


def test_install_and_demo_may_run_again(run: Run, session: Session) -> None:
    before = session.scalar(select(func.count()).select_from(Person))
    ok(run("install"))
    session.rollback()
    assert session.scalar(select(func.count()).select_from(Person)) == before


def test_demo_accounts_only_where_they_are_wanted(run: Run, app: Flask) -> None:
    app.config["DAIBAN_DEMO"] = False
    assert "DAIBAN_DEMO=1" in failed(run("demo", "load"), 2)


def test_check_says_what_is_wrong_and_where(run: Run, tmp_path: Path) -> None:
    assert "right" in ok(run("process", "check"))
    assert "process errand is right" in ok(run("process", "check", WORKFLOW))
    assert "type case is right" in ok(run("process", "check", "process/types/case.yaml"))
    bad = tmp_path / "bad.yaml"
    bad.write_text(WORKFLOW.read_text().replace("to: claimed", "to: clamed"))
    result = run("process", "check", bad, WORKFLOW)
    assert "bad.yaml: transitions.claim.to: unknown state 'clamed' (did you mean 'claimed'?)" in result.output
    assert "1 definitions are wrong" in failed(result)
    plone = tmp_path / "definition.xml"
    plone.write_text("<dc-workflow/>")
    assert (
        "definition.xml: line 1: <dc-workflow> has no attribute state_variable" in run("process", "check", plone).output
    )


def test_show_answers_the_normal_form(run: Run) -> None:
    shown = json.loads(ok(run("process", "show", "errand", "--json")))
    assert (
        shown == json.loads(ok(run("process", "show", WORKFLOW, "--json"))) == library.workflows["errand"].normal_form()
    )
    assert list(shown) == sorted(shown)
    assert "claim 认领 → claimed [red_courier]" in ok(run("process", "show", "errand"))
    assert "there is no process 'nonsense'" in failed(run("process", "show", "nonsense"))


def test_draw_writes_a_file_or_prints(run: Run, tmp_path: Path) -> None:
    assert ok(run("process", "draw", "delegation")).startswith("<svg")
    ok(run("process", "draw", "delegation", "-o", tmp_path / "d.svg", "--vertical", "--english"))
    assert "Count and receive" in (tmp_path / "d.svg").read_text()


def test_try_walks_without_touching_data(run: Run) -> None:
    walked = json.loads(
        ok(run("process", "try", "errand", "--roles", "errand_dispatcher", "--walk", "post,claim", "--json"))
    )
    assert [step["state"] for step in walked] == ["posted", "open", "open"]
    assert walked[0] == {
        "state": "posted",
        "available": ["cancel", "post"],
        "permissions": ["edit", "internal", "print", "view", "view_full"],
    }
    assert walked[-1]["refused"] == "claim"
    nobody = json.loads(ok(run("process", "try", "errand", "--roles", "", "--permissions", "attach", "--json")))
    assert nobody == [{"state": "posted", "available": [], "permissions": ["attach"]}]
    manager = json.loads(ok(run("process", "try", "errand", "--roles", "Manager", "--json")))
    assert manager[0]["permissions"] == ["attach", "thank", "view"], (
        "what the state leaves or acquires is the place's, and there the Manager holds all"
    )


def test_try_knows_that_one_person_may_not_do_both(run: Run) -> None:
    roles = "window_clerk,back_office_reviewer,approver"
    walked = json.loads(
        ok(run("process", "try", "case", "--roles", roles, "--walk", "submit,accept,review,approve", "--json"))
    )
    assert walked[-1]["state"] == "reviewed" and walked[-1]["refused"] == "approve"


def test_try_answers_thousands_of_walks_in_one_start(run: Run) -> None:
    lines = "\n".join(json.dumps({"roles": ["red_courier"], "walk": ["post"]}) for _ in range(300)) + "\n\n"
    answers = [json.loads(line) for line in ok(run("process", "try", "errand", "--stdin", input=lines)).splitlines()]
    assert len(answers) == 300 and answers[0][-1]["refused"] == "post"
    assert "line 1" in failed(run("process", "try", "errand", "--stdin", input="nonsense\n"), 2)


def test_the_journal_is_walked_and_the_first_bad_row_named(run: Run, session: Session) -> None:
    assert "every chain is whole" in ok(run("journal", "verify"))
    session.execute(text("DROP TRIGGER journal_no_update"))
    row = session.scalars(select(JournalEntry).order_by(JournalEntry.id).limit(1).offset(5)).one()
    session.execute(text("UPDATE journal SET comment = 'changed' WHERE id = :id"), {"id": row.id})
    session.commit()
    last = failed(run("journal", "verify"))
    assert f"journal row {row.id} " in last and "was changed" in last


def test_a_seal_whose_log_was_cut_is_named(run: Run, session: Session) -> None:
    seal = session.scalars(select(Seal)).first() or Seal(agency_id="dongxin", name="东新街道行政审批专用章")
    seal.uses = 3
    session.add(seal)
    session.commit()
    assert f"log of {seal.name}: 3 uses were counted, 0 are written" in run("journal", "verify").output
    assert run("journal", "verify").exit_code == 1


def test_outbox_status_for_people_and_programs(run: Run) -> None:
    assert "waiting  0" in ok(run("outbox", "status"))
    assert json.loads(ok(run("outbox", "status", "--json")))["dead"] == 0


def test_a_paper_is_printed_into_a_file(run: Run, tmp_path: Path) -> None:
    target = tmp_path / "list.pdf"
    ok(run("papers", "render", "handover_list", "-o", target))
    assert target.read_bytes()[:5] == b"%PDF-"
    failed(run("papers", "render", "nonsense", "-o", target))
    data = tmp_path / "data.yaml"
    data.write_text("nonsense: 1\n")
    failed(run("papers", "render", "handover_list", "--data", data, "-o", target))
    failed(run("papers", "render", "handover_list", "-o", tmp_path / "no" / "such" / "folder.pdf"))


@pytest.mark.parametrize(
    "arguments", [("nonsense",), ("process", "nonsense"), ("process", "show"), ("restore", "/no/such/file.tar")]
)
def test_wrong_use_is_told_in_a_line(run: Run, arguments: tuple[str, ...]) -> None:
    result = run(*arguments)
    assert result.exit_code == 2 and "Traceback" not in result.output


def test_an_empty_database_says_what_to_do(tmp_path: Path) -> None:
    empty = create_app(settings(tmp_path))
    for arguments in (["install"], ["journal", "verify"], ["outbox", "status"]):
        assert "db upgrade" in failed(empty.test_cli_runner().invoke(args=arguments))


# --- backup and restore


@pytest.fixture
def archive(run: Run, app: Flask, tmp_path: Path) -> Path:
    target = tmp_path / "keep" / "office.tar"
    files.store().put(b"%PDF-1.4 a paper", "application/pdf")
    with app.app_context():
        exchange_keys.ring()
    assert "2 files" not in ok(run("backup", target))
    return target


def other(folder: Path) -> Flask:
    """A fresh installation on another folder, with a key of its own."""
    folder.mkdir()
    return create_app(settings(folder))


def test_a_backup_brings_everything_back_elsewhere(archive: Path, tmp_path: Path, app: Flask) -> None:
    ours = (app.config["SETTINGS"].var / "exchange.key").read_bytes()
    with app.app_context():
        people = db.session.scalar(select(func.count()).select_from(Person))
    assert archive.stat().st_mode & 0o077 == 0, "it holds the key: nobody else may read it"
    fresh = other(tmp_path / "fresh")
    assert "restored 1 files" in ok(fresh.test_cli_runner().invoke(args=["restore", str(archive)]))
    brought = fresh.config["SETTINGS"].var / "exchange.key"
    assert brought.read_bytes() == ours and brought.stat().st_mode & 0o077 == 0
    with fresh.app_context():
        assert db.session.scalar(select(func.count()).select_from(Person)) == people
        assert db.session.scalar(select(func.count()).select_from(Content)) > 80
        keys = list(files.store().keys())
        assert [files.store().read(key) for key in keys] == [b"%PDF-1.4 a paper"]
        assert ok(fresh.test_cli_runner().invoke(args=["journal", "verify"]))
        db.session.remove()
        db.engine.dispose()


def test_restore_refuses_an_office_at_work_unless_forced(archive: Path, run: Run, session: Session) -> None:
    session.execute(text("UPDATE person SET name = '别人' WHERE username = 'approver'"))
    session.commit()
    session.close()
    assert "not empty" in failed(run("restore", archive))
    assert session.scalar(select(Person.name).where(Person.username == "approver")) == "别人"
    session.close()
    ok(run("restore", archive, "--force"))
    assert session.scalar(select(Person.name).where(Person.username == "approver")) != "别人"


def test_a_damaged_archive_restores_nothing(archive: Path, tmp_path: Path) -> None:
    whole = archive.read_bytes()
    place = whole.index(b"SQLite format 3") + 5000
    fresh = other(tmp_path / "fresh")
    runner = fresh.test_cli_runner()
    for name, content, words in (
        ("flipped", whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :], "is damaged"),
        ("short", whole[:-200_000], "cut short"),
        ("text", b"no archive at all" * 100, "no backup"),
        ("empty", b"", "no backup"),
    ):
        bad = tmp_path / f"{name}.tar"
        bad.write_bytes(content)
        told = failed(runner.invoke(args=["restore", str(bad)]))
        assert bad.name in told and words in told
    with fresh.app_context():
        assert backup._holds_something(db.engine) == ""
        db.engine.dispose()


def test_an_archive_cannot_write_outside(archive: Path, tmp_path: Path) -> None:
    evil = tmp_path / "evil.tar"
    with tarfile.open(archive) as good, tarfile.open(evil, "w") as bad:
        for member in good:
            bad.addfile(member, good.extractfile(member))
        bad.add(__file__, "../outside.py")
    fresh = other(tmp_path / "fresh")
    assert "does not belong there" in failed(fresh.test_cli_runner().invoke(args=["restore", str(evil)]))
    assert not (tmp_path / "outside.py").exists()


def test_the_key_of_that_time_comes_back(tmp_path: Path, archive: Path) -> None:
    fresh = settings(tmp_path)
    path = tmp_path / "secret.key"
    path.write_text(fresh.secret_key + "\n")
    assert backup._bring_key(fresh, "another key of at least thirty-two characters") == ""
    assert path.read_text() == "another key of at least thirty-two characters\n" and path.stat().st_mode & 0o077 == 0
    assert "SECRET_KEY" in backup._bring_key(fresh, "a third key of at least thirty-two characters")
