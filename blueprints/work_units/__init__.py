"""单位网上业务: the pages of a unit's person in charge, of its operators, and of the office that registers it."""

from blueprints.work_units import registering, views  # noqa: F401  their routes belong to the blueprint
from blueprints.work_units.bp import bp

__all__ = ["bp"]
