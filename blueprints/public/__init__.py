from blueprints.public import apply, views
from blueprints.public.bp import bp

__all__ = ["apply", "bp", "views"]
