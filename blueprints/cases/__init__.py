from blueprints.cases import checking, commitments, counter, owed, papers, payments, views, visit
from blueprints.cases.bp import bp

__all__ = ["bp", "checking", "commitments", "counter", "owed", "papers", "payments", "views", "visit"]
