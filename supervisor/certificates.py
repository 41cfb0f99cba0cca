"""A certificate authority of the house: HTTPS on the street's own server, so that phones can work without a signal.

`bin/certificates daiban.street.local 192.168.1.10` makes what is missing and renews what runs out; nothing else is touched.
"""

from __future__ import annotations

import argparse
import ipaddress
import os
import re
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from config import ROOT
from process import key_usage

# Phones refuse server certificates of a private authority that hold longer.
SERVER_DAYS = 397
AUTHORITY_DAYS = 3650
RENEW_BEFORE = timedelta(days=30)
_NAME = re.compile(r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*", re.I)


class CertificateError(Exception):
    """One line that says what is wrong and what would be right."""


def general_names(names: Sequence[str]) -> list[x509.GeneralName]:
    """What people type into the address line: names and addresses."""
    if not names:
        raise CertificateError("name the server as phones will call it, such as daiban.street.local 192.168.1.10")
    found: list[x509.GeneralName] = []
    for name in dict.fromkeys(names):
        try:
            found.append(x509.IPAddress(ipaddress.ip_address(name)))
        except ValueError as error:
            if not _NAME.fullmatch(name) or re.fullmatch(r"[\d.]+", name):
                raise CertificateError(
                    f"{name!r} is neither a host name nor an address; leave out https:// and the port"
                ) from error
            found.append(x509.DNSName(name.lower()))
    return found


def make(folder: Path, names: Sequence[str], at: datetime | None = None) -> list[str]:
    """Makes or renews authority and server certificate in the folder; answers with what was done, a line each."""
    at, wanted, done = at or datetime.now(UTC), general_names(names), []
    folder.mkdir(parents=True, exist_ok=True)
    authority = _read(folder, "ca")
    if authority is None or not _covers(authority[0], wanted) or authority[0].not_valid_after_utc - at < RENEW_BEFORE:
        if authority is not None:
            done.append("the authority did not cover these names or runs out: phones must trust the new ca.crt again")
        authority = _authority(folder, wanted, at)
        done.append(f"made {folder / 'ca.crt'}: put it on every phone as a trusted authority")
    server = _read(folder, "server")
    held = set(_names_of(server[0])) if server else set()
    if (
        server is None
        or held != set(wanted)
        or server[0].not_valid_after_utc - at < RENEW_BEFORE
        or server[0].issuer != authority[0].subject
        or not _signed_by(server[0], authority[0])
    ):
        _server(folder, authority, wanted, at)
        done.append(f"made {folder / 'server.crt'}, valid for {SERVER_DAYS} days")
    return done or ["everything is there and valid; nothing was changed"]


def _authority(
    folder: Path, wanted: list[x509.GeneralName], at: datetime
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"daiban {at:%Y-%m-%d}")])
    # Whoever stole this key could speak for these names and no other.
    permitted = [
        x509.IPAddress(ipaddress.ip_network(one.value)) if isinstance(one, x509.IPAddress) else one for one in wanted
    ]
    certificate = (
        _blank(name, name, key, at, AUTHORITY_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.NameConstraints(permitted, None), critical=True)
        .add_extension(key_usage.authority(), critical=True)
        .sign(key, hashes.SHA256())
    )
    _write(folder, "ca", certificate, key)
    return certificate, key


def _server(
    folder: Path,
    authority: tuple[x509.Certificate, ec.EllipticCurvePrivateKey],
    wanted: list[x509.GeneralName],
    at: datetime,
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    first = str(wanted[0].value)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, first[:64])])
    certificate = (
        _blank(name, authority[0].subject, key, at, SERVER_DAYS)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(wanted), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(key_usage.server(), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority[1].public_key()), critical=False)
        .sign(authority[1], hashes.SHA256())
    )
    _write(folder, "server", certificate, key)


def _blank(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, at: datetime, days: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        # A phone whose clock is an hour behind trusts it all the same.
        .not_valid_before(at - timedelta(hours=24))
        .not_valid_after(at + timedelta(days=days - 1))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _write(folder: Path, name: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
    """The key first and for this user alone; a certificate never lies there without its key."""
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    for suffix, data, mode in (
        ("key", private, 0o600),
        ("crt", certificate.public_bytes(serialization.Encoding.PEM), 0o644),
    ):
        draft = folder / f".{name}.{suffix}.new"
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, folder / f"{name}.{suffix}")


def _read(folder: Path, name: str) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None:
    paths = [folder / f"{name}.{suffix}" for suffix in ("crt", "key")]
    if not all(path.exists() for path in paths):
        return None
    try:
        certificate = x509.load_pem_x509_certificate(paths[0].read_bytes())
        key = serialization.load_pem_private_key(paths[1].read_bytes(), None)
    except (ValueError, TypeError, OSError) as error:
        raise CertificateError(f"cannot read {paths[0]} or its key; move both away and run this again") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise CertificateError(f"{paths[1]} was not made by this command; move it away and run this again")
    return certificate, key


def _names_of(certificate: x509.Certificate) -> list[x509.GeneralName]:
    return list(certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)


def _covers(authority: x509.Certificate, wanted: list[x509.GeneralName]) -> bool:
    permitted = authority.extensions.get_extension_for_class(x509.NameConstraints).value.permitted_subtrees or []
    held = {str(one.value) for one in permitted}
    return all(
        str(ipaddress.ip_network(one.value) if isinstance(one, x509.IPAddress) else one.value) in held for one in wanted
    )


def _signed_by(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    key = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    named = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    return named == key


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="bin/certificates", description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="+", help="names and addresses by which phones call the server")
    parser.add_argument("--folder", type=Path, help="where to keep them (DAIBAN_VAR/tls)")
    given = parser.parse_args(arguments)
    folder = given.folder or Path(os.path.abspath(ROOT / (os.environ.get("DAIBAN_VAR") or "var"))) / "tls"
    try:
        for line in make(folder, given.names):
            print(f"daiban: {line}")
    except CertificateError as error:
        print(f"daiban: {error}", file=sys.stderr)
        return 1
    print(f"daiban: start with HOST=0.0.0.0 BASE_URL=https://{given.names[0]}:8000 bin/serve")
    if given.folder:
        print(
            f"daiban:   and TLS_CERTIFICATE={folder / 'server.crt'} TLS_KEY={folder / 'server.key'}, not being in its own folder"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
