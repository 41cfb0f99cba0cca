from blueprints.exchange import figures, items, partners, terminal, tickets
from blueprints.exchange.bp import bp

__all__ = ["bp", "figures", "items", "partners", "terminal", "tickets"]
