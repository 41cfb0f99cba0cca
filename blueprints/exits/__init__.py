from blueprints.exits import moves, views
from blueprints.exits.bp import bp

__all__ = ["bp", "moves", "views"]
