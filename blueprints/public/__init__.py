from blueprints.public import apply, checking, views
from blueprints.public.bp import bp

__all__ = ["apply", "bp", "checking", "views"]
