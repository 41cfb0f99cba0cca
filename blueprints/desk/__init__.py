from blueprints.desk.views import bp

__all__ = ["bp"]
