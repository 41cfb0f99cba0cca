"""代办 between agencies: lists of tickets, sending, counting, the letter, and where the papers are."""

from flask import Blueprint

from blueprints.content.actions import FEATURE_PAGES

bp = Blueprint("delegations", __name__, url_prefix="/delegations")
FEATURE_PAGES |= {
    ("delegation", "send"): "delegations.send",
    ("delegation", "receive"): "delegations.receive",
    ("delegation", "send_result"): "delegations.send_result",
    ("delegation", "take_over"): "delegations.take_over",
}
