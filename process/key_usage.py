"""What a key of a certificate may be used for: an authority signs certificates only, every other key never does."""

from __future__ import annotations

from cryptography import x509


def authority() -> x509.KeyUsage:
    """Signs certificates and lists of revoked ones, nothing else."""
    return _usage(key_cert_sign=True, crl_sign=True)


def server() -> x509.KeyUsage:
    """Signs the greeting of a connection."""
    return _usage(digital_signature=True)


def paper() -> x509.KeyUsage:
    """Signs papers, and stands for what they say."""
    return _usage(digital_signature=True, content_commitment=True)


def _usage(**allowed: bool) -> x509.KeyUsage:
    usual = dict.fromkeys(
        (
            "digital_signature",
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "key_cert_sign",
            "crl_sign",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    return x509.KeyUsage(**usual | allowed)
