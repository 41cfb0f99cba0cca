"""Rights as people see them: who holds what, who stands in for whom, who may see a thing and who looked at it."""

from flask import Blueprint

bp = Blueprint("access", __name__)

from blueprints.access import grants, personal, substitution, why  # noqa: E402  the views hang themselves on bp

__all__ = ["bp", "grants", "personal", "substitution", "why"]
