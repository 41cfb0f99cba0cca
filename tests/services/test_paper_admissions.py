"""The installation compares its papers by itself: in slices, in the quiet hours, and workers take up what was admitted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from jobs import relay, worker
from jobs.handlers import HANDLERS, exhausted
from models.ledger import OutboxItem
from process import engine
from services import paper_admissions, papers_out
from services.papers import definition
from services.papers.definition import Paper
from services.papers.prepared import admission, issuing, place, record
from services.papers.prepared.faces import Faces
from services.papers.prepared.papers import folder_of
from services.papers.renderer import RenderService, warm
from services.papers.samples import load_sample
from tests.papers.conftest import poppler, trial
from tests.services.fertility import approved, certificate_of, draw_all

__all__ = ["poppler", "trial"]
PAGE = '<!DOCTYPE html><html lang="zh-CN"><body><p>{{ f.name }}</p></body></html>'
LOOSE = "p { letter-spacing: 2pt }"
Trial = Callable[..., tuple[RenderService, Paper]]
NIGHT, DAY = datetime(2026, 3, 5, 15, 30, tzinfo=UTC), datetime(2026, 3, 5, 2, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def off_again() -> Iterator[None]:
    yield
    paper_admissions.configure(paper_admissions.OFF)


@pytest.fixture
def only(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """As if the installation had these papers and no others."""

    def only(*papers: Paper) -> None:
        monkeypatch.setattr(definition, "load_all", lambda: {paper.id: paper for paper in papers})

    return only


def waiting(session: Session) -> list[OutboxItem]:
    wanted = select(OutboxItem).where(OutboxItem.job == paper_admissions.JOB, OutboxItem.status == "waiting")
    return list(session.scalars(wanted))


def test_a_slice_goes_on_where_the_last_one_stopped(trial: Trial, tmp_path: Path, poppler: None) -> None:
    service, paper = trial(PAGE)
    folder, faces, seen = tmp_path / "prepared", Faces(tmp_path / "prepared/faces"), []

    def some(number: int) -> record.Admission:
        return admission.advance(paper, service, folder, faces, slice_of=number, fills=5, enough=5)

    first = some(2)
    assert (first.next, first.compared, first.finished) == (2, 2, False)
    assert record.read(folder_of(folder, paper)) == first
    # The one at the command line goes on with the same copies.
    done = admission.admit(paper, service, folder, fills=5, enough=5, progress=seen.append)
    assert done.admitted and (done.next, done.compared, seen) == (5, 5, [])
    assert some(2) == done, "what is decided stays"
    whole = admission.admit(paper, service, tmp_path / "other", fills=5, enough=5)
    assert (whole.worst_pixels, whole.shapes, whole.ordinary) == (done.worst_pixels, done.shapes, done.ordinary)


def test_a_slice_ends_when_its_time_is_over(trial: Trial, tmp_path: Path, poppler: None) -> None:
    service, paper = trial(PAGE)
    found = admission.advance(paper, service, tmp_path, Faces(tmp_path / "faces"), seconds=0)
    assert found.next == 1 and not found.finished


def test_a_real_office_is_compared_without_the_mark_of_the_demo(trial: Trial, tmp_path: Path, poppler: None) -> None:
    service, paper = trial(PAGE.replace("<p>", "<p>{% if demo %}样章{% endif %}"))
    data, url = {"name": "王小明"}, "https://daiban.example/verify/A1"
    assert admission.admit(paper, service, tmp_path, fills=3, enough=3, demo=False).admitted
    issuer = issuing.Issuer(tmp_path)
    issuer.render(paper, data, verify_url=url, demo=False)
    assert issuer.taken == {"fast": 1}


def test_a_paper_that_differs_is_refused_with_the_reason(
    trial: Trial, tmp_path: Path, poppler: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    service, paper = trial(PAGE)
    monkeypatch.setattr(admission, "differing", lambda _ordinary, _fast: ("text", 1.0))
    found = admission.admit(paper, service, tmp_path, fills=50, enough=50)
    assert not found.admitted and found.reason == "快速版与普通版不一致" and found.verdict == record.DIFFERS
    assert found.differing[:2] == ["0: text", "1: text"] and found.next == 5, "five are enough"
    assert issuing.Issuer(tmp_path).prepared(paper) is None


def test_off_means_that_nothing_happens(app: object, session: Session, only: Callable[..., None]) -> None:
    only(definition.load("senior_card"))
    assert paper_admissions.mode() == paper_admissions.OFF, "a demo compares nothing unless told to"
    relay.sweep(session)
    assert not waiting(session) and not paper_admissions.compare_some()


def test_the_night_begins_at_22_and_ends_at_6_in_china() -> None:
    paper_admissions.configure(paper_admissions.NIGHT)
    assert paper_admissions.open_at(NIGHT) and not paper_admissions.open_at(DAY)
    assert paper_admissions.open_at(datetime(2026, 3, 5, 14, 0, tzinfo=UTC))
    assert not paper_admissions.open_at(datetime(2026, 3, 5, 22, 0, tzinfo=UTC))
    paper_admissions.configure(paper_admissions.NOW)
    assert paper_admissions.open_at(DAY)


def test_the_sweep_begins_and_the_worker_goes_on_until_all_is_decided(
    app: object,
    session: Session,
    trial: Trial,
    only: Callable[..., None],
    poppler: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    service, loose = trial(PAGE, style=LOOSE)
    monkeypatch.setattr("services.papers.renderer.warm", lambda: service)
    only(loose)
    paper_admissions.configure(paper_admissions.NOW)
    relay.sweep(session)
    relay.sweep(session)
    rows = waiting(session)
    assert len(rows) == 1 and rows[0].queue == "papers", "one slice at a time"
    assert worker.do(session, rows[0].id) == "done"
    assert not waiting(session), "nothing is left to compare"
    told = paper_admissions.told(loose)
    assert told.state == "refused" and told.verdict == record.NOT_FIXED and "letter-spacing" in told.detail
    relay.sweep(session)
    assert not waiting(session), "what was refused is not compared again"


def test_a_slice_puts_the_next_one_and_stops_in_the_morning(
    session: Session, trial: Trial, only: Callable[..., None], poppler: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    service, paper = trial(PAGE)
    monkeypatch.setattr("services.papers.renderer.warm", lambda: service)
    monkeypatch.setattr(paper_admissions, "SLICE", 2)
    only(paper)
    paper_admissions.configure(paper_admissions.NIGHT)
    monkeypatch.setattr(paper_admissions, "now", lambda: NIGHT)
    HANDLERS[paper_admissions.JOB](session, {})
    assert len(waiting(session)) == 1
    assert paper_admissions.told(paper) == paper_admissions.Told("comparing", 2, 1000)
    HANDLERS[paper_admissions.JOB](session, {})
    assert len(waiting(session)) == 1 and paper_admissions.told(paper).compared == 4
    monkeypatch.setattr(paper_admissions, "now", lambda: DAY)
    HANDLERS[paper_admissions.JOB](session, {})
    assert paper_admissions.told(paper).compared == 4 and not paper_admissions.start(session)


def test_a_comparison_that_breaks_down_is_left_and_the_next_paper_comes(
    session: Session, only: Callable[..., None]
) -> None:
    card, proof = definition.load("senior_card"), definition.load("marital_fertility_proof")
    only(card, proof)
    paper_admissions.configure(paper_admissions.NOW)
    exhausted(session, paper_admissions.JOB, {}, "排版程序出错")
    first, second = paper_admissions.told(proof), paper_admissions.told(card)
    assert first.state == "refused" and "排版程序出错" in first.reason and second.state == "waiting"
    assert len(waiting(session)) == 1 and paper_admissions.pending() == [card]


def test_without_poppler_nothing_is_begun(
    session: Session, only: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    only(definition.load("senior_card"))
    paper_admissions.configure(paper_admissions.NOW)
    monkeypatch.setattr(paper_admissions, "lacking", lambda: ["pdftotext"])
    assert not paper_admissions.start(session) and not waiting(session)


def test_a_running_worker_takes_up_what_was_admitted(
    session: Session, actor: Callable[..., object], poppler: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The paper of a real case, its square code with a signed claim: the first card is drawn in the ordinary way, the next fast."""
    monkeypatch.setattr(issuing, "LOOK_AGAIN", 0.0)
    taken = issuing.issuer().taken

    def issued() -> tuple[dict[str, int], papers_out.Sheet]:
        certificate = certificate_of(session, approved(session, actor))
        draw_all(session)
        before = taken.copy()
        engine.fire(certificate, "number", actor("issuer"))
        draw_all(session)
        assert papers_out.pdf(certificate.paper).startswith(b"%PDF")
        return dict(taken - before), papers_out.sheet_of(certificate.paper)

    ways, sheet = issued()
    assert ways == {"ordinary": 1} and "#" in sheet.verify_url
    paper = sheet.definition

    class Fills(admission.Fills):
        def fill(self, number: int) -> dict[str, object]:
            return {**papers_out.with_pictures(sheet.data), "number": f"SYDX20260000{number}"}

    monkeypatch.setattr(admission, "Fills", Fills)
    found = admission.admit(paper, warm(), place.folder(), fills=2, enough=2, demo=papers_out.is_demo())
    assert found.admitted, found
    assert issued()[0] == {"fast": 1}


def test_offices_with_shorter_lists_are_thought_of() -> None:
    paper = definition.load("fertility_registration_card")
    sample = load_sample(paper)
    maker = admission.Fills(paper, sample, offices=True)
    assert {len(maker.fill(number)["contacts"]) for number in range(60)} == {2, 3, 4}
    assert {maker.fill(number)["services"].count("\n") for number in range(60)} == {2, 3, 4}


def test_the_page_of_paper_templates_says_how_each_stands(app: object, client_as: Callable[[str], FlaskClient]) -> None:
    papers = [definition.load(name) for name in ("senior_card", "queue_slip", "acceptance_notice")]
    for paper, rest in zip(
        papers,
        (
            {"admitted": True, "compared": 1000},
            {"verdict": record.NOT_FIXED, "reason": "没有", "ordinary": {"letter-spacing: <2>": 10}},
            {"compared": 640},
        ),
        strict=True,
    ):
        record.write(folder_of(place.folder(), paper), record.Admission(paper.id, paper.version, 1000, **rest))
    page = client_as("admin").get("/paper-versions").text
    for text in (
        "已启用",
        "不启用：没有固定的栏位",
        "letter-spacing: &lt;2&gt;",
        "试填 640 / 1000",
        "PAPERS_ADMIT=off",
    ):
        assert text in page, text
