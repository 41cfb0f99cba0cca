from blueprints.desk import palm
from blueprints.desk.views import bp

__all__ = ["bp", "palm"]
