"""What is written without the unit of work: the object knows every column of its row, and nothing outlives a rollback."""

from __future__ import annotations

from sqlalchemy import event, select
from sqlalchemy.orm import Session

from models.content import Acl, Content
from process import access, writing
from process import engine as door
from process.library import library
from tests.kernel.conftest import World


def plain(world: World) -> Content:
    """A thing of the first type without Python whose first state has no clock to start."""
    kind = next(k for k in library.types.values() if k.kind == "content" and not library.workflows[k.workflow].clocks)
    clerk = world.actor("clerk", ("community_clerk", world.here))
    made = Content(title="一件事", fields={"what": "x"}, private={"phone": "13800000018"})
    return door.create(world.session, made, clerk, type_id=kind.id, place=world.here, allowed=True)


def test_a_new_thing_knows_every_column_of_its_row(world: World) -> None:
    made = plain(world)
    asked: list[str] = []
    event.listen(world.session.get_bind(), "before_cursor_execute", lambda *given: asked.append(given[2]))
    here = {column.name: getattr(made, column.name) for column in writing.CONTENT.columns}
    drawn_in = (list(made.places), list(made.people))
    assert not asked and drawn_in == ([], []), "what was just written is not read again"
    world.session.commit()
    with Session(world.session.get_bind()) as other:
        row = other.scalars(select(Content).where(Content.uid == made.uid)).one()
        assert {column.name: getattr(row, column.name) for column in writing.CONTENT.columns} == here


def test_a_new_thing_is_an_ordinary_object_of_the_session(world: World) -> None:
    made = plain(world)
    made.title = "改过的一件事"
    world.session.commit()
    assert world.session.scalars(select(Content.title).where(Content.id == made.id)).one() == "改过的一件事"
    assert world.session.get(Content, made.id) is made


def test_a_rolled_back_thing_leaves_nothing(world: World) -> None:
    uid = plain(world).uid
    world.session.rollback()
    assert world.session.scalars(select(Content).where(Content.uid == uid)).first() is None


def test_an_acl_of_a_rolled_back_transaction_is_made_again(world: World) -> None:
    session = world.session
    access.intern(session, ["first_new_token"])
    assert access.intern(session, ["first_new_token"]) == access.intern(session, ["first_new_token"])
    session.rollback()
    with Session(session.get_bind()) as other:
        # Its number goes to somebody else's acl.
        taken = access.intern(other, ["another_token"])
        other.commit()
        again = access.intern(other, ["first_new_token"])
        other.commit()
        assert again != taken and other.get(Acl, again) is not None
    assert access.intern(session, ["first_new_token"]) == again
