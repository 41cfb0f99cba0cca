"""An office that has been open for some weeks, told through the ordinary services: the same story from the same seed."""

from services.demo.load import load

__all__ = ["load"]
