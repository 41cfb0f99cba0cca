"""通办: two installations exchange tickets by signed letters. Importing this registers its requirements, effects and listeners."""

from services.exchange import arriving, items, printing, tickets

__all__ = ["arriving", "items", "printing", "tickets"]
