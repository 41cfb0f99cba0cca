"""通办 pages: partners, items, tickets, the terminal and the figures."""

from __future__ import annotations

from flask import Blueprint

bp = Blueprint("exchange", __name__, url_prefix="/exchange")
