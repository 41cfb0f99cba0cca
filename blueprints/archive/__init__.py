from blueprints.archive import receipts, views  # noqa: F401  each adds its pages
from blueprints.archive.bp import bp

__all__ = ["bp"]
