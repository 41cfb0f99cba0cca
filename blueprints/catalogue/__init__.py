from blueprints.catalogue import assist, authority, channels, handbook, mismatch, places, publicity, views  # noqa: F401  each registers its pages
from blueprints.catalogue.bp import bp

__all__ = ["bp"]
