"""事项清单: drawn from the chart, filed side by side, answered by the departments, closed one by one or together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from catalogue.projects import Chart
from models.agency import Agency
from models.base import now
from models.content import Content, ContentPlace
from models.person import Grant
from models.project import COMMITTED, DONE, DROPPED, OPEN, REFUSED, RUNNING, ProjectRow
from models.task import AGREED, BRANCH
from models.task import OPEN as WAITING
from process import access, clock, engine, journal, tasks
from process.access import Actor
from process.calendar_days import CalendarMissing
from process.inputs import clean_text
from process.refusals import Forbidden, InvalidInput, NotAvailable, RequirementUnmet
from process.words import N_
from services import sub_tickets
from services.projects import tables

SETTLED = (DONE, COMMITTED, DROPPED)
STATES: Mapping[str, str] = {
    OPEN: N_("未申报"),
    RUNNING: N_("审批中"),
    DONE: N_("已办结"),
    REFUSED: N_("不同意"),
    COMMITTED: N_("承诺备案"),
    DROPPED: N_("不涉及"),
}
TONES: Mapping[str, str] = {
    OPEN: "waiting",
    RUNNING: "running",
    DONE: "done",
    REFUSED: "late",
    COMMITTED: "needs",
    DROPPED: "waiting",
}
# verb: from which states, to which, what the button says, whether words are asked for
VERBS: Mapping[str, tuple[tuple[str, ...], str, str, bool]] = {
    "file": ((OPEN, REFUSED), RUNNING, N_("申报"), False),
    "done": ((RUNNING, COMMITTED), DONE, N_("办结"), False),
    "refuse": ((RUNNING,), REFUSED, N_("不同意"), True),
    "commit": ((OPEN, RUNNING), COMMITTED, N_("承诺备案"), True),
    "drop": ((OPEN, REFUSED), DROPPED, N_("不涉及"), True),
    "again": ((DROPPED,), OPEN, N_("仍要办"), False),
}
FOR_DEPARTMENT = frozenset({"done", "refuse"})
EXTRA_DAYS, MOST_EXTRA, LAST_EXTRA = 5, 20, "own"


# --- Drawing it


def draw(session: Session, content: Content, chart: Chart, extra: Sequence[str]) -> list[ProjectRow]:
    """The rows of the chart, and those that somebody adds by name; the departments concerned see the project from now on."""
    late = {stage.id for stage in chart.stages if stage.after_works}
    units = {
        agency.id: agency
        for agency in session.scalars(
            select(Agency).where(Agency.id.in_([row.agency for row in chart.rows if row.agency]))
        )
    }
    made = [
        ProjectRow(
            content_id=content.id,
            district=content.district,
            key=row.key,
            position=position,
            stage=row.stage,
            title=row.name,
            department=row.department,
            agency_id=row.agency if row.agency in units else None,
            working_days=row.days,
            materials=list(row.materials),
            after=list(row.after),
            after_works=row.stage in late,
            may_commit=row.commit,
            joint=row.joint,
        )
        for position, row in enumerate(chart.rows, start=1)
    ]
    first = chart.stages[0].id
    made += [
        ProjectRow(
            content_id=content.id,
            district=content.district,
            key=f"{LAST_EXTRA}_{n}",
            position=len(chart.rows) + n,
            stage=first,
            title=title,
            working_days=EXTRA_DAYS,
        )
        for n, title in enumerate(extra, start=1)
    ]
    session.add_all(made)
    session.flush()
    admit(session, content, [row for row in made if not row.after_works])
    return made


def extra_titles(text: str) -> list[str]:
    """Items typed by hand, one a line; a sign between names separates them as well."""
    found = [line.strip(" 　·-") for line in text.replace("、", "\n").replace("；", "\n").splitlines()]
    found = list(dict.fromkeys(line for line in found if line))
    if len(found) > MOST_EXTRA:
        raise InvalidInput(
            f"另加的事项最多 {MOST_EXTRA} 项，现在是 {len(found)} 项。", {"checklist_items": f"最多 {MOST_EXTRA} 项"}
        )
    if any(len(line) > 60 for line in found):
        raise InvalidInput("另加的事项一行一项，每项最多 60 个字。", {"checklist_items": "每项最多 60 个字"})
    return found


def admit(session: Session, content: Content, rows: Sequence[ProjectRow]) -> None:
    """The departments of these rows get sight of the project, once each and only while they exist."""
    today = clock.local_day(now())
    known = {p.place_id for p in content.places if p.relation == "addressee" and p.until is None}
    for row in rows:
        unit = session.get(Agency, row.agency_id) if row.agency_id else None
        if unit is None or unit.id in known or not unit.exists_on(today):
            continue
        known.add(unit.id)
        content.places.append(
            ContentPlace(
                relation="addressee",
                place_id=unit.id,
                place_path=unit.path,
                cause="project_row",
                cause_uid=row.uid,
            )
        )
    session.flush()


# --- What waits for what


def waits_for(row: ProjectRow, rows: Sequence[ProjectRow]) -> list[ProjectRow]:
    """The rows before it that are not settled yet."""
    return [other for other in rows if other.key in row.after and other.state not in SETTLED]


def in_time(content: Content, row: ProjectRow) -> bool:
    """Approvals from the preparation on, acceptances once the works are ready."""
    return content.state in (tables.BUILT if row.after_works else (*tables.APPROVING, *tables.BUILT))


def staffed(session: Session) -> frozenset[str]:
    """Paths at which somebody speaks for a department today."""
    today = clock.local_day(now())
    return frozenset(
        session.scalars(
            select(Grant.place_path)
            .where(
                Grant.role.in_(tables.DEPARTMENT),
                or_(Grant.since.is_(None), Grant.since <= today),
                or_(Grant.until.is_(None), Grant.until >= today),
            )
            .distinct()
        )
    )


def verbs(
    content: Content, row: ProjectRow, rows: Sequence[ProjectRow], actor: Actor, speaking: frozenset[str]
) -> list[str]:
    """What this actor may do with a row now: the same question as `act` asks, so a button that is shown works.

    `speaking`: as `staffed` answers."""
    found = []
    for verb, (sources, _to, _title, _words) in VERBS.items():
        if row.state not in sources or not _may(content, row, verb, actor, speaking):
            continue
        if verb == "commit" and not row.may_commit:
            continue
        if verb not in ("drop", "again") and not in_time(content, row):
            continue
        if verb == "file" and waits_for(row, rows):
            continue
        found.append(verb)
    return found


def _may(content: Content, row: ProjectRow, verb: str, actor: Actor, speaking: frozenset[str]) -> bool:
    """A department answers for itself; whoever carries the project writes down only what one without a post here has said."""
    if content.closed_at is not None:
        return False
    if verb in FOR_DEPARTMENT and row.agency is not None:
        if tables.answers_for(row, actor):
            return True
        path = row.agency.path
        if any(path.startswith(place) for place in speaking):
            return False
    return tables.works_on(content, actor)


def act(session: Session, actor: Actor, row: ProjectRow, verb: str, given: Mapping[str, Any]) -> ProjectRow:
    """One step of one row; the project is locked, so of two people who press at once one is told."""
    if verb not in VERBS:
        raise InvalidInput("清单上没有这个办法。", {"verb": "没有这个办法"})
    content = row.content
    tasks.lock(session, content)
    session.refresh(row, with_for_update=False)
    sources, to, title, _asked = VERBS[verb]
    if not access.may(actor, access.VIEW_FULL, content) or not _may(content, row, verb, actor, staffed(session)):
        whose = row.agency.name if row.agency is not None and verb in FOR_DEPARTMENT else "项目经理或代办员"
        raise Forbidden(f"“{row.title}”的“{title}”由{whose}来办，您不能办。")
    if row.state not in sources:
        raise NotAvailable(f"“{row.title}”现在是“{STATES[row.state]}”，不能“{title}”。请刷新后再办。")
    everything = tables.rows(session, content)
    if verb not in ("drop", "again") and not in_time(content, row):
        why = "要等项目可开工以后" if row.after_works else "要等项目进入前期准备以后"
        raise NotAvailable(f"“{row.title}”{why}才能“{title}”。")
    if verb == "file" and (before := waits_for(row, everything)):
        raise RequirementUnmet(f"“{row.title}”要等{'、'.join(f'“{one.title}”' for one in before)}办好以后才能申报。")
    if verb == "commit" and not row.may_commit:
        raise RequirementUnmet(f"“{row.title}”不能用承诺代替，流程图没有这样规定。")
    words = _words(given, VERBS[verb][3], title)
    today = clock.local_day(now())
    fulfil = _fulfil_by(given, today) if verb == "commit" else None
    change(session, row, to, actor, today, words=words, fulfil_by=fulfil)
    engine.touch(content)
    record(session, actor, row, verb, words)
    settle(session, actor, content)
    return row


def record(session: Session, actor: Actor, row: ProjectRow, verb: str, words: str = "", **details: Any) -> None:
    """What was done with a row stands in the history of its project."""
    journal.record(
        session,
        f"project_row:{verb}",
        actor,
        content=row.content,
        comment=f"{row.title}：{words}" if words else row.title,
        details={"row": row.key, **details},
    )


def change(
    session: Session,
    row: ProjectRow,
    to: str,
    actor: Actor,
    today: date,
    *,
    words: str = "",
    fulfil_by: date | None = None,
) -> None:
    """Writes the new state with its dates and person."""
    row.state = to
    if to == RUNNING:
        row.started_on, row.finished_on, row.answer = today, None, ""
        row.person_id = actor.person_id
        try:
            row.due_on = clock.calendar(session).add_working_days(today, row.working_days)
        except CalendarMissing:
            row.due_on = None
    elif to == OPEN:
        row.started_on = row.due_on = row.finished_on = None
        row.answer = ""
    else:
        row.finished_on = today if to != COMMITTED else None
        row.started_on = row.started_on or (today if to != DROPPED else None)
    if words:
        row.answer = words[:300]
    if fulfil_by is not None:
        row.fulfil_by = fulfil_by
    session.flush()


def _words(given: Mapping[str, Any], asked: bool, title: str) -> str:
    try:
        words = clean_text(str(given.get("words") or ""), 300)
    except ValueError as problem:
        raise InvalidInput(f"说明{problem}。", {"words": str(problem)}) from problem
    if asked and not words:
        raise InvalidInput(f"办“{title}”要写明理由。", {"words": "请写明理由"})
    return words


def _fulfil_by(given: Mapping[str, Any], today: date) -> date:
    value = given.get("fulfil_by")
    if not value:
        raise InvalidInput("承诺备案要写明什么时候以前补齐。", {"fulfil_by": "请填写履行期限"})
    return sub_tickets.read_day(value, today, "fulfil_by", "履行期限")


# --- Rows and the opinions of the departments


def settle(session: Session, actor: Actor, content: Content) -> None:
    """A department whose rows before the works are all settled has spoken: its opinion is written and the join looked at."""
    if content.state != "parallel":
        return
    rows = tables.rows(session, content)
    at = now()
    for task in tasks.current(session, content):
        if task.kind != BRANCH or task.state != WAITING:
            continue
        own = [row for row in rows if row.agency_id == task.place_id and not row.after_works]
        if own and all(row.state in SETTLED for row in own):
            tasks.close(session, content, task, AGREED, actor, "清单上本部门的事项都已办好。", at)
            journal.record(
                session, "task:agreed", actor, content=content, details={"task": task.uid, "by": "rows"}, at=at
            )
    engine.join(content, at=at)


# --- A row that travels as a case or ticket of its own


def link(session: Session, actor: Actor, row: ProjectRow, given: Mapping[str, Any]) -> Content:
    """The row goes on as this case or delegation; when that ends, the row ends with it."""
    content = row.content
    if not tables.works_on(content, actor):
        raise Forbidden("关联办件由项目经理或代办员来做。")
    number = str(given.get("linked") or "").strip()[:60]
    found = session.scalar(
        access.visible(
            select(Content).where(
                Content.number == number,
                Content.type.in_(("case", "delegation", "single_window_intake", "survey_instant")),
            ),
            actor,
        )
    )
    if found is None:
        raise InvalidInput(
            "没有找到这个编号的办件或代办单，请核对编号；看不到的件不能关联。", {"linked": "没有找到这个编号"}
        )
    tasks.lock(session, content)
    session.refresh(row)
    if content.closed_at is not None:
        raise NotAvailable("项目已经办结或终止，不用再关联。")
    if row.linked_id is not None and row.linked_id != found.id:
        raise NotAvailable(f"“{row.title}”已经关联了别的办件。请刷新后再看。")
    if row.state not in (OPEN, RUNNING):
        raise NotAvailable(f"“{row.title}”已是“{STATES[row.state]}”，不用再关联。")
    taken = session.scalar(select(ProjectRow).where(ProjectRow.linked_id == found.id, ProjectRow.id != row.id))
    if taken is not None:
        raise InvalidInput("这个办件已经关联在另一项上，一件只能关联一项。", {"linked": "已关联在另一项上"})
    row.linked_id = found.id
    session.flush()
    session.expire(row, ["linked"])
    engine.touch(content)
    record(session, actor, row, "link", found.number or "", linked=found.uid)
    return found


def linked_ended(session: Session, ended: Content, actor: Actor) -> None:
    """What a row travelled on has come to its end: so has the row."""
    for row in session.scalars(select(ProjectRow).where(ProjectRow.linked_id == ended.id)).all():
        if row.state in (OPEN, RUNNING):
            tasks.lock(session, row.content)
            good = ended.state not in ("rejected", "refused", "withdrawn", "returned", "not_accepted", "cancelled")
            today = clock.local_day(now())
            change(session, row, DONE if good else REFUSED, actor, today, words=f"{ended.number}已办完")
            record(session, actor, row, "done" if good else "refuse", ended.number or "", linked=ended.uid)
            settle(session, actor, row.content)
