"""A phone in Python: what the JavaScript sends, without the JavaScript, so that every refusal can be asked for."""

from __future__ import annotations

import base64
import hashlib
import io
import itertools
import random
from typing import Any

from flask.testing import FlaskClient
from PIL import Image
from werkzeug.test import TestResponse

from tests.services.visiting import LINES, drawn

LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_names = itertools.count(1)


def op_id() -> str:
    """A name like those that phones make; the same in every run."""
    number, text = next(_names), ""
    for _ in range(26):
        number, text = number // 32, LETTERS[number % 32] + text
    return text


def photograph(seed: int = 1, side: int = 400) -> bytes:
    """A picture that does not shrink to nothing."""
    target = io.BytesIO()
    Image.frombytes("RGB", (side, side), random.Random(seed).randbytes(side * side * 3)).save(
        target, "JPEG", quality=80
    )
    return target.getvalue()


class Phone:
    """One phone of one person: signed on, with its day, sending what it is told to."""

    def __init__(self, client: FlaskClient, username: str, known: tuple[str, ...] = ()) -> None:
        self.client, self.username, self.seq = client, username, 0
        answer = self.post("device", {"known": list(known), "label": "测试手机"}, device="")
        assert answer.status_code == 200, answer.text
        self.uid, self.secret = answer.json["device"]["uid"], answer.json["secret"]

    def headers(self, device: str | None = None) -> dict[str, str]:
        return {"Accept": "application/json", "X-Field-Device": self.uid if device is None else device}

    def post(self, path: str, body: Any, device: str | None = None) -> TestResponse:
        return self.client.post(f"/field/api/{path}", json=body, headers=self.headers(device))

    def day(self) -> dict[str, Any]:
        answer = self.post("day", {})
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json
        return found

    def op(self, kind: str, thing: str, verb: str = "create", **more: Any) -> dict[str, Any]:
        self.seq += 1
        return {
            "op_id": op_id(),
            "seq": self.seq,
            "kind": kind,
            "thing": thing,
            "verb": verb,
            "inputs": {},
            "author": self.username,
            "said_at": "2026-11-22T10:00:00.000Z",
            **more,
        }

    def push(self, *ops: Any, **more: Any) -> TestResponse:
        return self.post("push", {"shape": 1, "ops": list(ops), **more})

    def answers(self, *ops: Any) -> list[dict[str, Any]]:
        answer = self.push(*ops)
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json["answers"]
        return found

    def send(self, data: bytes, piece: int = 20_000) -> str:
        """A picture in pieces; its name in an input."""
        name = hashlib.sha256(data).hexdigest()
        at = self.post("blobs", {"sha256": name, "size": len(data)}).json["received"]
        while at < len(data):
            answer = self.piece(name, at, data[at : at + piece])
            assert answer.status_code == 200, answer.text
            at = answer.json["received"]
        return f"blob:{name}"

    def piece(self, name: str, start: int | str, data: bytes) -> TestResponse:
        return self.client.patch(
            f"/field/api/blobs/{name}", data=data, headers={**self.headers(), "Upload-Offset": str(start)}
        )


def log(**more: Any) -> dict[str, Any]:
    """A line of the grid log."""
    return {"grid": "dx-c01-g1", "duty": "service", "kind": "walk", "what": "走访独居老人", "minutes": 20, **more}


def signature_bytes(stroke: bool = True) -> bytes:
    return base64.b64decode(drawn(stroke).partition(",")[2])


def door(phone: Phone, photos: int = 1, **changes: Any) -> dict[str, Any]:
    """The form at the door with everything in it."""
    return {
        "identity_checked": True,
        "lines": LINES,
        "photos": [phone.send(photograph(seed)) for seed in range(photos)],
        "powers": ["file", "supplement", "collect"],
        "signature": phone.send(signature_bytes()),
        **changes,
    }
