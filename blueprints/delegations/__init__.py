from blueprints.delegations import links, opening, papers, runs, scanning, views
from blueprints.delegations.bp import bp

__all__ = ["bp", "links", "opening", "papers", "runs", "scanning", "views"]
