"""一件事: one need filed once, over several departments."""

from blueprints.one_things import figures, themes, views  # noqa: F401
from blueprints.one_things.bp import bp as bp
