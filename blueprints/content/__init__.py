from blueprints.content import office, parcels, views
from blueprints.content.bp import bp

__all__ = ["bp", "office", "parcels", "views"]
