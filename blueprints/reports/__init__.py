from blueprints.reports import lights, minutes, trips, views, work_units  # noqa: F401  each registers its pages
from blueprints.reports.bp import bp

__all__ = ["bp"]
