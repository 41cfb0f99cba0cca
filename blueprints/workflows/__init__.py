from blueprints.workflows.views import bp

__all__ = ["bp"]
