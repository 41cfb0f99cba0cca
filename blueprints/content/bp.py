"""The blueprint of the page of one thing; its views are in the modules beside."""

from __future__ import annotations

from flask import Blueprint

bp = Blueprint("content", __name__, url_prefix="/c")
