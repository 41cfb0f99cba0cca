from blueprints.content import office, views
from blueprints.content.bp import bp

__all__ = ["bp", "office", "views"]
