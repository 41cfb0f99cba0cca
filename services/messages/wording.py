"""Words of messages: filled once, in the reader's language, and nothing in the open that is nobody else's business."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from catalogue.messages import PLACEHOLDER, Messages, Occasion, messages
from models.agency import Agency
from process.masking import mask_name
from process.numbers import CHINA

ZH, EN = "zh_Hans_CN", "en"
LOCALES = (ZH, EN)
_WEEKDAYS = "一二三四五六日"
# More than this is read out to nobody: the text message then says how many.
LISTED = 4


@dataclass(frozen=True)
class Facts:
    """What one message may say. `lines` and `text` were written by people; the rest comes from the office's own tables."""

    number: str = ""
    item: str = ""
    reader: str = ""
    agency: Agency | None = None
    # The station that stays answerable, or the address where the result lies.
    place: Agency | str | None = None
    staff: str = ""
    phone: str = ""
    hours: str = ""
    when: datetime | None = None
    day: date | None = None
    count: int = 0
    express: str = ""
    text: str = ""
    # Name of the material, and what is wrong with it.
    lines: Sequence[tuple[str, str]] = field(default_factory=tuple)
    code: str = ""


def language(locale: str) -> str:
    return "en" if locale == EN else "zh"


def fill(template: str, values: Mapping[str, str]) -> str:
    """Each %(word)s once: what is filled in is never filled again, whatever somebody wrote into it."""
    return PLACEHOLDER.sub(lambda found: values.get(found[1], ""), template)


def inbox(occasion: Occasion, facts: Facts, locale: str) -> str:
    """The words of the portal: with the item and every line."""
    values = _values(facts, locale)
    joint = "；" if language(locale) == "zh" else "; "
    mark = "（{}）" if language(locale) == "zh" else " ({})"
    values["lines"] = joint.join(name + (mark.format(defect) if defect else "") for name, defect in facts.lines)
    if facts.text and occasion.id != "manual":
        values["text"] = _ended(facts.text, locale)
    return fill(occasion.inbox[language(locale)], values)


def sms(occasion: Occasion, facts: Facts, locale: str) -> str:
    """The words of the text message: whatever could tell a stranger something about the reader is left out."""
    assert occasion.sms is not None
    rules = messages()
    values = _values(facts, locale)
    values["lines"] = _short_lines(facts.lines, locale, rules)
    if facts.text and (rules.sensitive_in(facts.text) or len(facts.text) > rules.longest_sms // 2):
        values["text"] = "请上网查看，或打电话问" if language(locale) == "zh" else "please look online or call"
    else:
        values["text"] = " ".join(facts.text.split()).rstrip("。.！!")
    for name in ("agency", "place"):
        if rules.sensitive_in(values[name]):
            values[name] = "办理单位" if language(locale) == "zh" else "the office"
    written = fill(occasion.sms[language(locale)], values)
    if len(written) <= rules.longest_sms:
        return written
    values["lines"], values["hours"] = _counted(facts.lines, locale), ""
    return fill(occasion.sms[language(locale)], values)[: rules.longest_sms]


def to_contact(occasion: Occasion, facts: Facts, name: str, locale: str) -> str:
    """The words for whoever asked in somebody's place: for whom it is, shortened, and nothing of what it is about."""
    assert occasion.contact is not None
    values = _values(facts, locale)
    # Registers say “女儿 沈惠珍”: the name is what comes last.
    called = mask_name((name.split() or [""])[-1])
    values |= {"applicant": values["name"], "name": called or ("" if language(locale) == "zh" else "reader")}
    if messages().sensitive_in(values["agency"]):
        values["agency"] = "办理单位" if language(locale) == "zh" else "the office"
    return fill(occasion.contact[language(locale)], values)[: messages().longest_sms]


def _short_lines(lines: Sequence[tuple[str, str]], locale: str, rules: Messages) -> str:
    names = [name for name, _ in lines]
    joined = ("、" if language(locale) == "zh" else ", ").join(names)
    if not names or len(names) > LISTED or len(joined) > 80 or rules.sensitive_in(joined):
        return _counted(lines, locale)
    return joined


def _counted(lines: Sequence[tuple[str, str]], locale: str) -> str:
    if language(locale) == "en":
        return f"{len(lines)} papers" if lines else "some papers"
    return f"{len(lines)}份材料" if lines else "材料"


def _values(facts: Facts, locale: str) -> dict[str, str]:
    english = language(locale) == "en"
    return {
        "number": facts.number,
        "item": facts.item,
        "name": mask_name(facts.reader),
        "agency": _agency(facts.agency, english),
        "place": facts.place if isinstance(facts.place, str) else _agency(facts.place, english),
        "staff": facts.staff,
        "phone": facts.phone or ("the hotline 12345" if english else "12345"),
        "hours": facts.hours or ("office hours" if english else "上班时间"),
        "when": moment(facts.when, locale) if facts.when else "",
        "day": day(facts.day, locale) if facts.day else ("the date agreed" if english else "约定的日期"),
        "count": str(facts.count),
        "express": facts.express,
        "text": facts.text,
        "code": facts.code,
        "lines": "",
    }


def _agency(agency: Agency | None, english: bool) -> str:
    if agency is None:
        return "the office" if english else "受理单位"
    if english and agency.name_en:
        return agency.name_en
    return f"{agency.parent.name}{agency.name}" if agency.kind == "grid" and agency.parent else agency.name


def _ended(text: str, locale: str) -> str:
    return text if text[-1:] in "。.！!？?；;" else text + ("。" if language(locale) == "zh" else ".")


def day(value: date, locale: str) -> str:
    if language(locale) == "en":
        return f"{value.day} {value:%b %Y}"
    return f"{value.month}月{value.day}日"


def moment(value: datetime, locale: str) -> str:
    """In China Standard Time, with the weekday: people remember Thursdays."""
    local = value.astimezone(CHINA)
    if language(locale) == "en":
        return f"{local:%a} {local.day} {local:%b %H:%M}"
    return f"{local.month}月{local.day}日 周{_WEEKDAYS[local.weekday()]} {local:%H:%M}"
