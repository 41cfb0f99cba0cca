"""Dates, letter numbers and masked values in exactly the form people expect on paper and in lists."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
import zxingcpp
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from process.masking import COMPOUND_SURNAMES, mask_address, mask_id_number, mask_name, mask_phone
from services.papers import qr
from services.papers.dates import letter_number, official_date, official_datetime


def test_official_dates_have_no_leading_zeros_and_stand_in_china_time() -> None:
    assert official_date(date(2026, 3, 5)) == "2026年3月5日"
    assert official_date("2026-03-05") == "2026年3月5日"
    assert official_date(datetime(2026, 3, 4, 16, 0, tzinfo=UTC)) == "2026年3月5日"
    assert official_date("2026-03-04T16:30:00Z") == "2026年3月5日"
    assert official_datetime("2026-03-05T09:05:00+08:00") == "2026年3月5日 9:05"
    for wrong in ("昨天", "2026-13-01", "", "2026/3/5"):
        with pytest.raises(ValueError):
            official_date(wrong)


def test_letter_numbers_use_hexagonal_brackets() -> None:
    assert letter_number("东新受", 2026, 15) == "东新受〔2026〕15号"
    for prefix, number in (("", 1), ("东新受", 0)):
        with pytest.raises(ValueError):
            letter_number(prefix, 2026, number)


@pytest.mark.parametrize(
    ("name", "masked"),
    [
        ("张三", "张*"),
        ("张三丰", "张*"),
        ("欧阳修", "欧阳*"),
        ("欧阳娜娜", "欧阳*"),
        ("司马相如", "司马*"),
        ("欧阳", "欧*"),
        ("𠮷田", "𠮷*"),
        ("阿卜杜热西提·买买提明", "阿*"),
        ("John Smith", "J*"),
        ("王", "*"),
        ("", ""),
        (" 李四 ", "李*"),
        ("葛\U000e0100城", "葛\U000e0100*"),
    ],
)
def test_names(name: str, masked: str) -> None:
    assert mask_name(name) == masked


@pytest.mark.parametrize(
    ("value", "masked"),
    [
        ("33010519491231123X", "330***********123X"),
        ("110105491231002", "110********1002"),
        ("E12345678", "E*******8"),
        ("12", "**"),
        ("", ""),
    ],
)
def test_id_numbers(value: str, masked: str) -> None:
    assert mask_id_number(value) == masked


@pytest.mark.parametrize(
    ("value", "masked"),
    [
        ("13812341234", "138****1234"),
        ("0571-85370000", "0571-******00"),
        ("+8613812341234", "+86*******1234"),
        ("12345", "***45"),
        ("", ""),
    ],
)
def test_phones(value: str, masked: str) -> None:
    assert mask_phone(value) == masked


@pytest.mark.parametrize(
    ("value", "masked"),
    [
        ("浙江省杭州市下城区东新街道万家星城社区3幢2单元1602室", "浙江省杭州市下城区东新街道万家星城社区***"),
        ("浙江省杭州市下城区东新街道东新路818号", "浙江省杭州市下城区东新街道***"),
        ("杭州市下城区东新路818号", "杭州市下城区***"),
        ("杭州市东新路818号", "杭州市***"),
        ("万家星城社区", "万家星城社区"),
        ("某县某镇某村委会5组12号", "某县某镇某村委会***"),
        ("东新路818号", "***"),
        ("", ""),
        ("杭州市东新路818号星城小区3幢", "杭州市***"),
        ("杭州市下城区东新路818号万家星城社区3幢", "杭州市下城区***"),
        ("内蒙古自治区锡林郭勒盟正蓝旗上都镇", "内蒙古自治区锡林郭勒盟正蓝旗上都镇"),
        ("不知道", "***"),
    ],
)
def test_addresses(value: str, masked: str) -> None:
    assert mask_address(value) == masked


@example("·")
@given(st.text(max_size=40))
def test_no_mask_gives_the_value_away(text: str) -> None:
    value = text.strip()
    for mask in (mask_name, mask_phone, mask_id_number):
        masked = mask(text)
        assert not value or "*" in masked
        assert not value or masked.strip("*") != value


def test_compound_surnames_are_pairs() -> None:
    assert all(len(surname) == 2 for surname in COMPOUND_SURNAMES) and {"欧阳", "诸葛", "尉迟"} <= COMPOUND_SURNAMES


def test_square_code_reads_back() -> None:
    import base64
    import io

    url = "https://daiban.example/verify/8F3KQ2MX7T1A?s=0123456789abcdef"
    picture = Image.open(io.BytesIO(base64.b64decode(qr.data_uri(url).partition(",")[2])))
    assert [code.text for code in zxingcpp.read_barcodes(picture.convert("L"))] == [url]
    assert qr.check_code(url) == "8F3K Q2MX 7T1A"
    assert qr.data_uri(url) == qr.data_uri(url)
