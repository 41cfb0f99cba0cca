"""Signed papers: two checkers that are not ours say valid, one flipped byte says invalid, old keys still count after a change."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from models.ledger import JournalEntry
from process import engine
from process.refusals import Forbidden, InvalidInput
from services import papers_out
from services.papers import cms, samples, signing
from services.papers.definition import load, load_all
from services.papers.renderer import warm
from services.trust import keystore, rotation, sealing
from tests.papers import checkers
from tests.papers.checkers import judged, sound
from tests.services.fertility import approved, certificate_of, draw_all

SEED = int(os.environ.get("TRUST_SEED", "20261122"))
COUNT = int(os.environ.get("SIGNED_COUNT", "3"))
FLIPS = 4
AT = datetime(2026, 11, 22, 2, 30, tzinfo=UTC)
URL = "https://daiban.example/verify/8F3KQ2MX7T1A8F3KQ2MX7T"


@pytest.fixture
def pdfsig(tmp_path: Path) -> Callable[[bytes], str]:
    """What poppler says about the signatures of a PDF."""
    if checkers.lacking("pdfsig"):
        pytest.skip("poppler-utils is not installed, so the signature cannot be checked with a second program")
    return lambda pdf: checkers.pdfsig(pdf, tmp_path)


def test_two_foreign_checkers_accept_and_one_flipped_byte_is_found(app, pdfsig) -> None:
    print(f"seed {SEED}, {COUNT} papers: repeat with TRUST_SEED and SIGNED_COUNT")
    luck, service = Random(SEED), warm()
    kinds = sorted(paper.id for paper in load_all().values() if paper.terms.signed and paper.max_pages < 10)
    assert "senior_card" in kinds and "fertility_registration_card" in kinds
    for number in range(COUNT):
        paper = load(luck.choice(kinds))
        drawn = service.render(paper, samples.load_sample(paper), draft=False, verify_url=URL)
        at = AT + timedelta(minutes=luck.randrange(500_000))
        signed = sealing.sign(drawn, paper, at)
        assert signed.startswith(drawn), "the paper itself is not changed"
        assert sealing.sign(drawn, paper, at) == signed, "the same paper and key give the same bytes"
        assert judged(signed) == (True, True, True, True), (SEED, number, paper.id)
        said = pdfsig(signed)
        assert "Signature is Valid" in said and "Total document signed" in said, said
        assert "ETSI.CAdES.detached" in said and "SHA-256" in said
        gap = signed.rindex(b"/Contents<") + len(b"/Contents<")
        for _ in range(FLIPS):
            place = checkers.signed_place(signed, luck)
            broken = bytearray(signed)
            broken[place] ^= 1 << luck.randrange(8)
            assert not sound(bytes(broken)), (SEED, number, place)
            assert "Signature is Valid" not in pdfsig(bytes(broken)), (SEED, number, place)
        other = bytearray(signed)
        other[gap + 900] = ord("0") if other[gap + 900] != ord("0") else ord("1")
        assert not sound(bytes(other)), "a changed signature"


def test_the_general_way_and_the_short_way_give_a_valid_signature(app, pdfsig) -> None:
    """A file with streams instead of a table, and one that has an annotation already."""
    import pikepdf

    template = sealing.template()
    assert isinstance(template, cms.Template)
    for mode in (pikepdf.ObjectStreamMode.generate, pikepdf.ObjectStreamMode.disable):
        document = pikepdf.new()
        document.add_blank_page(page_size=(200, 200))
        link = pikepdf.Dictionary(
            Type=pikepdf.Name.Annot, Subtype=pikepdf.Name.Link, Rect=[0, 0, 9, 9], Border=[0, 0, 0]
        )
        document.pages[0].Annots = pikepdf.Array([document.make_indirect(link)])
        kept = io.BytesIO()
        document.save(kept, object_stream_mode=mode, deterministic_id=True)
        signed = signing.sign(kept.getvalue(), template, at=AT, name="东新街道", reason="出具证照（一）\\")
        assert judged(signed) == (True, True, True, True)
        assert "Signature is Valid" in pdfsig(signed)
        with pikepdf.open(io.BytesIO(signed)) as again:
            assert len(again.pages[0].Annots) == 2 and str(again.Root.AcroForm.Fields[0].V.Name) == "东新街道"
    with pytest.raises(ValueError, match="form already"):
        signing.prepare(signed, room=10, at=AT)


@pytest.mark.req("S0-28")
def test_an_issued_certificate_is_signed_and_a_letter_without_a_seal_is_not(app, session, actor, pdfsig) -> None:
    case = approved(session, actor)
    certificate = certificate_of(session, case)
    engine.fire(certificate, "number", actor("issuer"))
    draw_all(session)
    pdf = papers_out.pdf(certificate.paper)
    assert judged(pdf) == (True, True, True, True)
    assert "Signer Certificate Common Name: 证照签名" in pdfsig(pdf)
    assert not load("visit_sheet").terms.signed


def test_every_certificate_of_the_catalogue_is_a_signed_paper() -> None:
    from catalogue import loader
    from services import paper_names

    papers = paper_names()
    kinds = {item.paper or item.id for item in loader.items().values() if item.number_series}
    unsigned = [kind for kind in kinds & papers if not load(kind).terms.signed]
    assert not unsigned, f"a certificate that nobody signs: {unsigned}"


# --- Keys


def test_the_key_file_is_for_its_owner_alone_and_closed(app) -> None:
    path = keystore.path()
    keystore.ring()
    assert path.stat().st_mode & 0o777 == 0o600
    text = path.read_text("ascii")
    assert "PRIVATE" not in text and "BEGIN" not in text


def test_another_secret_does_not_open_the_file_and_nothing_new_is_made(app, tmp_path) -> None:
    path, before = keystore.path(), keystore.path().read_bytes()
    keystore.configure(path, "another-secret-" + "x" * 40)
    with pytest.raises(keystore.KeysUnusable, match="另一个 SECRET_KEY"):
        keystore.ring()
    assert path.read_bytes() == before
    path.write_text("{", "ascii")
    with pytest.raises(keystore.KeysUnusable, match="从备份恢复"):
        keystore.ring()
    keystore.configure(tmp_path / "own.key", "unused", "a passphrase of its own")
    first = keystore.ring()
    keystore.configure(tmp_path / "own.key", "changed since", "a passphrase of its own")
    assert keystore.ring() == first


def test_after_a_change_of_keys_old_papers_are_still_valid(app, session, actor, pdfsig) -> None:
    paper = load("senior_card")
    drawn = warm().render(paper, samples.load_sample(paper), draft=False, verify_url=URL)
    before = sealing.sign(drawn, paper, AT)
    old = keystore.ring().current(keystore.PAPER)
    given = {"use": keystore.PAPER, "reason": "每两年更换", "sure": "y"}
    new = rotation.rotate(session, actor("admin"), given)
    assert new.id != old.id and keystore.ring().current(keystore.PAPER) == new
    kept = next(key for key in keystore.ring().keys if key.id == old.id)
    assert kept.private == "" and kept.ended is not None and kept.revoked is None
    after = sealing.sign(drawn, paper, AT)
    assert after != before and judged(before) == judged(after) == (True, True, True, True)
    row = session.query(JournalEntry).filter(JournalEntry.action == "trust:rotate").one()
    assert row.details["new"] == new.fingerprint and row.comment == "每两年更换"


def test_keys_are_changed_by_the_administrator_of_the_whole_alone(app, session, actor) -> None:
    with pytest.raises(Forbidden):
        rotation.rotate(session, actor("issuer"), {"use": keystore.PAPER, "reason": "试", "sure": "y"})
    with pytest.raises(InvalidInput) as caught:
        rotation.rotate(session, actor("admin"), {})
    assert set(caught.value.errors) == {"use", "reason", "sure"}


def test_keys_come_back_with_a_backup(app, session, tmp_path) -> None:
    from extensions import db
    from services import backup

    settings = app.config["SETTINGS"]
    wanted = keystore.ring()
    session.commit()
    backup.write(settings, db.engine, tmp_path / "kept" / "office.tar")
    keystore.path().unlink()
    backup.read(settings, db.engine, tmp_path / "kept" / "office.tar", force=True)
    assert keystore.ring() == wanted
    assert keystore.path().stat().st_mode & 0o777 == 0o600


def test_the_faces_of_the_office_come_back_with_a_backup(app, session, tmp_path) -> None:
    """Without its 仿宋 and its drawn characters a restored office would refuse names that it printed before."""
    from extensions import db
    from services import backup

    settings, folder = app.config["SETTINGS"], app.config["SETTINGS"].var / backup.FACES
    folder.mkdir()
    fang, own, other = (f"{kind}-{digit * 64}.ttf" for kind, digit in (("fang", "a"), ("own", "b"), ("fang", "c")))
    (folder / fang).write_bytes(b"licensed")
    (folder / own).write_bytes(b"drawn")
    (folder / "fang-half.new").write_bytes(b"left behind")
    session.commit()
    backup.write(settings, db.engine, tmp_path / "office.tar")
    for path in folder.iterdir():
        path.unlink()
    (folder / other).write_bytes(b"another one since")
    backup.read(settings, db.engine, tmp_path / "office.tar", force=True)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {fang: b"licensed", own: b"drawn"}
