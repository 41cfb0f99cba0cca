"""办事大厅: the lobby manager's desk, the slip machine, the calling screen, the clerk's strip, booking, and what a hall decides."""

from blueprints.hall import booking, decisions, desk, hours, kiosk, reach, screen, strip, window_rules
from blueprints.hall.bp import bp

__all__ = ["booking", "bp", "decisions", "desk", "hours", "kiosk", "reach", "screen", "strip", "window_rules"]
