from blueprints.notices.views import bp

__all__ = ["bp"]
