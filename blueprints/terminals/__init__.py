from blueprints.terminals import keeping, machine
from blueprints.terminals.bp import bp

__all__ = ["bp", "keeping", "machine"]
