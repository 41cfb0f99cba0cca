from blueprints.certificates import afterwards  # noqa: F401  adds its pages
from blueprints.certificates.views import bp

__all__ = ["bp"]
