from blueprints.visits import answers, care, door, views
from blueprints.visits.bp import bp

__all__ = ["answers", "bp", "care", "door", "views"]
