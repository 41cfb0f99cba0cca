from blueprints.visits import answers, care, counts, door, reading, route, slot, views
from blueprints.visits.bp import bp

__all__ = ["answers", "bp", "care", "counts", "door", "reading", "route", "slot", "views"]
