"""Cases at the counter, in lists, and on the reviewer's desk."""

from flask import Blueprint

from blueprints.content.actions import FEATURE_PAGES

bp = Blueprint("cases", __name__)
FEATURE_PAGES |= {("case", "review"): "cases.materials", ("case", "supplement_needed"): "cases.materials"}
