"""What is told to whom and in which words (messages.yaml); a text message that says too much stops the start."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

from catalogue.reading import known, load, record
from catalogue.records import CatalogueError

FILE = "messages.yaml"
INBOX, SMS, WORK_CHAT, PHONE = "inbox", "sms", "work_chat", "phone"
WAYS = (INBOX, SMS, WORK_CHAT, PHONE)
LANGUAGES = ("zh", "en")
APPLICANT = "applicant"
READERS = (
    APPLICANT, "holder", "holder_and_head", "colleague", "both_ends", "complaint_handler", "dispatcher", "as_the_rule_says",
)  # fmt: skip
# What may stand in a text message: nothing that names the item, the whole person or a number of theirs.
IN_SMS = frozenset(
    {"number", "name", "agency", "phone", "hours", "when", "day", "count", "lines", "express", "text", "place", "code"}
)
# Whoever asked for somebody is told for whom.
TO_CONTACT = IN_SMS - {"text", "lines"} | {"applicant"}
IN_INBOX = IN_SMS | {"item", "staff"}
# The whole sentence stands in the work chat, so it may hold no more than a text message.
IN_NOTICE = frozenset({"number", "when", "count"})
PLACEHOLDER = re.compile(r"%\((\w+)\)s")
_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")
# Somebody's ID number or the number of a card, however it got into a sentence.
_LONG_NUMBER = re.compile(r"(?<![A-Z0-9-])\d{15,19}[\dXx]?(?![A-Z0-9-])")
# A gateway would fold it; nobody means it.
LONGEST_TEMPLATE = 300


@dataclass(frozen=True, slots=True)
class Occasion:
    """One thing that somebody is told."""

    id: str
    title: Mapping[str, str]
    to: str
    channels: tuple[str, ...]
    inbox: Mapping[str, str]
    sms: Mapping[str, str] | None = None
    # For whoever asked in the place of the reader and has no account.
    contact: Mapping[str, str] | None = None
    urgent: bool = False
    passing: bool = False

    def allows(self, channel: str) -> bool:
        return channel in self.channels


@dataclass(frozen=True, slots=True)
class Messages:
    """The whole file: occasions by id, and the rules they share."""

    occasions: Mapping[str, Occasion]
    sensitive: tuple[str, ...]
    quiet_from: int
    quiet_to: int
    errand_unclaimed_minutes: int
    low_mark: int
    owed_days: tuple[int, ...]
    longest_sms: int

    def occasion(self, id_: str) -> Occasion | None:
        """The entry for a kind of notice; all rules of the office share one."""
        return self.occasions.get(id_) or self.occasions.get(id_.partition(":")[0])

    def sensitive_in(self, text: str) -> str | None:
        """The first word of a text that may not travel in the open; None: there is none."""
        folded = text.lower()
        found = next((word for word in self.sensitive if word in folded), None)
        if found is None and (number := _LONG_NUMBER.search(text)):
            found = number.group()
        return found


@cache
def messages() -> Messages:
    return read(load(FILE))


def read(content: Mapping[str, Any]) -> Messages:
    """The file as records; whatever is wrong is named by entry and key."""
    words = tuple(str(word).lower() for word in content["sensitive"])
    if not words or not all(words):
        raise CatalogueError(f"{FILE}: sensitive: at least one word, and none of them empty")
    low, unclaimed = content["low_mark"], content["errand_unclaimed_minutes"]
    if not 1 <= low <= 4 or not 1 <= unclaimed <= 1440:
        raise CatalogueError(f"{FILE}: low_mark is 1 to 4 and errand_unclaimed_minutes 1 to 1440")
    draft = Messages(
        MappingProxyType({}), words, _minutes(content["quiet"]["from"], "quiet.from"),
        _minutes(content["quiet"]["to"], "quiet.to"), unclaimed, low, tuple(content["owed_days"]), content["longest_sms"],
    )  # fmt: skip
    found = {id_: _occasion(id_, entry, draft) for id_, entry in content["occasions"].items()}
    return Messages(
        MappingProxyType(found), words, draft.quiet_from, draft.quiet_to, unclaimed, low, draft.owed_days,
        draft.longest_sms,
    )  # fmt: skip


def _occasion(id_: str, entry: Mapping[str, Any], rules: Messages) -> Occasion:
    where = f"{FILE}: {id_}"
    one = record(Occasion, {"id": id_, **entry}, where)
    known(one.channels, WAYS, f"{where}: channels")
    known([one.to], READERS, f"{where}: to")
    if INBOX not in one.channels:
        raise CatalogueError(f"{where}: the inbox always has it; add inbox to channels")
    staff = one.to != APPLICANT
    wrong = {SMS, PHONE} if staff else {WORK_CHAT}
    if strange := sorted(wrong & set(one.channels)):
        raise CatalogueError(f"{where}: {', '.join(strange)} is no way to reach {one.to}")
    if (SMS in one.channels) != (one.sms is not None):
        raise CatalogueError(f"{where}: sms stands in channels and has its words, or neither")
    _texts(one.title, f"{where}: title", frozenset(), rules, open_=False)
    _texts(one.inbox, f"{where}: inbox", IN_NOTICE if staff else IN_INBOX, rules, open_=staff)
    if one.sms is not None:
        _texts(one.sms, f"{where}: sms", IN_SMS, rules, open_=True)
    if one.contact is not None:
        if SMS not in one.channels:
            raise CatalogueError(f"{where}: contact is told by text message; add sms to channels")
        _texts(one.contact, f"{where}: contact", TO_CONTACT, rules, open_=True)
    return one


def _texts(texts: Mapping[str, str], where: str, allowed: Iterable[str], rules: Messages, *, open_: bool) -> None:
    """Both languages, known words to fill in, and nothing sensitive where the text travels in the open."""
    if set(texts) != set(LANGUAGES) or not all(str(texts[one]).strip() for one in LANGUAGES):
        raise CatalogueError(f"{where}: needs words in {' and '.join(LANGUAGES)}")
    for language in LANGUAGES:
        text = texts[language]
        known(PLACEHOLDER.findall(text), sorted(allowed), f"{where}.{language}: %(…)s")
        if "%" in PLACEHOLDER.sub("", text):
            raise CatalogueError(f"{where}.{language}: a % that begins no %(…)s")
        if len(text) > LONGEST_TEMPLATE:
            raise CatalogueError(f"{where}.{language}: {len(text)} characters, at most {LONGEST_TEMPLATE}")
        if open_ and (word := rules.sensitive_in(text)):
            raise CatalogueError(
                f"{where}.{language}: {word!r} is sensitive and may not be sent in the open; say it in the inbox only"
            )


def _minutes(text: str, where: str) -> int:
    found = _CLOCK.fullmatch(str(text))
    if found is None:
        raise CatalogueError(f"{FILE}: {where}: {text!r} is no time of day, write it as '21:00'")
    return int(found[1]) * 60 + int(found[2])
