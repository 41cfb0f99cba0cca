"""Pages per feature. The list below is every door of the application."""

from __future__ import annotations

import importlib

from flask import Flask

FEATURES = (
    "auth",
    "desk",
    "content",
    "cases",
    "one_things",
    "certificates",
    "exits",
    "seat",
    "consents",
    "printing",
    "archive",
    "trust",
    "delegations",
    "visits",
    "errands",
    "field",
    "places",
    "hall",
    "terminals",
    "grid",
    "catalogue",
    "projects",
    "work_units",
    "reports",
    "generic",
    "workflows",
    "rules",
    "paper_rules",
    "paper_versions",
    "public",
    "access",
    "admin",
    "calendar",
    "notices",
    "messages",
    "exchange",
    "letterbox",
    "lists",
    "health",
    "api",
)


def register(app: Flask) -> None:
    for name in FEATURES:
        app.register_blueprint(importlib.import_module(f"blueprints.{name}").bp)
