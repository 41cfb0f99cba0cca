from blueprints.seat import phone, views
from blueprints.seat.bp import bp

__all__ = ["bp", "phone", "views"]
