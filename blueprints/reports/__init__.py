from blueprints.reports import lights, minutes, views  # noqa: F401  each registers its pages
from blueprints.reports.bp import bp

__all__ = ["bp"]
