from blueprints.cases import checking, counter, papers, views
from blueprints.cases.bp import bp

__all__ = ["bp", "checking", "counter", "papers", "views"]
