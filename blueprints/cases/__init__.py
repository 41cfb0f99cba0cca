from blueprints.cases import checking, commitments, counter, owed, papers, payments, together, views, visit
from blueprints.cases.bp import bp

__all__ = ["bp", "checking", "commitments", "counter", "owed", "papers", "payments", "together", "views", "visit"]
