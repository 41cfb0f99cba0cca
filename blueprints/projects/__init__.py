"""投资项目: list, project page, load, joint meetings, charts and the towns' six rules."""

from blueprints.projects import acts, charts, lists, meetings, page, rules
from blueprints.projects.bp import bp

__all__ = ["acts", "bp", "charts", "lists", "meetings", "page", "rules"]
