"""Addresses whose builders are compiled when a page first points to them.

Werkzeug compiles two functions for every address while the application is made: with a thousand and a half addresses that was nine tenths of
`create_app`, in every process, and a process points to a few dozen of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from werkzeug.routing import Rule


class LateRule(Rule):
    """A rule that is matched like any other and built late."""

    def _compile_builder(self, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        compile_now, name = super()._compile_builder, "_build_unknown" if append_unknown else "_build"

        def first(rule: Rule, /, **values: Any) -> tuple[str, str]:
            # Two threads may both come first; they put the same function in place.
            made = compile_now(append_unknown).__get__(rule, None)
            setattr(rule, name, made)
            return made(**values)

        return first
