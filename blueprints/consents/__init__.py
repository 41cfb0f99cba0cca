from blueprints.consents.views import bp

__all__ = ["bp"]
