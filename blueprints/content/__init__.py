from blueprints.content.views import bp

__all__ = ["bp"]
