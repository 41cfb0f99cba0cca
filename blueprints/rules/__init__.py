from blueprints.rules.views import bp

__all__ = ["bp"]
