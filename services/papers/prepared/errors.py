"""Why a paper, or one copy of it, takes the ordinary way; no person ever needs to see these."""

from __future__ import annotations


class NotPreparable(Exception):
    """This paper, or this shape of it, cannot be prepared; the text says why, for `papers admit`."""


class TakeOrdinaryWay(Exception):
    """This one copy is laid out in the ordinary way: a shape not yet prepared, or characters that need shaping."""


class NotPreparedYet(TakeOrdinaryWay):
    """Nothing of this shape was printed before; it can be learned from this copy."""
