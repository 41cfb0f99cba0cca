"""What the steps of a project do: claim and assignment name the three capacities, the list is drawn, rows are filed together."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.base import now
from models.content import Content
from models.person import Person
from models.project import COMMITTED, OPEN, RUNNING
from models.task import AGREED, BRANCH
from process import clock, registry, tasks
from process.access import Actor
from process.refusals import InvalidInput
from process.registry import Step
from services.projects import charts, people, rows, tables

FILED, LISTED, LIMIT = "filed_items", "checklist_items", "limit_days"


@registry.effect("name_three")
def name_three(step: Step) -> None:
    """项目经理制: whoever takes the project has it as handler, coordinator and liaison, until one of them is handed over."""
    if step.content.assignee_id is None:
        return
    people.appoint(step.session, step.content, step.content.assignee_id, step.actor, tuple(people.CAPACITIES))
    step.details["person"] = step.content.assignee_id


@registry.effect("assign_carrier")
def assign_carrier(step: Step) -> None:
    """The colleague named has it from now on; nobody named means oneself."""
    named = step.inputs.get("carrier")
    if not named:
        step.content.assignee_id = step.on_behalf_of.id if step.on_behalf_of else step.actor.person_id
        return
    known = {person.username: person for person in people.candidates(step.session, step.content)}
    username = named.username if isinstance(named, Person) else str(named)
    if username not in known:
        raise InvalidInput(
            "指派的人不是这里的项目经理或代办员，请从名单中选择。", {"carrier": "不是这里的项目经理或代办员"}
        )
    step.content.assignee_id = known[username].id


@registry.effect("draw_checklist", writes=(LISTED,))
def draw_checklist(step: Step) -> None:
    """The rows of the chart in force for this kind of project, and what was added by hand."""
    content = step.content
    if tables.rows(step.session, content):
        return
    chart = charts.in_force(step.session, content.district, charts.key_of(content))
    made = rows.draw(step.session, content, chart, rows.extra_titles(step.inputs.get(LISTED) or ""))
    step.details |= {"chart": chart.key, "chart_version": chart.number, "rows": len(made)}
    content.fields = {
        **(content.fields or {}),
        LISTED: "\n".join(f"{row.position}. {row.title}" for row in made),
        LIMIT: chart.limit,
        "chart_version": f"{chart.key}/{chart.number}",
    }


@registry.effect("file_rows", writes=(FILED,))
def file_rows(step: Step) -> None:
    """同步并联申报: whatever waits for nothing is filed with its department at once."""
    content = step.content
    everything = tables.rows(step.session, content)
    today = clock.local_day(step.at)
    filed = []
    for row in everything:
        if row.state == OPEN and not row.after_works and not rows.waits_for(row, everything):
            rows.change(step.session, row, RUNNING, step.actor, today)
            filed.append(row)
    running = [row for row in everything if row.state == RUNNING and not row.after_works]
    step.details["filed"] = [row.key for row in filed]
    content.fields = {
        **(content.fields or {}),
        FILED: "\n".join(row.title for row in running) or step.inputs.get(FILED) or "",
    }


@registry.effect("commit_rows")
def commit_rows(step: Step) -> None:
    """业主承诺: what a commitment may stand in for does not hold the others up any more."""
    today = clock.local_day(step.at)
    done = []
    for row in tables.rows(step.session, step.content):
        if row.may_commit and row.state in (OPEN, RUNNING):
            rows.change(
                step.session,
                row,
                COMMITTED,
                step.actor,
                today,
                words=str(step.inputs.get("commitment") or ""),
                fulfil_by=step.inputs.get("fulfil_by"),
            )
            done.append(row.key)
    step.details["committed"] = done


@registry.effect("admit_for_acceptance")
def admit_for_acceptance(step: Step) -> None:
    """Whoever accepts the works sees the project from now on."""
    rows.admit(step.session, step.content, [row for row in tables.rows(step.session, step.content) if row.after_works])


def listen(session: Session, content: Content, event: str, actor: Actor, step: Step | None) -> None:
    """A department that agreed has done its rows; a case or ticket that a row travelled on has ended."""
    if content.type == tables.TYPE:
        if event == "task:agreed":
            _agreed(session, content, actor)
        elif event == "office:transfer" and content.assignee_id is not None:
            # Passed on by the general verb: the handler is whoever has it.
            people.appoint(session, content, content.assignee_id, actor, (people.HANDLER,), "转办")
        return
    if content.closed_at is not None and step is not None:
        rows.linked_ended(session, content, actor)


def _agreed(session: Session, content: Content, actor: Actor) -> None:
    today = clock.local_day(now())
    agreed = {task.place_id for task in tasks.of(session, content) if task.kind == BRANCH and task.state == AGREED}
    for row in tables.rows(session, content):
        if row.agency_id in agreed and row.state == RUNNING and not row.after_works:
            rows.change(session, row, rows.DONE, actor, today, words="部门会签同意")
            rows.record(session, actor, row, "done", "部门会签同意")


def handler_phone(session: Session, content: Content) -> Any:
    """Whom the owner calls: the liaison, with the phone of the post."""
    found = people.current(session, content).get(people.LIAISON)
    return found.person if found is not None else session.scalar(select(Person).where(Person.id == content.assignee_id))


registry.listeners.append(listen)
