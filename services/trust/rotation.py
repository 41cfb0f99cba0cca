"""Changing the keys that sign papers: by an administrator of the whole installation, on record, old papers remain checkable."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from models.base import now
from process import journal
from process.access import Actor
from process.inputs import clean_text
from process.refusals import InvalidInput
from process.words import N_
from services.exchange.partners import is_administrator, require_administrator
from services.trust import keystore
from services.trust.keystore import Key

USES = {keystore.PAPER: N_("PDF 数字签名"), keystore.CLAIM: N_("二维码签名")}
STREAM = "trust"
LONGEST = 120

__all__ = ["USES", "is_administrator", "require_administrator", "rotate"]


def rotate(session: Session, actor: Actor, given: Mapping[str, Any]) -> Key:
    """A new key in the place of the old; withdrawn means that what it signed counts no more."""
    require_administrator(session, actor)
    errors: dict[str, str] = {}
    use = str(given.get("use") or "")
    if use not in USES:
        errors["use"] = "请选要更换哪一个密钥"
    try:
        reason = clean_text(given.get("reason") or "", LONGEST)
    except ValueError as problem:
        reason, errors["reason"] = "", f"更换原因{problem}"
    if not reason and "reason" not in errors:
        errors["reason"] = "请写明为什么更换，以后查得到"
    if not given.get("sure"):
        errors["sure"] = "请勾选确认，旧的私钥会销毁，不能恢复"
    if errors:
        raise InvalidInput("；".join(errors.values()) + "。", errors)
    revoke = bool(given.get("revoke"))
    old = keystore.ring().current(use)
    new = keystore.rotate(use, now(), revoke=revoke, reason=reason)
    details = {"use": use, "old": old.fingerprint, "new": new.fingerprint, "withdrawn": revoke}
    journal.record(session, "trust:rotate", actor, stream=STREAM, comment=reason, details=details)
    return new
