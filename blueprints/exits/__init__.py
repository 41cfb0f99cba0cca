from blueprints.exits import cabinet, moves, views
from blueprints.exits.bp import bp

__all__ = ["bp", "cabinet", "moves", "views"]
