"""What papers and screens say about an item: the same record the window works from, in the words of a paper."""

from __future__ import annotations

import base64
import io
from typing import Any

import segno
from sqlalchemy.orm import Session

from catalogue import loader as catalogue
from catalogue.records import MODE_NAMES, Material
from models.case import ServiceItem
from process.eligibility import CONDITIONS, item_allows_visit
from services import item_channels, papers_out
from services.papers_common import FORMS

PLACEHOLDER = "示例事项：名称占目录的数目，条件、材料和时限以单位公布的为准。"
NOT_SAID = "以窗口告知为准"
# 办理方式 in the words of the guide.
DIRECT, DELEGATED = "直接办", "代办"
# What every sheet about an item prints beside its materials and steps.
PRINTED = (
    "category_name", "name", "placeholder", "unconfirmed", "conditions", "level", "decide_level", "way", "promised",
    "legal", "fee", "modes", "ways", "outputs", "form", "delegable", "visits", "url",
)  # fmt: skip


def guide_url(code: str) -> str:
    """Where the QR of an item leads: its public guide."""
    return f"{papers_out.base_url() or 'http://127.0.0.1:8000'}/items/{code}"


def qr_png(text: str) -> bytes:
    """The square code as a picture; large modules, so that a worn sheet is still read."""
    kept = io.BytesIO()
    segno.make(text, error="m", micro=False).save(kept, kind="png", scale=8, border=2)
    return kept.getvalue()


def qr_uri(text: str) -> str:
    """The same code for a page on a screen."""
    return "data:image/png;base64," + base64.b64encode(qr_png(text)).decode()


def of(session: Session, item: ServiceItem) -> dict[str, Any]:
    """Everything the papers print about an item, as plain words; only published items are asked for."""
    record, schemes = catalogue.item(item.code), catalogue.schemes()
    levels = {term.id: term.name for term in schemes.levels}
    roles, channels = catalogue.roles(), catalogue.channels()
    category = schemes.by_id.get(record.category or "")
    visits = item_allows_visit(record, schemes.home_visit_categories)
    return {
        "code": item.code,
        "name": record.name,
        "category": category.id if category else "",
        "category_name": category.name if category else "其他事项",
        "placeholder": record.placeholder,
        "unconfirmed": bool(record.illustrative or record.illustrative_fields),
        "conditions": "\n".join(record.conditions) or NOT_SAID,
        "materials": [_material(one) for one in record.materials],
        "steps": [
            {"name": step.name, "who": roles[step.actor].name if step.actor in roles else step.actor}
            for step in record.steps
        ],
        "way": DIRECT if record.direct else DELEGATED,
        "modes": "、".join(MODE_NAMES[name] for name in record.modes.names) or "窗口办",
        "ways": "、".join(channels[one].name for one in item_channels.open_ways(session, item)) or "窗口",
        "level": levels.get(record.accept_level, NOT_SAID),
        "decide_level": levels.get(record.decide_level or "", NOT_SAID),
        "promised": days(record.promised_days, record.direct),
        "legal": days(record.legal_days),
        "fee": record.fee or NOT_SAID,
        "outputs": "、".join(record.outputs) or "办理结果告知",
        "form": catalogue.form(record.form).title["zh"] if record.form in catalogue.forms() else "",
        "delegable": record.delegable,
        "visits": visits,
        "basis": "；".join(record.basis),
        "url": guide_url(item.code),
    }


def _material(one: Material) -> dict[str, Any]:
    return {
        "name": one.name,
        "kind": "必备" if one.critical else "可容缺",
        "form": FORMS[one.form],
        "copies": one.copies,
        "note": one.when,
        "reusable": one.reusable,
    }


def days(number: int | None, direct: bool = False) -> str:
    """Days as a guide says them."""
    if direct and number is not None and number <= 1:
        return "当场办结"
    return f"{number}个工作日" if number else "未公布"


def visit_conditions() -> list[str]:
    """Who may be visited at home, one line each."""
    return list(CONDITIONS.values())


def letter_of(name: str) -> str:
    """The letter under which a name stands in an index by pinyin."""
    # Its dictionaries are large; most processes never sort a handbook.
    from pypinyin import Style, lazy_pinyin

    sound = "".join(lazy_pinyin(name[:1], style=Style.FIRST_LETTER))[:1].upper()
    return sound if sound.isascii() and sound.isalpha() else "#"


def sound_of(name: str) -> str:
    """What an index is sorted by."""
    from pypinyin import lazy_pinyin

    return " ".join(lazy_pinyin(name))
