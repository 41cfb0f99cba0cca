"""Trust in papers: the keys, the signature, the claim in the square code, the check page, the seals and their log."""

from __future__ import annotations

from config import Settings


def configure(settings: Settings) -> None:
    """Names the key file and who signs; called once when the application is made."""
    from catalogue import loader as catalogue
    from services.trust import keystore, sealing
    from services.trust.platform import Platform

    office = next((one.name for one in catalogue.organisations().values() if not one.parent), "代办")
    keystore.configure(settings.trust_keys, settings.secret_key, settings.trust_passphrase, office)
    url = settings.seal_platform_url
    sealing.configure(Platform(url, settings.seal_platform_secret) if url else None)
