"""Invented copies of a paper: names, numbers and addresses as they come, rare characters and odd lengths among them."""

from __future__ import annotations

import io
import random
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from PIL import Image, ImageFilter

from services.papers.definition import Field, Paper

_SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈"
    "姚卢姜崔钟谭陆汪范金石"
)
_GIVEN = (
    "伟芳娜秀英敏静丽强磊军洋勇艳杰娟涛明超霞平刚桂兰玉梅建国华文辉红志斌宇浩然子轩梓涵欣怡诗雨嘉俊博晨思"
    "远一诺泽楷瑞雪婷佳慧琳晓东海波鹏飞龙凤春燕秋月冬青莉萍颖珊瑶琪璐蕾妍馨悦彤曦钰锦鑫淼焱垚森翔宁安康乐"
    "福禄寿喜庆祥丰盛"
)
_PLACES = (
    "北京上海天津重庆河北山西辽宁吉林黑龙江苏浙安徽福建江西东南湖广四川贵州云陕甘肃青新疆和平建设人民解放"
    "中山团结友谊长城文化科技学府滨河迎宾朝阳凤起体育场延环"
)
# Names of registers that the everyday faces lack.
RARE = "𠮷䶮㛃𬭎𫖯𬱖𪚥𡆇"
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


class Fills:
    """Copies of one paper, each from its own number; the same number gives the same copy."""

    def __init__(
        self, paper: Paper, sample: dict[str, Any], *, rare: float = 0.05, seed: int = 0, offices: bool = False
    ) -> None:
        """`offices`: lists that an office sets for itself are sometimes shorter than in the sample, too."""
        self.paper, self.sample, self.rare, self.seed, self.offices = paper, sample, rare, seed, offices

    def fill(self, number: int) -> dict[str, Any]:
        """The data of one copy."""
        chance = random.Random(f"{self.seed}/{number}")
        return {one.name: self._field(chance, one, self.sample.get(one.name)) for one in self.paper.fields}

    def url(self, number: int) -> str:
        """An address with a code as long as the real ones; every other one with a signed claim behind it, as on certificates."""
        chance = random.Random(f"{self.seed}/url/{number}")
        letters = "ABCDEFGHJKMNPQRSTVWXYZabcdefghijkmnpqrstvwxyz0123456789-_"
        address = "https://daiban.example/verify/" + "".join(chance.choice(letters) for _ in range(22))
        return address if number % 2 == 0 else f"{address}#1" + "".join(chance.choice("0123456789") for _ in range(410))

    def _field(self, chance: random.Random, field: Field, sample: Any) -> Any:
        needed = field.required != "no" or field.required_if
        if not needed and chance.random() < 0.25:
            return None
        kind = field.kind
        if kind == "table":
            rows = self._shorter(chance, sample or [])
            return [{one.name: self._field(chance, one, row.get(one.name)) for one in field.columns} for row in rows]
        if kind == "lines" and sample:
            return "\n".join(self._shorter(chance, str(sample).split("\n")))
        if kind in ("bool", "lines") or (kind == "image" and sample is None):
            # Settings of the office: they differ between offices, not between two copies.
            return sample
        if kind == "image":
            return photograph(chance.randrange(16)) if _jpeg_or_photo(sample) else sample
        if kind == "choice":
            return chance.choice([value for value, _ in field.options])
        if kind == "choices":
            return [value for value, _ in field.options if chance.random() < 0.5]
        if kind == "integer":
            return chance.randrange(0, 4)
        if kind in ("date", "datetime"):
            day = f"{chance.randint(1940, 2026)}-{chance.randint(1, 12):02d}-{chance.randint(1, 28):02d}"
            return day if kind == "date" else f"{day}T{chance.randint(0, 23):02d}:{chance.randint(0, 59):02d}:00+08:00"
        made = {
            "person_name": self._name,
            "id_number": _identity,
            "phone": _phone,
            "address": _address,
        }.get(kind)
        text = made(chance) if made else _like(chance, str(sample or ""))
        return text[: field.max_length]

    def _shorter(self, chance: random.Random, items: list[Any]) -> list[Any]:
        return items[: max(1, len(items) - chance.choice((0, 0, 0, 1, 2)))] if self.offices else items

    def _name(self, chance: random.Random) -> str:
        if chance.random() < 0.02:
            return "阿依古丽·买买提明·努尔艾合买提"[: chance.randint(6, 16)].rstrip("·")
        name = chance.choice(_SURNAMES) + "".join(chance.choice(_GIVEN) for _ in range(chance.randint(1, 2)))
        return name[:-1] + chance.choice(RARE) if chance.random() < self.rare else name


def _identity(chance: random.Random) -> str:
    front = f"{chance.choice((110101, 310104, 330103, 440106, 510107)):06d}{chance.randint(1940, 2003)}"
    front += f"{chance.randint(1, 12):02d}{chance.randint(1, 28):02d}{chance.randint(0, 999):03d}"
    total = sum(int(figure) * weight for figure, weight in zip(front, _WEIGHTS, strict=True))
    return front + "10X98765432"[total % 11]


def _phone(chance: random.Random) -> str:
    return f"1{chance.randint(3000000000, 8999999999)}"


def _address(chance: random.Random) -> str:
    def some(low: int, high: int) -> str:
        return "".join(chance.choice(_PLACES) for _ in range(chance.randint(low, high)))

    parts = [
        f"{some(2, 3)}省{some(2, 3)}市{some(2, 3)}区{some(2, 3)}街道{some(2, 4)}社区{some(2, 5)}路{chance.randint(1, 999)}号"
    ]
    if chance.random() < 0.7:
        parts.append(
            f"{some(2, 5)}小区{chance.randint(1, 60)}幢{chance.randint(1, 6)}单元{chance.randint(101, 3306)}室"
        )
    if chance.random() < 0.05:
        parts.append(f"（原{some(3, 12)}农居点{chance.choice('东南西北')}区）")
    return "".join(parts)


def _like(chance: random.Random, sample: str) -> str:
    """A text of the same kind: figures for figures, letters for letters, characters for characters."""
    made = []
    for char in sample:
        if char.isdecimal() and char.isascii():
            made.append(chance.choice("0123456789"))
        elif "A" <= char <= "Z":
            made.append(chance.choice("ABCDEFGHJKLMNPQRSTUVWXYZ"))
        elif "一" <= char <= "鿿":
            made.append(chance.choice(_PLACES))
        else:
            made.append(char if char.isascii() or char in "·—（）〔〕、。，" else chance.choice(_PLACES))
    text = "".join(made)
    if len(text) > 12 and chance.random() < 0.2:
        text = text[: -chance.randint(1, 5)]
    return text


def _jpeg_or_photo(sample: Any) -> bool:
    """A sample that is a photograph, not a signature with a clear ground."""
    if not isinstance(sample, bytes):
        return False
    with Image.open(io.BytesIO(sample)) as found:
        return found.width * 1.1 < found.height


@lru_cache(maxsize=16)
def photograph(number: int) -> bytes:
    """A picture of about 15 kB as an upload leaves it."""
    chance = random.Random(number)
    picture = Image.frombytes("RGB", (90, 126), chance.randbytes(90 * 126 * 3))
    picture = picture.filter(ImageFilter.GaussianBlur(3)).resize((295, 413))
    target = io.BytesIO()
    picture.save(target, "JPEG", quality=88)
    return target.getvalue()


def fills(paper: Paper, sample: dict[str, Any], numbers: Sequence[int], **given: Any) -> list[dict[str, Any]]:
    """Several copies at once."""
    maker = Fills(paper, sample, **given)
    return [maker.fill(number) for number in numbers]
