"""openapi.json speaks of every route and every step; the stories show that the answers are what it says."""

from __future__ import annotations

import re

from flask import Flask

from blueprints.api.openapi import OPERATIONS, api_rules
from process.library import library


def test_every_route_and_method_is_described(api, app: Flask) -> None:
    described = api(None).get("/api/openapi.json")
    assert described["openapi"].startswith("3.1")
    with app.app_context():
        rules = api_rules()
    wanted = {
        (re.sub(r"<(?:[^:<>]*:)?([^<>]+)>", r"{\1}", rule.rule), m.lower())
        for rule in rules
        for m in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert wanted == {(path, method) for path, methods in described["paths"].items() for method in methods}
    assert {rule.endpoint.partition(".")[2] for rule in rules} == set(OPERATIONS), (
        "every operation says what it answers"
    )


def test_every_type_and_step_is_described(api) -> None:
    described = api(None).get("/api/openapi.json")
    steps = described["paths"]["/api/v1/contents/{uid}/actions/{transition}"]["post"]["x-transitions"]
    assert {kind: set(found) for kind, found in steps.items()} == {
        kind.id: set(library.workflows[kind.workflow].transitions) for kind in library.types.values()
    }
    assert {f"New_{kind}" for kind in library.types} <= set(described["components"]["schemas"])


def test_every_reference_leads_somewhere(api) -> None:
    described = api(None).get("/api/openapi.json")
    named = set(re.findall(r"#/components/schemas/(\w+)", str(described)))
    assert named <= set(described["components"]["schemas"])


def test_the_openapi_needs_no_token_and_holds_no_data(api) -> None:
    assert "daiban" in api(None).get("/api/openapi.json")["info"]["title"]
