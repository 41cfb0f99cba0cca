"""红色代办: the board, the courier's phone, posting and the register of couriers."""

from blueprints.content.actions import FEATURE_PAGES
from blueprints.errands import board, couriers, points, register, steps, tours
from blueprints.errands.bp import bp

FEATURE_PAGES.update({("errand", step): f"errands.{step}" for step in steps.PAGES})

__all__ = ["board", "bp", "couriers", "points", "register", "steps", "tours"]
