"""The doors beside the lists."""

from flask import Blueprint

bp = Blueprint("lists", __name__, url_prefix="/lists")
