"""ID and phone numbers: what is accepted, and whether a refusal names the part that is wrong."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from process.identity import (
    IdNumber,
    InvalidIdNumber,
    InvalidPhone,
    age_on,
    check_character,
    mask_phone,
    normalise_phone,
)

TODAY = date(2026, 11, 22)
DIGITS = "0123456789"


@st.composite
def id_numbers(draw: st.DrawFn) -> tuple[str, date, int]:
    born = draw(st.dates(date(1850, 1, 1), TODAY))
    order = draw(st.integers(0, 999))
    region = draw(st.sampled_from(["330103", "110105", "440524", "810000", "820000", "830000"]))
    first = f"{region}{born:%Y%m%d}{order:03d}" if born.year > 999 else ""
    return first + check_character(first), born, order


@pytest.mark.parametrize(
    ("text", "born", "sex"),
    [
        ("11010519491231002X", date(1949, 12, 31), "female"),
        ("440524188001010014", date(1880, 1, 1), "male"),
        (" 11010519491231002x\n", date(1949, 12, 31), "female"),
        ("１１０１０５１９４９１２３１００２ｘ", date(1949, 12, 31), "female"),
        ("110105 19491231 002x", date(1949, 12, 31), "female"),
    ],
)
def test_examples_of_the_standard_are_read(text: str, born: date, sex: str) -> None:
    number = IdNumber.parse(text, today=TODAY)
    assert (number.birth_date, number.sex, number.region) == (born, sex, number.value[:6])
    assert number.value == number.value.strip().upper() and len(number.value) == 18


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "请填写"),
        ("1101051949123100", "16位"),
        ("110105194912310021", "最后一位应为“X”"),
        ("1101O519491231002X", "第5位是“O”"),
        ("11010519491231002Y", "只能是数字或字母X"),
        ("11010519490230002X", "19490230"),
        ("11010500001231002X", "00001231"),
        ("11010520270101002X", "还没有到"),
        ("110105491231002", "15位的旧身份证"),
        ("1101051949123100²X", "第17位是“²”"),
        ("1101051949123100٢X", "第17位"),
    ],
)
def test_refusal_names_the_wrong_part(text: str, named: str) -> None:
    with pytest.raises(InvalidIdNumber, match=named):
        IdNumber.parse(text, today=TODAY)


def test_old_number_only_where_old_records_are_read() -> None:
    assert IdNumber.parse("110105491231002", today=TODAY, allow_old=True).value == "11010519491231002X"
    centenarian = IdNumber.parse("110105991231996", today=TODAY, allow_old=True)
    assert centenarian.birth_date == date(1899, 12, 31)


@given(id_numbers())
def test_every_well_formed_number_is_read_back(generated: tuple[str, date, int]) -> None:
    value, born, order = generated
    number = IdNumber.parse(value.lower(), today=TODAY)
    assert (number.value, number.birth_date) == (value, born)
    assert (number.sex == "male") == (order % 2 == 1)
    assert value[3:14] not in number.masked and number.masked.endswith(value[-4:])


@given(id_numbers(), st.integers(0, 17), st.sampled_from(DIGITS))
def test_one_wrong_digit_never_passes(generated: tuple[str, date, int], at: int, digit: str) -> None:
    value = generated[0]
    typo = value[:at] + digit + value[at + 1 :]
    if typo == value:
        return
    with pytest.raises(InvalidIdNumber):
        IdNumber.parse(typo, today=TODAY)


@given(id_numbers(), st.integers(0, 15))
def test_two_swapped_neighbours_never_pass(generated: tuple[str, date, int], at: int) -> None:
    value = generated[0]
    typo = value[:at] + value[at + 1] + value[at] + value[at + 2 :]
    if typo == value:
        return
    with pytest.raises(InvalidIdNumber):
        IdNumber.parse(typo, today=TODAY)


@given(st.text(max_size=24))
def test_any_text_is_read_or_refused_in_one_sentence(text: str) -> None:
    try:
        IdNumber.parse(text, today=TODAY)
    except InvalidIdNumber as refusal:
        assert str(refusal).endswith("。")


@pytest.mark.req("S0-18")
def test_eighty_is_reached_on_the_birthday() -> None:
    born = date(1946, 11, 22)
    assert age_on(born, date(2026, 11, 21)) == 79
    assert age_on(born, date(2026, 11, 22)) == 80


def test_birthday_of_a_leap_day_child() -> None:
    born = date(1944, 2, 29)
    assert age_on(born, date(2023, 2, 28)) == 79
    assert age_on(born, date(2023, 2, 28), "first_of_march") == 78
    assert age_on(born, date(2024, 2, 28)) == 79
    assert age_on(born, date(2024, 2, 29)) == 80
    with pytest.raises(ValueError, match="晚于"):
        age_on(born, date(1944, 2, 28))


@given(st.dates(date(1900, 1, 1), TODAY), st.integers(0, 120))
def test_age_rises_by_one_on_each_birthday(born: date, years: int) -> None:
    day = 28 if (born.month, born.day) == (2, 29) else born.day
    birthday = date(born.year + years, born.month, day if years % 4 else min(day, 28))
    if birthday < born:
        return
    assert abs(age_on(born, birthday) - years) <= 1
    assert age_on(born, date(born.year + years + 1, 12, 31)) == years + 1


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("138 0000 1234", "13800001234"),
        ("+86 138-0000-1234", "13800001234"),
        ("8613800001234", "13800001234"),
        ("＋８６１３８００００１２３４", "13800001234"),
        ("0571-00001234", "0571-00001234"),
        ("(0571) 0000 1234", "0571-00001234"),
        ("057100001234", "0571-00001234"),
        ("010-00001234", "010-00001234"),
        ("+86 571 87654321", "0571-87654321"),
    ],
)
def test_one_spelling_for_one_phone(text: str, spelled: str) -> None:
    assert normalise_phone(text) == spelled
    assert normalise_phone(spelled) == spelled


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "请填写"),
        ("1380000123", "10位"),
        ("11800001234", "手机号段"),
        ("87654321", "区号"),
        ("1380000123a", "“a”"),
        ("0571-12", "不完整"),
    ],
)
def test_bad_phone_is_refused(text: str, named: str) -> None:
    with pytest.raises(InvalidPhone, match=named):
        normalise_phone(text)


def test_masks() -> None:
    assert mask_phone("13800001234") == "138****1234"
    assert mask_phone("0571-00001234") == "0571-****1234"
    assert IdNumber.parse("33010619900307123X".replace("X", check_character("33010619900307123"))).masked[:3] == "330"
