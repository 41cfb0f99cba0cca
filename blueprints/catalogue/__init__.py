from blueprints.catalogue.views import bp

__all__ = ["bp"]
