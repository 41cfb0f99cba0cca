from blueprints.delegations import hands, how, links, opening, papers, parts, runs, scanning, views
from blueprints.delegations.bp import bp

__all__ = ["bp", "hands", "how", "links", "opening", "papers", "parts", "runs", "scanning", "views"]
