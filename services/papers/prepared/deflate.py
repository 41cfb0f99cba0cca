"""Compressed pieces that can be strung together: what never changes is compressed once, not once per paper."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from typing import NamedTuple

_HEAD = b"\x78\xda"
_LAST = b"\x03\x00"
_STORED = struct.Struct("<BHH")
_MODULUS = 65521
_LONGEST = 0xFFFF


class Piece(NamedTuple):
    """Part of a zlib stream that refers to nothing before it, and what its bytes add to the checksum."""

    packed: bytes
    size: int
    low: int
    high: int


def squeezed(raw: bytes) -> Piece:
    """As small as zlib makes it; for what is used again and again."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(raw) + packer.flush(zlib.Z_FULL_FLUSH)
    if len(packed) >= len(raw) + 5:
        return plain(raw)
    return _piece(packed, raw)


def plain(raw: bytes) -> Piece:
    """As it is; for the few bytes that are new in every paper."""
    if len(raw) <= _LONGEST:
        return _piece(_STORED.pack(0, len(raw), len(raw) ^ _LONGEST) + raw, raw)
    parts = (raw[at : at + _LONGEST] for at in range(0, len(raw), _LONGEST))
    packed = b"".join(_STORED.pack(0, len(part), len(part) ^ _LONGEST) + part for part in parts)
    return _piece(packed, raw)


def _piece(packed: bytes, raw: bytes) -> Piece:
    check = zlib.adler32(raw)
    return Piece(packed, len(raw), check & 0xFFFF, check >> 16)


def joined(pieces: Iterable[Piece]) -> bytes:
    """One zlib stream of all these pieces in order."""
    low, high = 1, 0
    out = [_HEAD]
    for packed, size, piece_low, piece_high in pieces:
        out.append(packed)
        high += piece_high + size * (low - 1)
        low += piece_low - 1
    out.append(_LAST)
    out.append(struct.pack(">I", (high % _MODULUS) << 16 | low % _MODULUS))
    return b"".join(out)
