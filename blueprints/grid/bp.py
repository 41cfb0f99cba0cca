"""网格工作: members and their duties, the log, buildings and coverage, joint stations, rosters, training, points of service."""

from flask import Blueprint

bp = Blueprint("grid", __name__, url_prefix="/grid")
