"""乡镇“四个平台”: which of the four platforms a unit serves, as a tag its administrator sets; units are found by it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from models.agency import Agency
from process.words import N_

KEY = "platforms"
PLATFORMS: Mapping[str, str] = {
    "governance": N_("综治工作"),
    "market": N_("市场监管"),
    "enforcement": N_("综合执法"),
    "service": N_("便民服务"),
}


def of(agency: Agency) -> list[str]:
    """The platforms of a unit in their usual order; a unit may serve several, most serve none."""
    return known((agency.details or {}).get(KEY) or ())


def known(asked: Iterable[str]) -> list[str]:
    """What of a choice really is a platform, in the usual order."""
    chosen = set(asked)
    return [one for one in PLATFORMS if one in chosen]


def tagged(text: str, agency: Agency) -> str:
    """The name of a unit with its platforms behind it, for a list from which somebody picks."""
    found = of(agency)
    return f"{text}（{'、'.join(PLATFORMS[one] for one in found)}）" if found else text
