from blueprints.generic.views import bp

__all__ = ["bp"]
