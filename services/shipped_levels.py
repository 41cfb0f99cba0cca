"""Writes the owners, powers and letters of the demo into the database; what an office has changed is left alone."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalogue.levels import levels
from models.agency import Agency
from models.authority import AuthorityGrant, AuthorityItem
from models.case import ServiceItem
from models.item_place import ItemPlace, ItemSetting
from services.authority import DECIDE


def load_owners(session: Session) -> None:
    """Whose decision each item is; adds what is missing, may run again."""
    shipped = levels()
    items = {item.code: item for item in session.scalars(select(ServiceItem))}
    # A city made up for measuring has items of its own and none of these units.
    agencies = set(session.scalars(select(Agency.id)))
    settled = set(session.scalars(select(ItemSetting.item_id)))
    for one in shipped.owners:
        if one.item in items and one.owner in agencies and items[one.item].id not in settled:
            session.add(ItemSetting(item_id=items[one.item].id, owner_id=one.owner, illustrative=True))
    session.flush()


def load_example_powers(session: Session) -> None:
    """Owners, powers and letters of the demo: invented ones must let nobody decide in a real office."""
    load_owners(session)
    shipped = levels()
    items = {item.code: item for item in session.scalars(select(ServiceItem))}
    agencies = set(session.scalars(select(Agency.id)))
    place = session.get(Agency, shipped.power_place)
    if place is not None:
        said = set(session.scalars(select(ItemPlace.item_id).where(ItemPlace.place_id == place.id)))
        for power in shipped.powers:
            if power.item in items and items[power.item].id not in said:
                session.add(
                    ItemPlace(
                        item_id=items[power.item].id,
                        place_id=place.id,
                        place_path=place.path,
                        district=place.district,
                        same_power=True,
                        power_basis=shipped.power_basis,
                        completable=power.completable,
                        illustrative=True,
                    )
                )
    given = set(session.scalars(select(AuthorityGrant.from_id)))
    for grant in shipped.grants:
        if grant.giver in given or not {grant.giver, grant.taker} <= agencies:
            continue
        made = AuthorityGrant(
            from_id=grant.giver,
            to_id=grant.taker,
            district=session.get_one(Agency, grant.giver).district,
            power=DECIDE,
            since=shipped.grants_since,
            basis=grant.basis,
            illustrative=True,
        )
        made.items = [AuthorityItem(item_id=items[code].id) for code in shipped.owned_by(grant.giver) if code in items]
        session.add(made)
    session.flush()
