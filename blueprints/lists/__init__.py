"""What every list can do: filters by name, many at once, paper, Excel, and the search that finds it all."""

from blueprints.lists import bulk, filters, finding, imports, readings, taking, tools  # noqa: F401  registers the routes
from blueprints.lists.bp import bp

__all__ = ["bp"]
