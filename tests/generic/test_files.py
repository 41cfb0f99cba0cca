"""Two files that are wrong: the start is refused in one line that says which key and what would be right."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from app import create_app
from config import ConfigError, Settings
from process.library import library
from tests import conftest as common
from tests.generic import two_files
from tests.generic.two_files import TYPE, WORKFLOW


@pytest.mark.parametrize(
    ("in_type", "in_workflow", "says"),
    [
        (("kind: address", "kind: adress"), None, "fields.spot.kind: unknown kind 'adress' (one of text, longtext"),
        (("  spot:", "  state:"), None, "fields.state: every thing has something of this name (another name)"),
        (("  spot:", "  data:"), None, "fields.data: every thing has something of this name"),
        (("  spot:", "  Spot:"), None, "fields.Spot: is no field name (small letters"),
        (
            ("addressee: {kind: agency", "addressee: {kind: text"),
            None,
            "fields.addressee.kind: 'addressee' cannot be a text (agency)",
        ),
        (("group: field", "group: fields"), None, "group: unknown group 'fields' (one of intake"),
        (("illustrative: true", "illustrative: maybe"), None, "illustrative: must be true or false"),
        (("notes: 修", "notes: {a: 修"), None, "is not readable YAML"),
        (("workflow: repair_request", "workflow: repairs"), None, "workflow: unknown workflow 'repairs'"),
        (("id: repair_request", "id: ../x"), None, "id: '../x' is no id"),
        (("id: repair_request", "id: case"), None, "id: 'case' is already taken by another file"),
        (("icon: alert", "colour: red"), None, "colour: unknown key (one of"),
        (("create: [community_clerk", "create: [community_clerc"), None, "create: unknown role 'community_clerc'"),
        (
            ("number: {prefix", "kind: thing\nnumber: {prefix"),
            None,
            "kind: unknown kind 'thing' (one of case, certificate, content",
        ),
        (("    options: {lamp", "    colours: {lamp"), None, "fields.facility.colours: unknown key"),
        (
            ("{kind: date, title: {zh: 发现日期, en: Found on}, column: true}", "{kind: date}"),
            None,
            "fields.found_on.title: a title needs both",
        ),
        (None, ("to: repairing", "to: repaiering"), "transitions.take.to: unknown state 'repaiering'"),
        (None, ("effects: [keep_inputs]", "effects: [keep_input]"), "unknown effect 'keep_input'"),
    ],
)
def test_a_wrong_file_stops_the_start(
    tmp_path: Path, installed: Path, in_type: tuple[str, str] | None, in_workflow: tuple[str, str] | None, says: str
) -> None:
    before = dict(library.types)
    folder = two_files.write(
        tmp_path / "processes",
        type_text=TYPE.replace(*in_type, 1) if in_type else TYPE,
        workflow_text=WORKFLOW.replace(*in_workflow, 1) if in_workflow else WORKFLOW,
    )
    shutil.copy(installed, tmp_path / "daiban.db")
    with pytest.raises(ConfigError) as refused:
        create_app(Settings(**{**vars(common.settings(tmp_path)), "processes": folder}))
    told = str(refused.value)
    assert told.startswith("DAIBAN_PROCESSES: repair_request.yaml: ") and says in told, told
    assert "\n" not in told
    assert library.types == before, "the running definitions stay in force"
