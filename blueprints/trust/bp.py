"""Trust in papers, for the office: the log of the seals, who asked about papers, the keys."""

from __future__ import annotations

from flask import Blueprint

bp = Blueprint("trust", __name__)
