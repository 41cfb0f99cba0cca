"""Which items a way is open for: the same answer as for each alone, with one question for all."""

from __future__ import annotations

from sqlalchemy import event, select

from catalogue import loader as catalogue
from models.case import ServiceItem
from models.item_place import ItemChannel
from services import cases, item_channels, work_units
from services.work_units import ONLINE


def test_a_list_is_asked_about_at_once(session):
    items = cases.items_on_offer(session)
    printed = next(one for one in items if "online_pc" in catalogue.item(one.code).channels)
    silent = next(one for one in items if ONLINE.isdisjoint(catalogue.item(one.code).channels))
    for channel in sorted(ONLINE & set(catalogue.item(printed.code).channels)):
        session.add(ItemChannel(item_id=printed.id, channel=channel, open=False, reason="系统升级"))
    session.add(ItemChannel(item_id=silent.id, channel="app", open=True))
    session.flush()
    found = item_channels.offered_by(session, items, ONLINE)
    assert found == [one for one in items if not ONLINE.isdisjoint(item_channels.open_ways(session, one))]
    assert silent in found and printed not in found
    seat = item_channels.offered_by(session, items, {item_channels.ASSISTED})
    assert seat == [one for one in items if item_channels.is_open(session, one, item_channels.ASSISTED)]


def test_the_functions_of_units_cost_as_much_for_one_item_as_for_all(session):
    session.scalars(select(ServiceItem)).all()
    asked: list[str] = []

    def note(_connection, _cursor, statement, *_rest):
        asked.append(statement)

    event.listen(session.get_bind(), "before_cursor_execute", note)
    try:
        assert work_units.functions(session)
    finally:
        event.remove(session.get_bind(), "before_cursor_execute", note)
    assert len(asked) <= 4, len(asked)
