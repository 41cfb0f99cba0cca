"""Reads the service items: named ones, placeholders up to the published counts, and those of other places."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from catalogue.reading import known, load, record, unique
from catalogue.records import (
    CatalogueError,
    Category,
    FirstBatch,
    Material,
    MaterialKind,
    Modes,
    Schemes,
    ServiceItem,
    Step,
    Term,
)

HOME_FILE = "service_items.yaml"
ELSEWHERE_FILE = "service_items_elsewhere.yaml"
HOME_REGION = "东新街道"
_ONLINE = frozenset({"online_pc", "online_mobile", "wechat_account", "app"})
_PLACEHOLDER_CHANNELS: Mapping[str, tuple[str, ...]] = {
    "village": ("window_community", "online_pc", "online_mobile", "proxy"),
    "street": ("window_street", "online_pc", "online_mobile", "proxy"),
}
_STANDARD_STEPS = (
    {"name": "申请", "actor": "applicant"},
    {"name": "受理", "actor": "window_clerk"},
    {"name": "审核", "actor": "back_office_reviewer"},
    {"name": "审批", "actor": "approver"},
    {"name": "送达", "actor": "window_clerk"},
)
_DIRECT_STEPS = (
    {"name": "申请", "actor": "applicant"},
    {"name": "受理并当场办结", "actor": "community_clerk"},
)


def read_schemes() -> Schemes:
    content = load(HOME_FILE)
    categories = tuple(record(Category, e, f"{HOME_FILE}: categories") for e in content["categories"])
    unique((category.id for category in categories), f"{HOME_FILE}: categories")

    def terms(key: str) -> tuple[Term, ...]:
        return tuple(record(Term, e, f"{HOME_FILE}: {key}") for e in content[key])

    kinds = {
        id_: record(MaterialKind, {"id": id_, **entry}, f"{HOME_FILE}: material_kinds: {id_}")
        for id_, entry in content["material_kinds"].items()
    }
    return Schemes(
        categories=categories,
        service_types=terms("service_types"),
        levels=terms("levels"),
        home_visit_conditions=terms("home_visit_conditions"),
        material_kinds=kinds,
        first_batch=record(FirstBatch, content["first_batch"], f"{HOME_FILE}: first_batch"),
        direct_total=content["direct_total"],
        by_id={category.id: category for category in categories},
    )


def read_items(
    schemes: Schemes, *, forms: Collection[str], channels: Collection[str], roles: Collection[str]
) -> dict[str, ServiceItem]:
    """All items by id; the home catalogue first, in the order of its categories."""
    home, elsewhere = load(HOME_FILE), load(ELSEWHERE_FILE)
    proposed = tuple(home["proposed_fields"])
    built = [_build(_named(entry, proposed), schemes, HOME_FILE) for entry in home["items"]]
    built += [_build(entry, schemes, HOME_FILE) for entry in _placeholders(home["placeholders"])]
    order = [category.id for category in schemes.categories]
    built.sort(key=lambda item: order.index(item.category) if item.category in order else len(order))
    for entry in elsewhere["items"]:
        built.append(_build(_foreign(entry, elsewhere["default_materials"]), schemes, ELSEWHERE_FILE))
    unique((item.id for item in built), HOME_FILE)
    items = {item.id: item for item in built}
    for item in built:
        check_item(item, schemes, items, forms, channels, roles)
    check_counts(built, schemes)
    return items


def check_counts(items: Iterable[ServiceItem], schemes: Schemes) -> None:
    """The published sums hold, or an error lists every one that does not."""
    counted = [item for item in items if item.counted]
    batch = [item for item in counted if item.batch == "first"]
    per_category = Counter(item.category for item in counted)
    levels, reached = Counter(i.accept_level for i in batch), Counter(i.once_only for i in batch)
    target = schemes.first_batch
    sums = [(f"category {c.id}", per_category[c.id], c.target_count) for c in schemes.categories]
    sums += [
        ("first batch", len(batch), target.total),
        ("first batch accepted by communities", levels["village"], target.village),
        ("first batch accepted by the street", levels["street"], target.street),
        ("first batch once-only before", reached["before"], target.before),
        ("first batch once-only added", reached["added"], target.added),
        ("first batch not yet once-only", reached["not_yet"], target.not_yet),
        ("decided by communities", sum(item.direct for item in counted), schemes.direct_total),
    ]
    if wrong := [f"{what}: {have}, should be {want}" for what, have, want in sums if have != want]:
        raise CatalogueError(f"{HOME_FILE}: " + "; ".join(wrong))


def _named(entry: Mapping[str, Any], proposed: tuple[str, ...]) -> dict[str, Any]:
    doubtful = sorted({*entry.get("illustrative_fields", ()), *proposed})
    return {"subject": "person", "region": HOME_REGION, **entry, "illustrative_fields": doubtful}


def _placeholders(content: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for category, rule in content.items():
        number = 0
        for run in rule["runs"]:
            for _ in range(run["count"]):
                number += 1
                yield _placeholder(category, rule["name"].format(n=number), number, run)


def _placeholder(category: str, name: str, number: int, run: Mapping[str, Any]) -> dict[str, Any]:
    direct = run.get("direct", False)
    return {
        "id": f"{category}_{number:02d}",
        "name": name,
        "name_en": f"{category.replace('_', ' ').capitalize()} item {number:02d}",
        "kind": "filing",
        "subject": "person",
        "category": category,
        "service_type": "review_acceptance",
        "accept_level": run["accept"],
        "decide_level": "village" if direct else "street",
        "direct": direct,
        "channels": _PLACEHOLDER_CHANNELS[run["accept"]],
        "promised_days": 1 if direct else 5,
        "legal_days": 20,
        "batch": run.get("batch"),
        "once_only": run.get("once_only"),
        "materials": [{"id": "id_card", "kind": "id_card", "critical": True, "form": "either", "illustrative": True}],
        "conditions": ["示例事项，办理条件以公布的《服务手册》为准"],
        "steps": _DIRECT_STEPS if direct else _STANDARD_STEPS,
        "fee": "不收费",
        "form": "generic",
        "region": HOME_REGION,
        "placeholder": True,
        "illustrative": True,
    }


def _foreign(entry: Mapping[str, Any], materials: Mapping[str, Any]) -> dict[str, Any]:
    subject = entry["subject"]
    return {
        "form": "enterprise" if subject == "enterprise" else "generic",
        "category": None,
        **entry,
        "materials": [{**material, "illustrative": True} for material in entry.get("materials") or materials[subject]],
        "illustrative_fields": sorted({*entry.get("illustrative_fields", ()), "materials", "modes", "form"}),
    }


def _build(entry: Mapping[str, Any], schemes: Schemes, file: str) -> ServiceItem:
    where = f"{file}: {entry.get('id', '?')}"
    full: dict[str, Any] = {
        "delegable": True,
        "delegation_named": False,
        "direct": False,
        "home_visit": None,
        "promised_days": None,
        "legal_days": None,
        "conditions": (),
        "fee": "",
        "basis": (),
        "outputs": (),
        "paper": None,
        "number_series": None,
        **entry,
    }
    full["materials"] = tuple(_material(e, schemes, where) for e in entry.get("materials", ()))
    full["steps"] = tuple(
        record(Step, {"number": n, **step}, where) for n, step in enumerate(entry.get("steps", ()), start=1)
    )
    full["modes"] = _modes(entry, full["home_visit"], schemes, where)
    return record(ServiceItem, full, where)


def _material(entry: Mapping[str, Any], schemes: Schemes, where: str) -> Material:
    known([entry["kind"]], schemes.material_kinds, f"{where}: materials: {entry['id']}: kind")
    kind = schemes.material_kinds[entry["kind"]]
    base = {"name": kind.name, "copies": 1, "who_issues": kind.who_issues, "reusable": kind.reusable}
    return record(Material, {**base, **entry}, f"{where}: materials: {entry['id']}")


def _modes(entry: Mapping[str, Any], named: bool | None, schemes: Schemes, where: str) -> Modes:
    """Flags set by hand, or what channels and level say; visits always follow the rule of the category."""
    category = entry.get("category")
    visits = named if named is not None else category in schemes.home_visit_categories
    flags = entry.get("modes")
    if flags is None:
        online = not _ONLINE.isdisjoint(entry["channels"])
        return Modes(online, visits, entry["accept_level"] == "village", bool(entry.get("direct")))
    known(flags, ("online", "home_visit", "nearby", "instant"), f"{where}: modes")
    if ("home_visit" in flags) != visits:
        raise CatalogueError(f"{where}: modes: home_visit must be {'set' if visits else 'absent'} as its category says")
    return Modes("online" in flags, visits, "nearby" in flags, "instant" in flags)


def check_item(
    item: ServiceItem,
    schemes: Schemes,
    items: Mapping[str, ServiceItem],
    forms: Collection[str],
    channels: Collection[str],
    roles: Collection[str],
) -> None:
    where = f"service item {item.id}"
    levels = [level.id for level in schemes.levels]
    known([item.category] if item.category else [], schemes.by_id, f"{where}: category")
    known([item.service_type], [t.id for t in schemes.service_types], f"{where}: service_type")
    known([level for level in (item.accept_level, item.decide_level) if level], levels, f"{where}: level")
    known(item.channels, channels, f"{where}: channels")
    known((step.actor for step in item.steps), roles, f"{where}: steps")
    known([item.form], forms, f"{where}: form")
    known([item.same_as] if item.same_as else [], items, f"{where}: same_as")
    unique((material.id for material in item.materials), f"{where}: materials")
    if item.direct and item.decide_level != "village":
        raise CatalogueError(f"{where}: direct means that the community decides, decide_level is {item.decide_level}")
    if not item.materials:
        raise CatalogueError(f"{where}: no materials; at least a proof of identity is needed")
    if item.promised_days and item.legal_days and item.promised_days > item.legal_days:
        raise CatalogueError(f"{where}: promised {item.promised_days} days, but the law allows {item.legal_days}")
