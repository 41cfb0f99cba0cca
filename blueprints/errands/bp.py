"""The blueprint itself, apart from the views that hang on it."""

from __future__ import annotations

from flask import Blueprint

bp = Blueprint("errands", __name__, url_prefix="/errands")

BOARD_ROLES = frozenset(
    {
        "red_courier",
        "errand_dispatcher",
        "community_clerk",
        "window_clerk",
        "certificate_issuer",
        "supervisor",
        "statistician",
    }
)
POSTING_ROLES = frozenset({"errand_dispatcher", "community_clerk", "window_clerk", "certificate_issuer"})
