"""Trust in papers: the keys, the signature, the claim in the square code, the check page, the seals and their log."""

from __future__ import annotations

from config import Settings


def configure(settings: Settings) -> None:
    """Names the key file and who signs; called once when the application is made."""
    from services.trust import keystore, sealing
    from services.trust.platform import Platform

    keystore.configure(settings.trust_keys, settings.secret_key, settings.trust_passphrase, _office())
    url = settings.seal_platform_url
    sealing.configure(Platform(url, settings.seal_platform_secret) if url else None)


def _office() -> str:
    """Whose certificate it is: the highest unit that has more than one below it, as the catalogue names it."""
    from catalogue import loader as catalogue

    below: dict[str | None, list[str]] = {}
    for one in catalogue.organisations().values():
        if one.kind != "grid":
            below.setdefault(one.parent or None, []).append(one.id)
    found: str | None = None
    while len(below.get(found, ())) == 1:
        (found,) = below[found]
    return catalogue.organisations()[found].name if found else "代办"
