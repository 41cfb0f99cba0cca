"""终止代办: the owner builds elsewhere or nothing comes of it; whatever runs beneath the project ends or hears of it at once."""

from __future__ import annotations

from dataclasses import replace

from models.project import DROPPED, OPEN, PLANNED, REFUSED, RUNNING
from process import clock, registry
from process.registry import Step
from process.words import N_
from services import notices
from services.messages import facts, listening
from services.projects import meetings, people, rows, tables

GIVEN_UP = "given_up"
TOLD = "project:given_up"
OCCASION = "project_given_up"


@registry.effect("end_what_runs")
def end_what_runs(step: Step) -> None:
    """Items, planned meetings, linked matters, the people who carry it and the owner, in this order."""
    session, content, actor = step.session, step.content, step.actor
    why = str(step.inputs.get("comment") or "").strip()
    today = clock.local_day(step.at)
    everything = tables.rows(session, content)
    filed = [row for row in everything if row.state == RUNNING]
    text = N_("投资项目已终止代办，在审的事项不用再办。")
    meetings.tell(session, actor, content, filed, TOLD, text)
    for meeting in tables.meetings(session, content):
        if meeting.state == PLANNED:
            meetings.call_off(session, actor, content, meeting, f"项目终止：{why}"[:200])
    for row in everything:
        if row.linked is not None and row.linked.closed_at is None:
            # What was filed for itself goes on until whoever has it has asked the applicant.
            holder = notices.holder(session, row.linked)
            if holder is not None:
                asked = N_("所属的投资项目已终止代办，请问清申请人这件还办不办。")
                notices.notify(session, row.linked, to=holder, kind=TOLD, text=asked, actor=actor)
        if row.state in (OPEN, RUNNING, REFUSED):
            rows.change(session, row, DROPPED, actor, today, words=f"项目终止：{why}")
    step.details["ended"] = [row.key for row in filed]
    for person in {one.person for one in people.current(session, content).values()}:
        if person.id not in actor.persons:
            said = N_("您承办的投资项目已终止代办，原因见项目页。")
            notices.notify(session, content, to=person, kind=TOLD, text=said, actor=actor)
    if actor.resident_id is None or actor.resident_id != content.applicant_id:
        found = replace(facts.of(session, content), text=why)
        listening.resident(session, content, OCCASION, found, actor=actor)
