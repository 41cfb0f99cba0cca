from blueprints.cases import checking, counter, views
from blueprints.cases.bp import bp

__all__ = ["bp", "checking", "counter", "views"]
