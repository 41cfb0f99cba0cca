"""上门代办: requests, the leader's day, the form at the door, the result brought home, and the care register."""

from flask import Blueprint

from blueprints.content.actions import FEATURE_PAGES

bp = Blueprint("visits", __name__, url_prefix="/visits")
FEATURE_PAGES |= {("home_visit", "collect"): "visits.door", ("home_visit", "deliver"): "visits.deliver"}
