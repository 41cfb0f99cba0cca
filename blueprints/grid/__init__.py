"""网格工作: each page module hangs its doors on the one blueprint."""

from blueprints.grid import coverage, log, members, opinions, registers, rosters, stations
from blueprints.grid.bp import bp

__all__ = ["bp", "coverage", "log", "members", "opinions", "registers", "rosters", "stations"]
