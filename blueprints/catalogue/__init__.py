from blueprints.catalogue import assist, authority, channels, places, views  # noqa: F401  each registers its pages
from blueprints.catalogue.bp import bp

__all__ = ["bp"]
