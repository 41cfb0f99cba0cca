"""代办 between agencies: lists of tickets, sending, counting, the letter, and where the papers are."""

from flask import Blueprint

bp = Blueprint("delegations", __name__, url_prefix="/delegations")
