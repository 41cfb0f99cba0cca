"""The page of one project: who has it, the list as table and timeline, meetings, the clock; for owner, manager and departments."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from flask import render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required
from sqlalchemy.orm import Session

from blueprints import present, timeline
from blueprints.content.matter import PANELS
from blueprints.context import current_actor, db_session
from blueprints.projects.bp import bp, project
from models.base import now
from models.content import Content
from models.project import DROPPED, HELD, PLANNED, ProjectRow
from process import access, clock, engine
from process.access import Actor
from process.library import library
from services.projects import charts, clocks, drawing, ending, meetings, people, rows, signing, steps, tables


@bp.get("/<uid>")
@login_required
def show(uid: str) -> ResponseReturnValue:
    """Everything about one project that this reader may see."""
    session, actor, content = db_session(), current_actor(), project(uid)
    definition = library.of(content, session)
    full = access.may(actor, access.VIEW_FULL, content)
    everything = list(tables.rows(session, content)) if full or _watches(actor) else []
    chart = charts.drawn_from(session, content)
    carries = tables.works_on(content, actor)
    pause = clocks.stands(session, content)
    liaison = steps.handler_phone(session, content)
    fields = content.fields or {}
    return render_template(
        "projects/show.html",
        content=content,
        name=fields.get("name") or content.title,
        state=present.state_view(definition.states[content.state]),
        deadline=present.deadline_view(session, content, definition, explain=True, full=full),
        pause=pause,
        may_stop=clocks.may_stop(session, content, actor),
        facts=_facts(content, chart),
        steps=timeline.way(session, content, definition),
        actions=[
            SimpleNamespace(
                label=present.title_of(one),
                primary=one.primary,
                url=url_for("projects.assign", uid=uid)
                if one.id == "assign"
                else url_for("projects.step", uid=uid, transition=one.id),
            )
            for one in engine.available(content, actor)
        ],
        people=[
            SimpleNamespace(
                capacity=_(people.CAPACITIES[one.capacity]),
                does=_(people.DESCRIBED[one.capacity]),
                name=one.person.name,
                phone=one.person.phone,
                unit=one.person.unit.name if one.person.unit else "",
                since=present.day(one.since),
                until=present.day(one.until) if one.until else "",
                reason=one.reason if full and not _outside(actor, content) else "",
            )
            for one in tables.people(session, content)
        ],
        liaison=liaison,
        may_hand_over=people.may_hand_over(content, actor),
        stages=_stages(content, everything, chart, actor) if everything else [],
        # What was not done by then counts for nothing any more: a plan of it would say 0 days.
        given_up=content.state == ending.GIVEN_UP,
        saving=charts.saving([row for row in everything if not row.after_works]),
        example=chart.illustrative,
        pictures=_pictures(everything, chart),
        meetings=[_meeting(one, carries, actor) for one in tables.meetings(session, content)] if everything else [],
        proposals=meetings.proposals(content, everything) if carries else [],
        carries=carries,
        may_call=carries and content.closed_at is None and bool(everything),
        more_url=url_for("content.show", uid=uid),
        progress=(
            sum(row.state in rows.SETTLED and row.state != DROPPED for row in everything),
            sum(row.state != DROPPED for row in everything),
        ),
    )


def _watches(actor: Actor) -> bool:
    return not actor.roles.isdisjoint(tables.WATCHERS)


def _outside(actor: Actor, content: Content) -> bool:
    """The owner reads who has the project, not why it changed hands inside."""
    return actor.resident_id is not None or "enterprise_applicant" in actor.roles


def _facts(content: Content, chart: Any) -> list[tuple[str, str]]:
    fields = content.fields or {}
    limit = fields.get(steps.LIMIT) or chart.limit
    return [
        (_("编号"), content.number or ""),
        (_("业主"), str(fields.get("enterprise") or "")),
        (_("登记单位"), content.place.name),
        (_("项目种类"), chart.name),
        (_("投资额"), _("%(n)s 万元", n=fields["amount"]) if fields.get("amount") else _("未填")),
        (_("审批时限"), _("%(n)s 个工作日，自前期准备到可开工", n=limit)),
    ]


def _stages(content: Content, everything: list[ProjectRow], chart: Any, actor: Actor) -> list[Any]:
    speaking, today = rows.staffed(db_session()), clock.local_day(now())
    names = {stage.id: stage.name for stage in chart.stages}
    found = []
    for stage in dict.fromkeys(row.stage for row in everything):
        own = [row for row in everything if row.stage == stage]
        found.append(
            SimpleNamespace(
                name=names.get(stage, stage),
                done=sum(row.state in rows.SETTLED for row in own),
                base=len(own),
                rows=[_row(content, row, everything, actor, speaking, today) for row in own],
            )
        )
    return found


def _row(
    content: Content, row: ProjectRow, everything: list[ProjectRow], actor: Actor, speaking: frozenset[str], today: Any
) -> Any:
    waits = rows.waits_for(row, everything) if row.state == "open" else []
    late = row.state == "running" and row.due_on is not None and row.due_on < today
    return SimpleNamespace(
        uid=row.uid,
        number=row.position,
        title=row.title,
        department=row.agency.name if row.agency else row.department,
        days=row.working_days,
        materials=row.materials,
        state=_("不再办") if row.state == DROPPED and content.state == ending.GIVEN_UP else _(rows.STATES[row.state]),
        tone="late" if late else rows.TONES[row.state],
        waits=[one.title for one in waits],
        started=present.day_of(row.started_on),
        due=present.day_of(row.due_on) if row.state == "running" else "",
        late=late,
        finished=present.day_of(row.finished_on) if row.state == "done" else "",
        fulfil=present.day_of(row.fulfil_by) if row.state == "committed" else "",
        person=row.person.name if row.person else "",
        answer=row.answer,
        meeting=row.meeting.number if row.meeting is not None else None,
        linked=row.linked.number if row.linked is not None else "",
        linked_url=url_for("content.show", uid=row.linked.uid) if row.linked is not None else None,
        may_link=row.linked is None and row.state in ("open", "running") and tables.works_on(content, actor),
        verbs=[
            SimpleNamespace(
                id=verb,
                label=_(rows.VERBS[verb][2]),
                plain=not rows.VERBS[verb][3] and verb != "done",
                url=url_for("projects.row_step", uid=content.uid, row=row.uid, verb=verb),
            )
            for verb in rows.verbs(content, row, everything, actor, speaking)
        ],
    )


def _pictures(everything: list[ProjectRow], chart: Any) -> list[tuple[str, str, str]]:
    """Approvals and acceptances, each wide and for the phone."""
    stages = [(stage.id, stage.name) for stage in chart.stages]
    limit = chart.limit
    found = []
    for title, late in ((_("审批：哪些同时办，哪些要等"), False), (_("建成后的验收"), True)):
        own = [row for row in everything if row.after_works == late]
        if own:
            wide = drawing.timeline(own, stages, limit=None if late else limit, title=title, words=_)
            slim = drawing.timeline(own, stages, limit=None if late else limit, width=340.0, title=title, words=_)
            found.append((title, wide, slim))
    return found


def _said(opinion: Mapping[str, Any]) -> str:
    """What a department said at the meeting, in words; nothing where it was not asked."""
    word = meetings.VERDICTS.get(opinion.get("verdict", ""))
    return _(word) if word else ""


def _signature(side: signing.Side) -> Any:
    """How one department signed the minute, or that it still has to."""
    word, tone = {
        signing.CONFIRMED: (_("已确认"), "done"),
        signing.OBJECTED: (_("有异议"), "late"),
    }.get(side.answer, (_("待签认"), "needs") if side.asked else (_("纸上手签"), "waiting"))
    return SimpleNamespace(
        name=side.name,
        word=word,
        tone=tone,
        by=side.by,
        at=present.moment(side.at) if side.at is not None else "",
        reason=side.reason,
    )


def _meeting(one: Any, carries: bool, actor: Actor) -> Any:
    session, open_minute = db_session(), one.state == HELD and one.paper_id is None
    sides = signing.sides(session, one) if one.state == HELD else []
    return SimpleNamespace(
        number=one.number,
        subject=one.subject,
        venue=one.venue,
        held_on=present.day_of(one.held_on),
        state=_(meetings.STATES[one.state]),
        tone={"planned": "running", "held": "done"}.get(one.state, "waiting"),
        rows=[
            (row.title, row.agency.name if row.agency else row.department, _said(one.opinions.get(row.uid) or {}))
            for row in one.rows
        ],
        conclusion=one.conclusion,
        attendees=one.attendees,
        saved=meetings.saved_days(one),
        signatures=[_signature(side) for side in sides],
        signed=not any(side.missing for side in sides),
        sign_url=url_for("projects.meeting_sign", meeting=one.uid) if signing.mine(session, one, actor) else None,
        correct_url=url_for("projects.meeting_correct", meeting=one.uid) if carries and open_minute else None,
        hold_url=url_for("projects.meeting_hold", meeting=one.uid) if carries and one.state == PLANNED else None,
        cancel_url=url_for("projects.meeting_cancel", meeting=one.uid) if carries and one.state == PLANNED else None,
        minute_url=url_for("projects.meeting_minute", meeting=one.uid) if carries and open_minute else None,
        paper_url=url_for("projects.meeting_paper", meeting=one.uid) if one.paper_id is not None else None,
    )


def _panel(session: Session, content: Content, actor: Actor, full: bool) -> Any:
    """The general page of a project leads to its own."""
    return SimpleNamespace(template="projects/_link.html", url=url_for("projects.show", uid=content.uid))


PANELS[tables.TYPE] = _panel
