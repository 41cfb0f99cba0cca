"""What stands signed in the square code of a paper, so that it can be checked where there is no network.

COSE_Sign1 (RFC 9052) with ES256 over a small CBOR map. The secret code of the paper is not repeated: it is signed along as
external data, so a claim fits only the address it was made for. The bytes travel as decimal digits, because a square code
packs digits at ten bits for three: the same claim in base64 would need half as many dots again.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from datetime import date, timedelta

import cbor2
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from services.trust import keystore
from services.trust.keystore import Key

# Labels of the map: small numbers, as in a CBOR Web Token, because each byte is a row of dots.
KIND, NUMBER, DATE, NAME, AGENCY, UNTIL = 1, 2, 3, 4, 5, 6
_ALGORITHM, _KEY_ID, _ES256 = 1, 4, -7
_DAY_ONE = date(1970, 1, 1)
_HALF = 32
LONGEST = 1200
# Longer titles and names of offices are cut in the claim, never on the paper: the code must stay small enough for a card.
LONGEST_TEXT = 20


class NoClaim(ValueError):
    """These digits are no claim of this office, or not for this code."""


@dataclass(frozen=True)
class Facts:
    """What a stranger may learn from the paper in his hand."""

    kind: str
    number: str
    day: date
    name: str
    agency: str
    until: date | None = None


def write(code: str, facts: Facts, key: Key | None = None) -> str:
    """The digits that follow # in the address; the same facts and key give the same digits."""
    key = key or keystore.ring().current(keystore.CLAIM)
    payload = _payload(facts)
    protected = _protected(key.id)
    signature = key.ec_key.sign(
        _to_sign(protected, code, payload), ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
    )
    r, s = decode_dss_signature(signature)
    raw = r.to_bytes(_HALF) + s.to_bytes(_HALF)
    # A leading 1 keeps zeros at the front.
    return str(int.from_bytes(b"\1" + cbor2.dumps([protected, {}, payload, raw])))


def read(code: str, digits: str) -> tuple[Facts, Key]:
    """The facts and the key that signed them; whether the paper was voided since only the check page knows."""
    if not digits.isascii() or not digits.isdecimal() or len(digits) > LONGEST:
        raise NoClaim("not digits")
    number = int(digits)
    raw = number.to_bytes((number.bit_length() + 7) // 8)
    if raw[:1] != b"\1":
        raise NoClaim("cut short")
    try:
        protected, _, payload, signature = cbor2.loads(raw[1:])
        header, held = cbor2.loads(protected), cbor2.loads(payload)
        key = keystore.ring().claim_key(header[_KEY_ID].hex())
        if header[_ALGORITHM] != _ES256 or key is None or len(signature) != 2 * _HALF:
            raise NoClaim("an unknown key")
        der = encode_dss_signature(int.from_bytes(signature[:_HALF]), int.from_bytes(signature[_HALF:]))
        key.public_point.verify(der, _to_sign(protected, code, payload), ec.ECDSA(hashes.SHA256()))
        until = held.get(UNTIL)
        facts = Facts(
            held[KIND], held[NUMBER], _day(held[DATE]), held[NAME], held[AGENCY], None if until is None else _day(until)
        )
    except InvalidSignature as error:
        raise NoClaim("the signature does not fit") from error
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, EOFError, cbor2.CBORError) as error:
        raise error if isinstance(error, NoClaim) else NoClaim(type(error).__name__) from error
    return facts, key


def _payload(facts: Facts) -> bytes:
    held: dict[int, str | int] = {
        KIND: facts.kind[:LONGEST_TEXT],
        NUMBER: facts.number,
        DATE: (facts.day - _DAY_ONE).days,
        NAME: facts.name[:LONGEST_TEXT],
        AGENCY: facts.agency[:LONGEST_TEXT],
    }
    if facts.until is not None:
        held[UNTIL] = (facts.until - _DAY_ONE).days
    return cbor2.dumps(held)


def _day(number: int) -> date:
    return _DAY_ONE + timedelta(days=number)


@functools.cache
def _protected(key_id: str) -> bytes:
    return cbor2.dumps({_ALGORITHM: _ES256, _KEY_ID: bytes.fromhex(key_id)})


def _to_sign(protected: bytes, code: str, payload: bytes) -> bytes:
    return cbor2.dumps(["Signature1", protected, code.encode(), payload])


# --- Public keys for whoever checks


def _coordinates(key: Key) -> tuple[bytes, bytes]:
    numbers = key.public_point.public_numbers()
    return numbers.x.to_bytes(_HALF), numbers.y.to_bytes(_HALF)


def jwks() -> list[dict[str, object]]:
    """The public halves as JSON Web Keys, those of replaced and withdrawn keys too."""
    from base64 import urlsafe_b64encode

    def text(raw: bytes) -> str:
        return urlsafe_b64encode(raw).rstrip(b"=").decode()

    return [
        {
            "kty": "EC",
            "crv": "P-256",
            "alg": "ES256",
            "use": "sig",
            "kid": key.id,
            "x": text(_coordinates(key)[0]),
            "y": text(_coordinates(key)[1]),
            "since": key.since.isoformat(),
            "ended": key.ended.isoformat() if key.ended else None,
            "revoked": key.revoked.isoformat() if key.revoked else None,
        }
        for key in keystore.ring().keys
        if key.use == keystore.CLAIM
    ]


def cose_keys() -> bytes:
    """The same as a COSE_KeySet: kty EC2, kid, alg ES256, P-256, x, y."""
    return cbor2.dumps(
        [
            {1: 2, 2: bytes.fromhex(key.id), 3: _ES256, -1: 1, -2: _coordinates(key)[0], -3: _coordinates(key)[1]}
            for key in keystore.ring().keys
            if key.use == keystore.CLAIM and key.revoked is None
        ]
    )
