from blueprints.trust import figures, keys, seals
from blueprints.trust.bp import bp

__all__ = ["bp", "figures", "keys", "seals"]
