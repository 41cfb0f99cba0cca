"""Photos come in pieces: they go on where the line broke, and what cannot be a photo is told so."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from models.grid import GridLog
from services.field import blobs
from tests.field.phone import Phone, door, log, photograph, signature_bytes
from tests.field.sync_steps import of


def test_a_photo_goes_on_where_the_line_broke(leader: Phone, session: Session) -> None:
    data = photograph(7)
    name = hashlib.sha256(data).hexdigest()
    assert leader.post("blobs", {"sha256": name, "size": len(data)}).json["received"] == 0
    assert leader.piece(name, 0, data[:10_000]).json["received"] == 10_000
    # The answer was lost, the piece is sent again: where we are is said.
    lost = leader.piece(name, 0, data[:10_000])
    assert lost.status_code == 409 and lost.headers["Upload-Offset"] == "10000"
    assert leader.post("blobs", {"sha256": name, "size": len(data)}).json["received"] == 10_000
    assert leader.piece(name, 10_000, data[10_000:]).json["received"] == len(data)
    told = leader.answers(leader.op("create", "grid_log", inputs=log(photo=f"blob:{name}")))[0]
    assert told["outcome"] == "done"
    assert session.scalars(select(GridLog.photo_key)).one()


def test_what_does_not_match_its_hash_begins_anew(leader: Phone) -> None:
    data = photograph(8)
    name = hashlib.sha256(data).hexdigest()
    leader.post("blobs", {"sha256": name, "size": len(data)})
    broken = bytes(len(data))
    assert leader.piece(name, 0, broken).json["received"] == 0
    assert leader.piece(name, 0, data).json["received"] == len(data)


def test_a_thing_waits_for_its_photo(leader: Phone) -> None:
    missing = "0" * 64
    told = leader.answers(leader.op("create", "grid_log", inputs=log(photo=f"blob:{missing}")))[0]
    assert told["outcome"] == "waiting" and told["need"] == [missing]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"sha256": "x", "size": 10}, "校验码"),
        ({"sha256": "0" * 64, "size": 0}, "空的"),
        ({"sha256": "0" * 64, "size": "10"}, "空的"),
        ({"sha256": "0" * 64, "size": blobs.MOST_BYTES + 1}, "太大"),
    ],
)
def test_photos_that_cannot_be(leader: Phone, body: dict[str, Any], words: str) -> None:
    answer = leader.post("blobs", body)
    assert answer.status_code in (413, 422) and words in answer.json["detail"]


def test_pieces_that_cannot_be(leader: Phone) -> None:
    data = photograph(9)
    name = hashlib.sha256(data).hexdigest()
    assert leader.piece(name, 0, b"x").status_code == 404
    leader.post("blobs", {"sha256": name, "size": 100})
    assert leader.piece(name, "weird", b"x").status_code == 422
    assert leader.piece(name, 0, b"").status_code == 413
    assert leader.piece(name, 0, bytes(101)).status_code == 422
    assert leader.piece(name, 0, bytes(blobs.LARGEST_PIECE + 1)).status_code == 413
    assert leader.post("blobs", {"sha256": name, "size": 99}).status_code == 409


def test_a_photo_that_is_none_forty_photos_and_an_empty_signature(session: Session, leader: Phone, visit: str) -> None:
    first = leader.op("step", visit, "set_off", base=leader.day()["visits"][0]["version"])
    assert leader.answers(first)[0]["outcome"] == "done"
    none = leader.send(b"<html>no picture</html>" * 10)
    cases = [
        ({"photos": [none]}, "第 1 张"),
        ({"photos": [leader.send(photograph(seed, side=40)) for seed in range(100, 140)]}, "最多 20 张"),
        ({"signature": leader.send(signature_bytes(stroke=False))}, "没有笔迹"),
        ({"signature": ""}, "签名"),
        ({"identity_checked": False}, "身份证"),
        ({"lines": []}, "清单"),
        ({"unheard_of": "1"}, "没有这些项"),
    ]
    for changes, words in cases:
        op = leader.op("step", visit, "collect", inputs=door(leader) | changes, after=[first["op_id"]])
        told = leader.answers(op)[0]
        assert told["outcome"] == "refused" and words in told["sentence"], (changes, told)
        assert leader.answers(op)[0]["sentence"] == told["sentence"]
        assert of(session, visit).state == "visiting"
    # Mended under another name it goes through; the photos did not have to travel again.
    good = leader.op("step", visit, "collect", inputs=door(leader), after=[first["op_id"]])
    assert leader.answers(good)[0]["outcome"] == "done"
