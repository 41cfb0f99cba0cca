from blueprints.certificates.views import bp

__all__ = ["bp"]
