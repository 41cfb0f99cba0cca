"""请社区代办: where to bring the papers of an item that cannot be filed online, and what the delegate needs."""

from __future__ import annotations

from types import SimpleNamespace

from flask import render_template, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from blueprints.catalogue.offers import COUNTER_ROLES, name_of
from blueprints.context import current_actor, db_session
from blueprints.delegations.bp import bp
from catalogue import loader as catalogue
from models.agency import Agency
from models.base import now
from models.resident import Resident
from process import clock
from process.refusals import NotFound
from services import address_routing, office
from services.case_routing import above

NEAR = ("community", "village")


@bp.get("/how/<code>")
def how(code: str) -> ResponseReturnValue:
    """Open to everybody: nothing personal, only places, hours, phones, the papers to bring and the model letter."""
    session, actor = db_session(), current_actor()
    record = catalogue.items().get(code)
    if record is None or not record.delegable:
        raise NotFound()
    today = clock.local_day(now())
    resident = session.get(Resident, actor.resident_id) if actor.resident_id is not None else None
    home = address_routing.home_of(session, resident)
    stations = [
        agency
        for agency in session.scalars(select(Agency).where(Agency.kind.in_(NEAR)).order_by(Agency.number, Agency.path))
        if agency.exists_on(today)
    ]
    stations.sort(key=lambda agency: home is None or agency.id != home.id)
    return render_template(
        "delegations/how.html",
        name=name_of(record),
        guide_url=url_for("catalogue.guide", code=code),
        letter_url=url_for("catalogue.letter", code=code),
        counter_url=url_for("cases.new", item=code) if actor.roles & COUNTER_ROLES else None,
        materials=[material.name for material in record.materials],
        stations=[
            SimpleNamespace(
                name=agency.name,
                street=street.name if (street := above(agency, "street", "town")) else "",
                address=(agency.details or {}).get("address") or "",
                hours=(agency.details or {}).get("hours") or "",
                phone=office.phone(agency),
                own=home is not None and agency.id == home.id,
                invented=agency.illustrative or bool((agency.details or {}).get("illustrative_fields")),
            )
            for agency in stations
        ],
    )
