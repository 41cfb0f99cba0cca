from blueprints.visits import care, door, views
from blueprints.visits.bp import bp

__all__ = ["bp", "care", "door", "views"]
