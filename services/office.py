"""What papers say about the office itself: phones, names as letters write them, standing texts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from models.agency import Agency
from services.case_routing import above

# The public hotline answers everywhere; an agency with its own line writes it into its details.
HOTLINE = "12345"
FERTILITY_SERVICES = "\n".join(
    (
        "免费孕前优生健康检查",
        "免费领取叶酸，建立孕产妇健康手册",
        "孕期保健、产前筛查和产后访视",
        "0—6岁儿童健康管理和预防接种",
        "生育后户口登记、医保参保“一件事”联办",
    )
)
# Standing text until the agency names its own; which advantages there are is the city's rule, not the card's.
SENIOR_CARD_NOTE = "\n".join(
    (
        "长期有效，限本人使用，涂改、转借无效。",
        "凭证享受本市规定的老年人优待。",
        "遗失请向发证机关申请补发。",
    )
)

# Standing text of the booklet; how high the rewards are is the city's rule, not the certificate's.
ONLY_CHILD_BENEFITS = "\n".join(
    (
        "凭本证按规定享受独生子女父母奖励和扶助。",
        "标准以本市现行规定为准，由户籍地社区受理。",
        "本证限持证人使用，涂改、转借无效。",
        "再生育或收养子女的，应将本证交回发证机关。",
        "遗失请向发证机关申请补发。",
    )
)

SUPPLEMENT_SILENCE = (
    "逾期不补正又没有正当理由的，视为放弃本次申请，我单位将终止办理；材料备齐后可以重新申请。补正期间不计入办理时限。"
)
PROMISE_BROKEN = "期限届满没有补齐的，将提醒一次，可以申请延期一次；仍不补齐的，终止办理，不发放证照。不履行承诺的记录，会使今后的容缺申请不被接受。"


def details(agency: Agency) -> Mapping[str, Any]:
    return agency.details or {}


def phone(agency: Agency | None) -> str:
    """The unit's phone, or that of the nearest unit above which has one."""
    while agency is not None:
        if details(agency).get("phone"):
            return str(details(agency)["phone"])
        agency = agency.parent
    return HOTLINE


def complaints_phone(agency: Agency) -> str:
    street = above(agency, "street", "town")
    return str(details(street or agency).get("complaints_phone") or HOTLINE)


def full_name(agency: Agency) -> str:
    """A grid or station is only known together with its community."""
    if agency.kind == "grid" and agency.parent is not None:
        return f"{agency.parent.name}{agency.name}"
    return agency.name


def government(agency: Agency) -> str:
    """The body in whose name certificates are issued: 杭州市下城区东新街道办事处."""
    street = above(agency, "street", "town")
    if street is None:
        return agency.name
    names: list[str] = []
    here: Agency | None = street
    while here is not None:
        names.append(here.name)
        here = here.parent
    return "".join(reversed(names)) + ("办事处" if street.kind == "street" else "人民政府")


def letter_unit(agency: Agency) -> Agency:
    """Whose series numbers a letter: a hall writes in its street's name, a station in its community's."""
    return above(agency, "street", "town", "community", "village") or agency


def fertility_contacts(agency: Agency, station: Agency | None) -> list[dict[str, str]]:
    street = above(agency, "street", "town")
    rows = [{"name": f"{street.name}办事处", "phone": phone(street)}] if street is not None else []
    rows.append({"name": agency.name, "phone": phone(agency)})
    if station is not None and station.id != agency.id:
        rows.append({"name": station.name, "phone": phone(station)})
    return [*rows, {"name": "政务服务热线", "phone": HOTLINE}]
