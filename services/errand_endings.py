"""What an errand was for is over: nobody sets out for it any more, and what is under way comes back to the point."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.content import Content
from models.errand import Errand
from process import engine, registry
from process.access import Actor
from process.registry import Step
from services import custody, errand_life
from services.errand_kinds import carries_papers

# Nothing is in a courier's bag yet.
NOT_YET_GONE = ("posted", "open", "pairing", "claimed", "assigned")
# Bought or read for somebody who lives alone: that is wanted whatever became of the matter it was noted with.
FOR_ITS_OWN_SAKE = ("buy_or_read",)
OVER = "相关的{title}已办结或撤回（{number}），这一单不用送了"


def ended_with(session: Session, content: Content, event: str, actor: Actor, step: Step | None) -> None:
    """Listens to every step: what just ended takes its errands with it, and papers that came back end theirs."""
    if step is None:
        return
    if isinstance(content, Errand):
        if step.transition.id in ("take_back", "recover", "fail") and content.related is not None:
            _back_at_the_point(session, content, step)
        return
    if content.closed_at is None or step.from_state == content.state:
        return
    for errand in session.scalars(
        select(Errand).where(Errand.related_id == content.id, Errand.closed_at.is_(None)).order_by(Errand.id)
    ):
        if errand.purpose not in FOR_ITS_OWN_SAKE:
            _end(session, errand, content, step)


def _end(session: Session, errand: Errand, related: Content, step: Step) -> None:
    if errand.state in errand_life.UNDER_WAY:
        # Not cancelled: whoever has the papers brings them to the point, where they are counted.
        errand_life.call_off(step, errand)
    elif errand.state in NOT_YET_GONE or (errand.state == "failed" and not _uncounted(session, errand)):
        cancel(errand, related, step)


def _back_at_the_point(session: Session, errand: Errand, step: Step) -> None:
    """Counted there, and no longer wanted: it does not go on the board again."""
    related = errand.related
    if related is None or related.closed_at is None or errand.purpose in FOR_ITS_OWN_SAKE:
        return
    if errand.state == "failed" and not _uncounted(session, errand):
        cancel(errand, related, step)


def _uncounted(session: Session, errand: Errand) -> bool:
    back = custody.latest(session, errand, "return") if carries_papers(errand) else None
    return back is not None and back.signed_at is None


def cancel(errand: Errand, related: Content, step: Step) -> None:
    """By itself, with the reason on record; whoever had taken it is told."""
    reason = OVER.format(title=related.title[:60], number=related.number or "")
    engine.fire_unattended(errand, "cancel", because="related_over", cause=step, inputs={"comment": reason})


registry.listeners.append(ended_with)
