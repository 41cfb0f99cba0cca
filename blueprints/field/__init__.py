from blueprints.field import api, devices, pages
from blueprints.field.bp import bp

__all__ = ["api", "bp", "devices", "pages"]
