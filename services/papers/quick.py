"""Styles of a page looked up in fewer steps, with the same answers.

Most questions of a layout are for a property that is its parent's, the initial one, or named by one rule. WeasyPrint
asks for each whether it might be a variable, a logical side or a calculation. Here the plain case comes first and all
else takes WeasyPrint's own way; a test compares every style of every paper with what WeasyPrint answers by itself.
"""

from __future__ import annotations

import hashlib
import inspect
from functools import cache
from typing import Any

import weasyprint
from weasyprint import css
from weasyprint.css.computed_values import COMPUTER_FUNCTIONS, PHYSICAL_FUNCTIONS
from weasyprint.css.functions import check_math
from weasyprint.css.properties import INHERITED, INITIAL_NOT_COMPUTED, INITIAL_VALUES, Dimension
from weasyprint.layout import percent

# As in dense.py: another edition goes its own way until somebody has looked.
KNOWN = {"70.0": "be6f761f"}
# Their values depend on one another, or on more than parent and rule.
_OWN_WAY = frozenset({"float", "display", "position", "page"})
# WeasyPrint's own look-ups, taken before anything is hooked in.
ORIGINAL = css.ComputedStyle.__missing__, percent.resolve_one_percentage
_NO_FUNCTION = frozenset({str, int, float, type(None), Dimension})


def fingerprint() -> str:
    """What this relies on, as a short hash of its source."""
    seen = (css.ComputedStyle, check_math, percent.percentage, percent.resolve_one_percentage)
    return hashlib.sha256("".join(inspect.getsource(one) for one in seen).encode()).hexdigest()[:8]


@cache
def install() -> bool:
    """Hook in once per process; False, and everything as WeasyPrint does it, if this is another edition."""
    if KNOWN.get(weasyprint.__version__) != fingerprint():
        return False
    css.ComputedStyle.__missing__ = _looked_up(ORIGINAL[0])
    percent.resolve_one_percentage = _resolved(percent.percentage)
    return True


def _plain() -> dict[str, tuple[bool, bool, tuple[str, ...]]]:
    """Each ordinary property: whether it is inherited, whether its initial value is final, its logical names."""
    return {
        key: (
            key in INHERITED,
            key not in INITIAL_NOT_COMPUTED,
            tuple({PHYSICAL_FUNCTIONS[key](block="ttb", inline=way) for way in ("ltr", "rtl")})
            if key in PHYSICAL_FUNCTIONS
            else (),
        )
        for key, value in INITIAL_VALUES.items()
        if key not in _OWN_WAY and not key.startswith(("__", "text_decoration_")) and not check_math(value)
    }


def _looked_up(original: Any) -> Any:
    plain = _plain()

    def missing(self: Any, key: str) -> Any:
        parent, cascaded = self.parent_style, self.cascaded
        told = plain.get(key)
        if told is None or parent is None:
            return original(self, key)
        inherited, final, logical = told
        for name in logical:
            if name in cascaded:
                return original(self, key)
        if key in cascaded:
            value = cascaded[key][0]
            # "inherit" and "initial" are words, and so may be a value; both need a closer look.
            if type(value) not in _NO_FUNCTION or value == "inherit" or value == "initial":
                return original(self, key)
        elif inherited:
            value = parent[key]
            if type(value) not in _NO_FUNCTION and check_math(value):
                return original(self, key)
            self[key] = value
            return value
        else:
            value = INITIAL_VALUES[key]
            if final:
                self[key] = value
                return value
        if key in COMPUTER_FUNCTIONS:
            value = COMPUTER_FUNCTIONS[key](self, key, value)
        self[key] = value
        return value

    return missing


def _resolved(percentage: Any) -> Any:
    def resolve_one_percentage(box: Any, property_name: str, refer_to: Any) -> None:
        style = box.style
        value = style[property_name]
        if type(value) is Dimension:
            used = refer_to * value.value / 100 if value.unit == "%" else value.value
        else:
            used = percentage(value, style, refer_to)
            if used == "auto" and property_name in ("min_width", "min_height"):
                used = 0
        setattr(box, property_name, used)

    return resolve_one_percentage
