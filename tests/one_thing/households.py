"""Invented households for the walk: who they are, what they bring, and what an office may do next with their matters."""

from __future__ import annotations

import io
import random
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from PIL import Image
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalogue import loader as catalogue
from models.case import Case, ServiceItem
from models.one_thing import OneThing
from models.resident import Resident
from process.access import Actor
from services import intake, one_form
from services.one_thing import filing

WEIGHTS, CHECKS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2), "10X98765432"
THEMES: dict[str, tuple[str, ...]] = {
    "birth": (
        "fertility_registration_card",
        "household_registration",
        "resident_medical_insurance",
        "social_security_card",
    ),
    "death": ("household_registration", "pension_end_funeral_grant", "medical_insurance_end"),
    "printing_enterprise": ("business_licence", "printing_licence"),
    "": ("fertility_registration_card",),
}
SURNAMES, GIVEN = "林章沈陆何金方施傅裘", ("若琳", "晓岚", "文斌", "美玲", "国芳", "志远", "慧敏", "建明")


def id_number(number: int, woman: bool = True, born: str = "19900312") -> str:
    """A whole number with its check digit; the sequence tells the sex."""
    head = f"330103{born}{(2 * number + (0 if woman else 1)) % 1000:03d}"
    return head + CHECKS[sum(int(d) * w for d, w in zip(head, WEIGHTS, strict=True)) % 11]


def scan() -> bytes:
    """A small picture, as a phone sends it."""
    target = io.BytesIO()
    Image.new("RGB", (40, 40), "grey").save(target, "JPEG")
    return target.getvalue()


@dataclass
class Household:
    """One family with its cases, and what the walk remembers independently of the product."""

    number: int
    chance: random.Random
    theme: str
    resident: Resident
    bundle: OneThing | None
    cases: list[Case]
    at: datetime
    # case id -> material code -> step number at which it was last brought
    supplied: dict[int, dict[str, int]] = field(default_factory=dict)
    # case id -> step numbers of its one-time notices with the codes asked for
    asked: dict[int, list[tuple[int, frozenset[str]]]] = field(default_factory=dict)
    step: int = 0

    @property
    def broken(self) -> str:
        """How to find this household again."""
        return f"household {self.number} ({self.theme or 'single'}), step {self.step}"


def applicant(number: int) -> dict[str, str]:
    """Somebody new, a woman, born so that three digits of sequence never meet twice."""
    born = date(1980 + number // 400, 1 + number // 40 % 12, 1 + number % 28)
    return {
        "applicant_name": SURNAMES[number % len(SURNAMES)] + GIVEN[number % len(GIVEN)],
        "applicant_id_number": id_number(number, True, f"{born:%Y%m%d}"),
        "applicant_phone": f"1390000{number:04d}",
        "applicant_address": f"杭州市下城区东新街道万家星城社区文晖路{number + 1}幢1单元101室",
    }


def answers(one: one_form.OneForm, person: dict[str, str], number: int) -> dict[str, Any]:
    """Something right in every box that must be filled."""
    found: dict[str, Any] = {}
    for question in one.questions:
        name, kind = question.field.name, question.field.kind
        own = name.split("_")[0] not in ("husband", "father", "spouse")
        if kind == "person_name":
            found[name] = person["applicant_name"] if own else "方志明"
        elif kind == "id_number":
            found[name] = person["applicant_id_number"] if own else id_number(number, False, "19880709")
        elif kind == "phone":
            found[name] = person["applicant_phone"]
        elif kind == "address":
            found[name] = person["applicant_address"]
        elif kind == "date":
            found[name] = "2027-03-01" if "expected" in name else "2025-05-20"
        elif kind == "number":
            found[name] = 1 if "order" in name else 0
        elif kind == "choice":
            found[name] = question.field.options[0].id
        elif kind == "bool":
            found[name] = True
        elif question.field.required:
            found[name] = "91330103MA27XW1T1X"[: question.field.max or 18]
    return found


def brought(one: one_form.OneForm, chance: random.Random) -> dict[str, dict[str, Any]]:
    """Most papers, some as originals; now and then one is left at home, seldom one that cannot come later."""
    found = {}
    for slot in one.slots:
        left = chance.random() < (0.06 if slot.critical else 0.55)
        if not left:
            original = slot.record.form == "original" or (slot.record.form == "either" and chance.random() < 0.35)
            found[slot.key] = {"provided": True, "original": original, "sheets": 1}
    return found


def arrive(session: Session, clerk: Actor, number: int, seed: int, at: datetime) -> Household:
    """The household at the counter: one form, one set of papers, all its matters filed."""
    chance = random.Random(f"{seed}-{number}")
    theme = list(THEMES)[number % len(THEMES)]
    codes = [code for n, code in enumerate(THEMES[theme]) if n < 2 or chance.random() < 0.8]
    items = {i.code: i for i in session.scalars(select(ServiceItem).where(ServiceItem.code.in_(codes)))}
    one = one_form.build([items[code] for code in codes], "female")
    person = applicant(number)
    visit = intake.begin(session, clerk)
    cases = intake.file(session, clerk, visit, one, person, answers(one, person, number), brought(one, chance))
    bundle = filing.gather(session, clerk, theme, one, cases, visit=visit) if theme else None
    intake.share_papers(one, cases)
    intake.close(session, clerk, visit)
    resident = session.get_one(Resident, cases[0].applicant_id)
    return Household(number, chance, theme, resident, bundle, cases, at)


def always(case: Case) -> set[str]:
    """The codes that everybody must bring."""
    return {m.id for m in catalogue.item(case.item.code).materials if m.always}
