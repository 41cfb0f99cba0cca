from blueprints.delegations import opening, papers, views
from blueprints.delegations.bp import bp

__all__ = ["bp", "opening", "papers", "views"]
