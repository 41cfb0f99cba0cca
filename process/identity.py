"""Reads ID numbers and phone numbers as people write them, and says exactly what is wrong with a bad one."""

from __future__ import annotations

import re
from calendar import isleap
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from typing import Literal

from process.refusals import InvalidInput

CHINA_TIME = timezone(timedelta(hours=8), "CST")
WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
CHECK_CHARACTERS = "10X98765432"

Sex = Literal["male", "female"]
LeapRule = Literal["last_of_february", "first_of_march"]

# Input methods and copied spreadsheets produce these; they mean the same characters.
_FULL_WIDTH = {0xFEE0 + ord(c): c for c in "0123456789Xx+-()"}
_DIGITS = frozenset("0123456789")
_EARLIEST_YEAR = 1800


class InvalidIdNumber(InvalidInput, ValueError):
    """The number cannot be a resident's ID number; the text tells a clerk which part to check."""


class InvalidPhone(InvalidInput, ValueError):
    """The text is not a Chinese phone number one could call."""


def today_in_china() -> date:
    return datetime.now(CHINA_TIME).date()


def check_character(first17: str) -> str:
    """The last character that GB 11643 prescribes for the first seventeen digits."""
    return CHECK_CHARACTERS[sum(int(d) * w for d, w in zip(first17, WEIGHTS, strict=True)) % 11]


@dataclass(frozen=True, slots=True)
class IdNumber:
    """A valid ID number and what it tells about its holder."""

    value: str
    birth_date: date
    sex: Sex
    region: str

    @classmethod
    def parse(cls, text: str, *, today: date | None = None, allow_old: bool = False) -> IdNumber:
        """Accept a number as typed, or say in one sentence which part of it is wrong."""
        number = "".join(text.split()).translate(_FULL_WIDTH).upper()
        if not number:
            raise InvalidIdNumber("请填写身份证号码。")
        if len(number) == 15:
            if not allow_old:
                raise InvalidIdNumber("这是15位的旧身份证号码，已停止使用。请填写现在身份证上的18位号码。")
            number = _from_fifteen(number)
        _check_characters(number)
        birth_date = _birth_date(number, today or today_in_china())
        expected = check_character(number[:17])
        if number[17] != expected:
            raise InvalidIdNumber(
                f"身份证号码的最后一位应为“{expected}”，您填写的是“{number[17]}”。"
                "可能有一位数字写错，请对照证件逐位核对。"
            )
        sex: Sex = "male" if int(number[16]) % 2 else "female"
        return cls(number, birth_date, sex, number[:6])

    @property
    def sex_zh(self) -> str:
        return "男" if self.sex == "male" else "女"

    @property
    def masked(self) -> str:
        """As it may stand in a list: who already knows the person recognises it, nobody else learns it."""
        return f"{self.value[:3]}{'*' * 11}{self.value[-4:]}"

    def age_on(self, day: date, leap_rule: LeapRule = "last_of_february") -> int:
        return age_on(self.birth_date, day, leap_rule)

    def __str__(self) -> str:
        return self.value


def age_on(birth_date: date, day: date, leap_rule: LeapRule = "last_of_february") -> int:
    """Full years on that day; somebody born on 29 February has a birthday every year all the same."""
    if day < birth_date:
        raise ValueError(f"出生日期 {birth_date} 晚于 {day}，无法计算年龄。")
    month_day = (birth_date.month, birth_date.day)
    if month_day == (2, 29) and not isleap(day.year):
        month_day = (2, 28) if leap_rule == "last_of_february" else (3, 1)
    return day.year - birth_date.year - ((day.month, day.day) < month_day)


def normalise_phone(text: str) -> str:
    """One spelling for one phone: mobile numbers bare, landlines as area code and number."""
    raw = text.strip().translate(_FULL_WIDTH)
    compact = re.sub(r"[\s()\-—.·]", "", raw)
    compact = re.sub(r"^(?:\+86|0086|86(?=1[3-9]\d{9}$))", "", compact)
    if raw.lstrip().startswith(("+86", "0086")) and re.fullmatch(r"[1-9]\d{9,10}", compact):
        # Abroad the leading zero of the area code is dropped; a mobile number never had one.
        compact = compact if re.fullmatch(r"1[3-9]\d{9}", compact) else "0" + compact
    if not compact:
        raise InvalidPhone("请填写联系电话。")
    if strange := next((c for c in compact if c not in _DIGITS), None):
        raise InvalidPhone(f"电话号码里有“{strange}”，只能填写数字。分机号请写在备注里。")
    if compact.startswith("1") and not compact.startswith("12"):
        if len(compact) != 11:
            raise InvalidPhone(f"手机号码应为11位，您填写的是{len(compact)}位，请核对。")
        if re.fullmatch(r"1[3-9]\d{9}", compact):
            return compact
        raise InvalidPhone(f"没有以“{compact[:2]}”开头的手机号段，请核对。")
    if landline := re.fullmatch(r"(0(?:10|2\d)|0[3-9]\d{2})(\d{7,8})", compact):
        return f"{landline[1]}-{landline[2]}"
    if re.fullmatch(r"\d{7,8}", compact):
        raise InvalidPhone("固定电话请带上区号，例如 0571-00001234。")
    raise InvalidPhone("电话号码不完整。请填写11位手机号码，或带区号的固定电话，例如 0571-00001234。")


def mask_phone(phone: str) -> str:
    """As it may stand in a list: 138****1234, or the area code and the last four digits."""
    if "-" in phone:
        area, number = phone.split("-", 1)
        return f"{area}-{'*' * (len(number) - 4)}{number[-4:]}"
    return f"{phone[:3]}****{phone[-4:]}"


def _check_characters(number: str) -> None:
    if len(number) != 18:
        raise InvalidIdNumber(f"身份证号码应为18位，您填写的是{len(number)}位，请核对是否漏写或多写。")
    for position, character in enumerate(number[:17], start=1):
        if character not in _DIGITS:
            raise InvalidIdNumber(f"身份证号码第{position}位是“{character}”，前17位只能是数字，请核对。")
    if number[17] not in _DIGITS and number[17] != "X":
        raise InvalidIdNumber(f"身份证号码最后一位是“{number[17]}”，只能是数字或字母X，请核对。")


def _birth_date(number: str, today: date) -> date:
    written = number[6:14]
    try:
        birth_date = date(int(written[:4]), int(written[4:6]), int(written[6:]))
    except ValueError:
        birth_date = None
    if birth_date is None or birth_date.year < _EARLIEST_YEAR:
        raise InvalidIdNumber(f"身份证号码第7至14位“{written}”不是真实的日期，请核对出生年月日。")
    if birth_date > today:
        raise InvalidIdNumber(
            f"身份证号码第7至14位表示出生于{birth_date.year}年{birth_date.month}月{birth_date.day}日，"
            "这一天还没有到，请核对出生年月日。"
        )
    return birth_date


def _from_fifteen(number: str) -> str:
    for position, character in enumerate(number, start=1):
        if character not in _DIGITS:
            raise InvalidIdNumber(f"旧身份证号码第{position}位是“{character}”，只能是数字，请核对。")
    # Orders 996 to 999 were kept for people born before 1900.
    century = "18" if number[12:] >= "996" else "19"
    first17 = f"{number[:6]}{century}{number[6:]}"
    return first17 + check_character(first17)
