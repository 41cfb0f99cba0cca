"""机构和网格: the tree, a place, the register of grids, the inbox of a unit."""

from blueprints.places import positions, settings
from blueprints.places.views import bp

__all__ = ["bp", "positions", "settings"]
