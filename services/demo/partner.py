"""A partner city for the demo: invented, stopped before anything leaves this machine."""

from __future__ import annotations

import secrets

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from sqlalchemy import select

from models.exchange import Partner, PartnerItem
from services.demo.office import Office
from services.exchange import items, partners, tickets
from services.exchange.keys import Card

ITEM = "social_insurance_transfer_proof"
WHY = "演示用的虚构伙伴，没有真的对方系统，所以停用。"


def tell(office: Office) -> Partner:
    """Entered, read aloud and confirmed; a ticket was pushed and waits; then the line was stopped."""
    session, admin = office.session, office.actor("admin")
    signs, opens = Ed25519PrivateKey.generate(), X25519PrivateKey.generate()
    card = Card(
        secrets.token_urlsafe(16),
        signs.public_key().public_bytes_raw().hex(),
        opens.public_key().public_bytes_raw().hex(),
    )
    with office.at(office.ago(20, 10)):
        partner = partners.enter(
            session,
            admin,
            {"name": "江苏吴江（示例）", "base_url": "https://tongban.example.cn", "card": card.text},
        )
        partners.confirm(session, admin, partner, card.key_id, " ".join(card.groups))
        if not items.ours(session):
            items.offer(session, admin, {"code": ITEM, "unit": "dongxin-centre"})
        session.add(
            PartnerItem(
                side=items.THEIRS,
                partner_id=partner.id,
                code=ITEM,
                title="社保关系转移、接续事项证明",
                kind="proof",
                unit_name="示例窗口",
                days=5,
                illustrative=True,
            )
        )
        session.flush()
    one = office.resident("dx-c01", young=True)
    theirs = session.scalars(select(PartnerItem).where(PartnerItem.partner_id == partner.id)).one()
    with office.at(office.ago(2, 14)):
        made = tickets.file(
            session,
            office.actor("window.clerk"),
            {"applicant": office.applicant(one), "item": theirs.id, "want_paper": "print"},
        )
    if made.state == "filed":
        office.do("window.clerk", made, "push", office.ago(2, 14, 5))
    with office.at(office.ago(2, 15)):
        partners.stop(session, admin, partner, WHY)
    return partner
