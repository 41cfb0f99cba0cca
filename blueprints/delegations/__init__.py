from blueprints.delegations import hands, links, opening, papers, parts, runs, scanning, views
from blueprints.delegations.bp import bp

__all__ = ["bp", "hands", "links", "opening", "papers", "parts", "runs", "scanning", "views"]
