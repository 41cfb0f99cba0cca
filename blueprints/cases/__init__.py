from blueprints.cases import checking, counter, owed, papers, views, visit
from blueprints.cases.bp import bp

__all__ = ["bp", "checking", "counter", "owed", "papers", "views", "visit"]
