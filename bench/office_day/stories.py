"""What happens to one matter in a day, request by request; every request says who asks and what is expected."""

from __future__ import annotations

import base64
import io
from collections.abc import Generator
from dataclasses import dataclass, field
from random import Random
from typing import Any

from PIL import Image, ImageDraw

# The minutes between two steps of one matter: the visitor is there, or somebody's inbox is.
AT_THE_COUNTER, IN_THE_INBOX = (0.5, 3.0), (5.0, 90.0)


def _signature() -> str:
    """A stroke as the signature box sends it."""
    made, out = Image.new("RGBA", (240, 90)), io.BytesIO()
    ImageDraw.Draw(made).line([(20, 60), (90, 20), (150, 70), (220, 30)], fill="black", width=5)
    made.save(out, "PNG")
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()


SIGNATURE = _signature()


@dataclass(frozen=True)
class Ask:
    """One request of one person; `pause` are the minutes of office time before it."""

    who: str
    method: str
    path: str
    body: Any = None
    page: bool = False
    pause: tuple[float, float] = AT_THE_COUNTER
    key: str = field(default="")


@dataclass(frozen=True)
class Village:
    """A community or village with its people, and the town above it."""

    id: str
    town: str
    clerks: tuple[str, ...]
    workers: tuple[str, ...]
    windows: tuple[str, ...]
    reviewers: tuple[str, ...]
    approvers: tuple[str, ...]
    issuers: tuple[str, ...]


@dataclass(frozen=True)
class Item:
    code: str
    direct: bool
    materials: tuple[str, ...]


Story = Generator[Ask, Any, None]


def _act(who: str, uid: str, step: str, pause: tuple[float, float] = AT_THE_COUNTER, /, **inputs: Any) -> Ask:
    return Ask(who, "POST", f"/contents/{uid}/actions/{step}", inputs, pause=pause)


def _desk(who: str, pause: tuple[float, float] = AT_THE_COUNTER) -> Ask:
    return Ask(who, "GET", "/desk/", page=True, pause=pause)


def _look(who: str, uid: str) -> Ask:
    return Ask(who, "GET", f"/c/{uid}", page=True)


def _filed(who: str, place: str, item: Item, resident: dict[str, str]) -> Generator[Ask, Any, dict[str, Any]]:
    """At the counter: the guide is looked up, the case created with what was brought."""
    yield Ask(who, "GET", f"/items/{item.code}", page=True)
    brought = [{"code": code, "provided": True, "sheets": 1} for code in item.materials]
    made = yield Ask(
        who,
        "POST",
        "/contents",
        {"type": "case", "item": item.code, "place": place, "applicant": resident, "materials": brought},
    )
    return made


def _decided(
    uid: str, materials: tuple[str, ...], reviewer: str, approver: str, issuer: str
) -> Generator[Ask, Any, None]:
    yield _desk(reviewer, IN_THE_INBOX)
    yield _look(reviewer, uid)
    ticks = [{"code": code, "verdict": "accepted"} for code in materials]
    yield _act(reviewer, uid, "review", materials=ticks)
    yield _desk(approver, IN_THE_INBOX)
    yield _act(approver, uid, "approve")
    yield _desk(issuer, IN_THE_INBOX)
    yield _act(issuer, uid, "issue")


def decided_here(luck: Random, village: Village, item: Item, resident: dict[str, str]) -> Story:
    """Filed and decided in one house: at the village what is direct there, at the town's window everything else."""
    if item.direct:
        place, clerk = village.id, luck.choice(village.clerks)
        workers = luck.sample(village.workers, 2)
        reviewer, issuer = workers
        approver = next(one for one in village.clerks if one != clerk)
    else:
        place, clerk = village.town, luck.choice(village.windows)
        reviewer, approver, issuer = (
            luck.choice(village.reviewers),
            luck.choice(village.approvers),
            luck.choice(village.issuers),
        )
    made = yield from _filed(clerk, place, item, resident)
    uid = made["uid"]
    yield _act(clerk, uid, "submit")
    yield _act(clerk, uid, "accept")
    yield from _decided(uid, item.materials, reviewer, approver, issuer)
    yield _look(clerk, uid)
    shown = {"who": "holder", "collector_id_number": resident["id_number"]}
    yield _act(clerk, uid, "deliver", IN_THE_INBOX, way="counter", **shown)


def delegated(luck: Random, village: Village, item: Item, resident: dict[str, str]) -> Story:
    """代办: the village takes it in, the papers travel to the town and back, the person does not."""
    clerk, window = luck.choice(village.clerks), luck.choice(village.windows)
    made = yield from _filed(clerk, village.id, item, resident)
    uid = made["uid"]
    letter = {
        "powers": ["file", "supplement", "sign", "collect"],
        "signature": SIGNATURE,
    }
    ticket = yield Ask(clerk, "POST", "/contents", {"type": "delegation", "case": uid, "letter": letter})
    carried = ticket["uid"]
    sheets = [{"material": code, "original": False, "sheets": 1} for code in item.materials]
    yield _act(clerk, carried, "send", lines=sheets)
    yield _desk(window, IN_THE_INBOX)
    yield _look(window, carried)
    counted = [{"line": n, "counted": 1} for n in range(1, len(sheets) + 1)]
    yield _act(window, carried, "receive", lines=counted)
    yield _act(window, carried, "start")
    reviewer, approver, issuer = (
        luck.choice(village.reviewers),
        luck.choice(village.approvers),
        luck.choice(village.issuers),
    )
    yield from _decided(uid, item.materials, reviewer, approver, issuer)
    yield _act(window, carried, "decide", IN_THE_INBOX)
    yield _act(window, carried, "send_result", lines=[{"material": "办理结果", "original": True, "sheets": 1}])
    yield _desk(clerk, IN_THE_INBOX)
    yield _act(clerk, carried, "take_over", lines=[{"line": 1, "counted": 1}])
    yield _act(clerk, carried, "deliver", IN_THE_INBOX, collector="", signature=SIGNATURE)
    yield _look(clerk, carried)
