"""The signature inside a PDF (CMS, RFC 5652, profile PAdES B-B) written byte by byte: only two values change per paper."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding

_SEQUENCE, _SET, _INTEGER, _OCTETS, _OID, _NULL = 0x30, 0x31, 0x02, 0x04, 0x06, b"\x05\x00"


def _der(tag: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    size = len(body)
    if size < 0x80:
        return bytes((tag, size)) + body
    length = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes((tag, 0x80 | len(length))) + length + body


def _oid(dotted: str) -> bytes:
    first, second, *rest = map(int, dotted.split("."))
    body = bytearray((first * 40 + second,))
    for number in rest:
        groups = [number & 0x7F]
        while number := number >> 7:
            groups.append(0x80 | number & 0x7F)
        body += bytes(reversed(groups))
    return _der(_OID, bytes(body))


_DATA, _SIGNED_DATA = _oid("1.2.840.113549.1.7.1"), _oid("1.2.840.113549.1.7.2")
_CONTENT_TYPE, _MESSAGE_DIGEST = _oid("1.2.840.113549.1.9.3"), _oid("1.2.840.113549.1.9.4")
_SIGNING_CERTIFICATE = _oid("1.2.840.113549.1.9.16.2.47")
_SHA256 = _der(_SEQUENCE, _oid("2.16.840.1.101.3.4.2.1"), _NULL)
_RSA = _der(_SEQUENCE, _oid("1.2.840.113549.1.1.1"), _NULL)


@dataclass(frozen=True)
class Template:
    """Everything about a signer that is the same for each paper. RSA only, so that every signature is as long as the next."""

    key: rsa.RSAPrivateKey
    size: int
    _before: bytes
    _attributes: tuple[bytes, bytes]
    _between: bytes

    def signed(self, digest: bytes) -> bytes:
        """The CMS over the bytes that have this SHA-256."""
        attributes = self._attributes[0] + digest + self._attributes[1]
        signature = self.key.sign(_der(_SET, attributes), padding.PKCS1v15(), hashes.SHA256())
        return self._before + attributes + self._between + signature


def template(key: rsa.RSAPrivateKey, chain: list[x509.Certificate]) -> Template:
    """For the owner of this key; `chain` begins with the signer's own certificate."""
    own = chain[0]
    certificates = [one.public_bytes(Encoding.DER) for one in chain]
    hash_of_own = _der(_SEQUENCE, _der(_OCTETS, hashlib.sha256(certificates[0]).digest()))
    mark = b"\0" * 32
    attributes = sorted(
        (
            _der(_SEQUENCE, _CONTENT_TYPE, _der(_SET, _DATA)),
            _der(_SEQUENCE, _MESSAGE_DIGEST, _der(_SET, _der(_OCTETS, mark))),
            _der(_SEQUENCE, _SIGNING_CERTIFICATE, _der(_SET, _der(_SEQUENCE, _der(_SEQUENCE, hash_of_own)))),
        )
    )
    together = b"".join(attributes)
    at = together.index(_der(_OCTETS, mark)) + 2
    serial = own.serial_number
    issuer = _der(_SEQUENCE, own.issuer.public_bytes(), _der(_INTEGER, serial.to_bytes(serial.bit_length() // 8 + 1)))
    signature = b"\0" * ((key.key_size + 7) // 8)
    signer = _der(
        _SEQUENCE,
        _der(_INTEGER, b"\1"),
        issuer,
        _SHA256,
        _der(0xA0, together),
        _RSA,
        _der(_OCTETS, signature),
    )
    whole = _der(
        _SEQUENCE,
        _SIGNED_DATA,
        _der(
            0xA0,
            _der(
                _SEQUENCE,
                _der(_INTEGER, b"\1"),
                _der(_SET, _SHA256),
                _der(_SEQUENCE, _DATA),
                _der(0xA0, *certificates),
                _der(_SET, signer),
            ),
        ),
    )
    start = whole.rindex(together)
    end = start + len(together)
    between = whole[end : len(whole) - len(signature)]
    return Template(key, len(whole), whole[:start], (together[:at], together[at + 32 :]), between)


# --- Reading what somebody else signed


class BadSignature(ValueError):
    """What was handed over is no signature of these bytes."""


def _parts(body: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Tag, value and the whole of each element in a row."""
    at = 0
    while at < len(body):
        if len(body) - at < 2:
            raise BadSignature("cut short")
        tag, size, head = body[at], body[at + 1], at + 2
        if size & 0x80:
            count = size & 0x7F
            if not 1 <= count <= 4:
                raise BadSignature("a length that DER does not know")
            size, head = int.from_bytes(body[head : head + count]), head + count
        if head + size > len(body):
            raise BadSignature("cut short")
        yield tag, body[head : head + size], body[at : head + size]
        at = head + size


def check(signature: bytes, digest: bytes) -> x509.Certificate:
    """The certificate of whoever signed this digest; whether that signer may is another question."""
    try:
        (_, outer, _), *_rest = _parts(signature)
        (_, kind, _), (_, wrapped, _) = _parts(outer)
        if _der(_OID, kind) != _SIGNED_DATA:
            raise BadSignature("not a signature")
        fields = list(_parts(next(_parts(wrapped))[1]))
        certificates = [
            x509.load_der_x509_certificate(one) for tag, held, _ in fields if tag == 0xA0 for _, _, one in _parts(held)
        ]
        signer = list(_parts(next(_parts(fields[-1][1]))[1]))
        attributes = next(held for tag, held, _ in signer if tag == 0xA0)
        value = next(held for tag, held, _ in reversed(signer) if tag == _OCTETS)
        wanted = signer[1][2]
        own = next(c for c in certificates if _named(c) == wanted)
        said = {attribute: held for attribute, held in map(_attribute, _parts(attributes))}
        if said.get(_MESSAGE_DIGEST) != _der(_OCTETS, digest):
            raise BadSignature("signed something else")
        _verify(own, value, _der(_SET, attributes))
    except (StopIteration, ValueError, IndexError, InvalidSignature) as error:
        raise error if isinstance(error, BadSignature) else BadSignature(str(error) or type(error).__name__) from error
    return own


def _attribute(part: tuple[int, bytes, bytes]) -> tuple[bytes, bytes]:
    (_, _, name), (_, values, _) = _parts(part[1])
    return name, values


def _named(certificate: x509.Certificate) -> bytes:
    serial = certificate.serial_number
    number = _der(_INTEGER, serial.to_bytes(serial.bit_length() // 8 + 1))
    return _der(_SEQUENCE, certificate.issuer.public_bytes(), number)


def _verify(certificate: x509.Certificate, signature: bytes, signed: bytes) -> None:
    public = certificate.public_key()
    if isinstance(public, rsa.RSAPublicKey):
        public.verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())
    elif isinstance(public, ec.EllipticCurvePublicKey):
        public.verify(signature, signed, ec.ECDSA(hashes.SHA256()))
    else:
        raise BadSignature("a kind of key that is not known here")
