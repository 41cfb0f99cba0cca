"""One form and one pile of papers for several matters of one person: what two items ask in common is asked, and brought, once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from catalogue import loader as catalogue
from catalogue.records import Field, FieldGroup, Form
from catalogue.records import Material as MaterialRecord
from models.case import ServiceItem

# Which side of a couple the applicant is: the sex of the ID number tells.
SIDES = {"male": ("husband", "father"), "female": ("wife", "mother")}
# The same fact under two names: whoever registers as a couple is married since that day.
SAME = {"marital_status_date": "marriage_date"}
SPOUSES = {"male": ("wife",), "female": ("husband",)}
# Papers that every matter needs for itself: a statement is about one thing, a letter for one matter.
OWN = frozenset({"statement", "inquiry_letter", "authorisation_letter", "photo"})


@dataclass(frozen=True)
class Question:
    """One box on the screen and the fields of the items that it fills."""

    field: Field
    fills: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Slot:
    """One paper on the screen and the material lines of the items that it serves."""

    key: str
    record: MaterialRecord
    serves: tuple[tuple[str, MaterialRecord], ...]
    # The applicant's own paper goes by its plain kind where a matter asks for it so.
    own: bool = False

    @property
    def critical(self) -> bool:
        """Critical for one matter is critical on the desk."""
        return any(record.critical for _code, record in self.serves)


@dataclass(frozen=True)
class OneForm:
    """The questions and papers of all matters of a visit together."""

    items: tuple[ServiceItem, ...]
    questions: tuple[Question, ...]
    slots: tuple[Slot, ...]

    @property
    def form(self) -> Form:
        """As if it were the form of one item."""
        groups = {q.field.group: FieldGroup(q.field.group, {"zh": "", "en": ""}) for q in self.questions}
        return Form("one", {"zh": "", "en": ""}, tuple(groups.values()), tuple(q.field for q in self.questions))

    def other_keys(self, slot: Slot) -> list[str]:
        """How this paper was called on the screen while other matters were chosen, or the same in another order."""
        shown = {one.key for one in self.slots}
        names = [name for code, record in slot.serves for name in (record.id, f"{record.id}--{code}")]
        names += [slot.record.kind] if slot.own else []
        return [name for name in dict.fromkeys(names) if name not in shown]

    def answers(self, posted: Mapping[str, Any], code: str) -> dict[str, Any]:
        """What was typed, under the names of one item's own form."""
        return {
            name: posted[q.field.name]
            for q in self.questions
            for item, name in q.fills
            if item == code and q.field.name in posted
        }

    def box_of(self, code: str, name: str) -> str:
        """The box in which a mistake of one item's field is mended."""
        return next((q.field.name for q in self.questions if (code, name) in q.fills), name)


def build(items: Sequence[ServiceItem], sex: str | None) -> OneForm:
    """Joins the forms and lists of these items for a person of this sex (none: the sex is not known yet)."""
    return OneForm(tuple(items), _questions(items, sex), _slots(items, sex))


def _questions(items: Sequence[ServiceItem], sex: str | None) -> tuple[Question, ...]:
    found: dict[tuple[Any, ...], Question] = {}
    names: set[str] = set()
    for item in items:
        for field in catalogue.form(catalogue.item(item.code).form).fields:
            same = (meaning(field.name, sex), field.kind, tuple(option.id for option in field.options))
            earlier = found.get(same)
            if earlier is not None:
                found[same] = Question(_stricter(earlier.field, field), (*earlier.fills, (item.code, field.name)))
                continue
            # Another question by the same name (a free text here, a list there) keeps its own box.
            name = field.name if field.name not in names else f"{field.name}--{item.code}"
            names.add(name)
            found[same] = Question(replace(field, name=name), ((item.code, field.name),))
    return tuple(found.values())


def _stricter(one: Field, other: Field) -> Field:
    limits = [limit for limit in (one.max, other.max) if limit is not None]
    return replace(
        one,
        required=one.required or other.required,
        sensitive=one.sensitive or other.sensitive,
        max=min(limits) if limits else None,
    )


def meaning(name: str, sex: str | None) -> str:
    """What a field is about, whoever asks: 女方户籍地址 of a woman is her 户籍地址, 男方姓名 is her husband's."""
    if name in SAME:
        return SAME[name]
    head, _underline, rest = name.partition("_")
    if sex is not None and rest in ("name", "id_number", "household_address", "phone", "unit"):
        if head in SIDES[sex]:
            return rest
        if head in SPOUSES[sex]:
            return f"spouse_{rest}"
    return name


def _slots(items: Sequence[ServiceItem], sex: str | None) -> tuple[Slot, ...]:
    found: dict[Any, Slot] = {}
    keys: set[str] = set()
    for item in items:
        for record in catalogue.item(item.code).materials:
            same: Any = (item.code, record.id) if record.kind in OWN else (record.kind, owner(record, sex))
            earlier = found.get(same)
            if earlier is not None:
                found[same] = Slot(
                    earlier.key,
                    _broader(earlier.record, record),
                    (*earlier.serves, (item.code, record)),
                    earlier.own,
                )
                continue
            key = record.id if record.id not in keys else f"{record.id}--{item.code}"
            keys.add(key)
            found[same] = Slot(key, record, ((item.code, record),), same[1] == "self")
    return tuple(found.values())


def _broader(one: MaterialRecord, other: MaterialRecord) -> MaterialRecord:
    return replace(
        one,
        critical=one.critical or other.critical,
        # Needed by everybody for one of the matters, it is needed.
        when="" if not one.when or not other.when else one.when,
        form=one.form if one.form == other.form else "either",
        copies=max(one.copies, other.copies),
    )


def owner(record: MaterialRecord, sex: str | None) -> str:
    """Whose paper it is: the applicant's own, or the word before its kind (husband, guardian, subject …)."""
    if record.id == record.kind:
        return "self"
    if not record.id.endswith(f"_{record.kind}"):
        return record.id
    head = record.id.removesuffix(f"_{record.kind}")
    if sex is not None:
        if head in SIDES[sex]:
            return "self"
        if head in SPOUSES[sex]:
            return "spouse"
    return head


def vanished(saved: Mapping[str, str], asked: Iterable[str]) -> dict[str, str]:
    """Boxes of a draft that no form has any more: name -> what the box was called when it was typed into."""
    now_asked = set(asked)
    return {name: title for name, title in saved.items() if name not in now_asked}
