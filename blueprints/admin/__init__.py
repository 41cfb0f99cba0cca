from blueprints.admin import letters
from blueprints.admin.views import bp

__all__ = ["bp", "letters"]
