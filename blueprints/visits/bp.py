"""上门代办: requests, the leader's day, the form at the door, the result brought home, and the care register."""

from flask import Blueprint

bp = Blueprint("visits", __name__, url_prefix="/visits")
