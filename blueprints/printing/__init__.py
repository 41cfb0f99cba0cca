from blueprints.printing import blanks, printers, requests, views  # noqa: F401  each adds its pages
from blueprints.printing.bp import bp

__all__ = ["bp"]
