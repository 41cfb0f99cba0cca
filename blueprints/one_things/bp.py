"""一件事: themes, one filing, the page of a bundle with its branches, and what it spares."""

from flask import Blueprint

bp = Blueprint("one_things", __name__, url_prefix="/one-things")
