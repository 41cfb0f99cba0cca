"""Names in the definitions and names in Python are the same names: nothing unknown, nothing unused."""

from __future__ import annotations

from pathlib import Path

import yaml
from flask import Flask

from catalogue import loader as catalogue
from process import registry
from process.library import library
from services import handbook, item_sheets, papers_out, point_paper
from services.files import PURPOSES

ROOT = Path(__file__).resolve().parents[2]


def _named(kind: str) -> set[str]:
    return {
        name
        for definition in library.workflows.values()
        for t in definition.transitions.values()
        for name in getattr(t, kind)
    }


def test_requirements_and_effects(app: Flask) -> None:
    assert _named("requires") == set(registry.requirements), _named("requires") ^ set(registry.requirements)
    assert _named("effects") == set(registry.effects), _named("effects") ^ set(registry.effects)


def test_predicates_and_durations(app: Flask) -> None:
    predicates = {
        name for d in library.workflows.values() for t in d.transitions.values() for name in t.guard.predicates
    }
    predicates |= {
        name for d in library.workflows.values() for w in d.worklists.values() for name in w.guard.predicates
    }
    assert predicates == set(registry.predicates)
    assert {c.duration for d in library.workflows.values() for c in d.clocks.values() if c.duration} == set(
        registry.durations
    )


def test_every_type_that_may_be_created_can_be(app: Flask) -> None:
    # Types without Python are made by services/generic.py; one that has a creator of its own all the same may be.
    made = {kind.id for kind in library.types.values() if kind.create}
    wanted = {kind for kind in made if not library.types[kind].generic}
    assert wanted - {"service_item"} <= set(registry.creators) <= made | {"service_item"}


def test_every_workflow_has_a_type(app: Flask) -> None:
    assert set(library.workflows) == {kind.workflow for kind in library.types.values()}


def test_papers(app: Flask) -> None:
    """Every paper a definition names has a folder, and every folder is a paper that something makes."""
    folders = {path.parent.name for path in (ROOT / "pdf_templates").glob("*/paper.yaml")}
    named = _named("papers") | {p for kind in library.types.values() for p in kind.papers}
    outputs = {o for item in catalogue.items().values() for o in ([item.paper] if getattr(item, "paper", None) else [])}
    assert named <= folders, f"without a folder: {named - folders}"
    # Of an item, of the whole catalogue or of a shelf, not of somebody's matter: drawn from what is published or lies there.
    published = {*item_sheets.SHEETS, handbook.PAPER, point_paper.PAPER}
    made = papers_out.known_papers() | published
    assert folders == made, folders ^ made
    used_in_code = {
        f
        for f in folders
        if any(f'"{f}"' in path.read_text(encoding="utf-8") for path in (ROOT / "services").rglob("*.py"))
    }
    assert not folders - named - outputs - used_in_code, f"nothing makes: {folders - named - outputs - used_in_code}"


def test_states_and_steps_are_known_to_the_policy_of_places(app: Flask) -> None:
    """What places grant (policy.yaml) are permissions that some definition asks for."""
    asked = {p for d in library.workflows.values() for p in d.permissions}
    assert set(library.policy) <= asked


def test_titles_are_there_in_both_languages(app: Flask) -> None:
    for definition in library.workflows.values():
        for part in (
            *definition.states.values(),
            *definition.transitions.values(),
            *definition.worklists.values(),
            definition,
        ):
            assert part.title.zh.strip() and part.title.en.strip(), f"{definition.id}: {part}"
            assert part.title.zh != part.title.en


def test_purposes_of_files() -> None:
    assert len(set(PURPOSES)) == len(PURPOSES)


def test_roles_of_the_definitions_are_roles_of_the_catalogue(app: Flask) -> None:
    """A role nobody can hold would be a step nobody can take."""
    special = {"owner", "assignee", "applicant", "anyone"}
    named = set()
    for path in (ROOT / "process" / "workflows").glob("*.yaml"):
        body = yaml.safe_load(path.read_text(encoding="utf-8"))
        for transition in body["transitions"].values():
            named |= {r.partition("@")[0] for r in (transition.get("guard") or {}).get("roles") or ()}
    assert named - special <= set(catalogue.roles())
