"""A bank outlet, which no test office has until it needs one."""

from __future__ import annotations

from sqlalchemy.orm import Session

from models.agency import Agency


def bank_outlet(session: Session) -> Agency:
    """A bank outlet of the street, as a register would hold it; committed."""
    street = session.get_one(Agency, "dongxin")
    made = Agency(
        id="dx-bank",
        name="示例银行东新支行",
        kind="bank_outlet",
        parent_id=street.id,
        path=f"{street.path}dx-bank/",
        district=street.district,
        code="DXYH",
        paper_name="东新",
    )
    session.add(made)
    session.commit()
    return made
