"""How the installation is, for administrators and their monitoring. Public: no personal data, no addresses."""

from flask import Blueprint

bp = Blueprint("health", __name__)

from blueprints.health import metrics, views  # noqa: E402  the views hang themselves on bp

__all__ = ["bp", "metrics", "views"]
