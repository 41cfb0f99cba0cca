"""The blueprint of the catalogue, apart from its pages, so that they can be written in several files."""

from __future__ import annotations

from flask import Blueprint

bp = Blueprint("catalogue", __name__, url_prefix="/items")
