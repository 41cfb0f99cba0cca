"""How personal data looks wherever the full value is not needed: lists, boards, exports, check pages."""

from __future__ import annotations

import re

# Surnames of two characters; a name that begins with one keeps both.
_COMPOUND = """
    欧阳 太史 端木 上官 司马 东方 独孤 南宫 万俟 闻人 夏侯 诸葛 尉迟 公羊 赫连 澹台 皇甫 宗政
    濮阳 公冶 太叔 申屠 公孙 慕容 仲孙 钟离 长孙 宇文 司徒 鲜于 司空 闾丘 子车 亓官 司寇 巫马
    公西 颛孙 壤驷 公良 漆雕 乐正 宰父 谷梁 拓跋 夹谷 轩辕 令狐 段干 百里 呼延 东郭 南门 羊舌
    微生 梁丘 左丘 东门 西门 第五 淳于 单于 叔孙 纳兰 完颜 耶律 达奚 褚师
"""
COMPOUND_SURNAMES = frozenset(_COMPOUND.split())
_SEPARATORS = "·•・‧∙．"
_COMMUNITY = re.compile(r"^.*?(?:社区|居委会|居民委员会|村委会|村民委员会)")
_STREET = re.compile(r"^.*?(?:街道|镇|乡(?!路|村))")
_DISTRICT = re.compile(r"^.*?(?<!小)(?<!园)[区县旗]")
_CITY = re.compile(r"^.*?(?:市|自治州|地区|盟)")
_HOUSE = re.compile(r"[0-9０-９]|[一二三四五六七八九十百〇零]号")


def mask_id_number(value: str) -> str:
    """330***********123X: the region of three digits and the last four; nothing of the birth date."""
    text = value.strip()
    if len(text) >= 15:
        return text[:3] + "*" * (len(text) - 7) + text[-4:]
    return _ends(text, 1, 1)


def mask_phone(value: str) -> str:
    """138****1234; a landline keeps its area code and the last two digits."""
    text = value.strip()
    digits = re.sub(r"\D", "", text)
    if len(digits) == 11 and digits[0] == "1" and digits == text:
        return f"{text[:3]}****{text[-4:]}"
    head, dash, tail = text.partition("-")
    if dash and head.isdigit() and len(head) in {3, 4}:
        return f"{head}-{'*' * max(len(tail) - 2, 1)}{tail[-2:] if len(tail) > 3 else ''}"
    if len(digits) >= 10:
        return text[:3] + "*" * (len(text) - 7) + text[-4:]
    return _ends(text, 0, 2)


def mask_name(value: str) -> str:
    """张* or 欧阳*: the surname and one star, whatever the length of the rest."""
    text = value.strip()
    if not text:
        return ""
    for mark in _SEPARATORS:
        if mark in text:
            # A name of several parts (阿卜杜热西提·买买提明) has no surname in front; its first character is enough.
            first = _first(text)
            return first + "*" if len(text) > len(first) else "*"
    if " " in text and text.isascii():
        return text[0] + "*"
    if len(text) >= 3 and text[:2] in COMPOUND_SURNAMES:
        return text[:2] + "*"
    first = _first(text)
    return first + "*" if len(text) > len(first) else "*"


def mask_address(value: str) -> str:
    """The address down to the community; without one to street, district or city, never a door number."""
    text = value.strip()
    if not text:
        return ""
    for pattern in (_COMMUNITY, _STREET, _DISTRICT, _CITY):
        found = pattern.match(text)
        if found and _HOUSE.search(found.group()):
            # A house number before the community: the next coarser place is all that may be shown.
            continue
        if found:
            return found.group() + ("***" if len(found.group()) < len(text) else "")
    return "***"


def _first(text: str) -> str:
    """The first character with its variation selector, so that no character is cut in two."""
    end = 1
    while end < len(text) and (0xFE00 <= ord(text[end]) <= 0xFE0F or 0xE0100 <= ord(text[end]) <= 0xE01EF):
        end += 1
    return text[:end]


def _ends(text: str, front: int, back: int) -> str:
    """Stars with a few characters left; a value too short to keep any is stars only."""
    if len(text) <= front + back + 2:
        return "*" * len(text)
    return text[:front] + "*" * (len(text) - front - back) + text[len(text) - back :]
