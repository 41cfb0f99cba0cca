"""办件中途的勘查: a reviewer asks a unit to look at a place; the clock stands still or runs on as the item says."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.agency import Agency
from models.case import Case
from models.content import Content
from process import clock, engine, registry
from process.access import Actor
from process.library import library
from process.refusals import InvalidInput
from process.registry import Step
from services import generic, item_places, successors
from services.messages import colleagues

TYPE, SURVEYOR = "site_survey", "site_surveyor"
OF_CASE, CASE_OF, OWING = "_surveys", "_for", "_survey_owing"
SURVEYING = ("surveying", "surveying_running")


@registry.predicate("survey_stops_clock")
def survey_stops_clock(session: Session, case: Case, actor: Actor) -> bool:
    """As long as nobody said otherwise, the time of a survey is not the office's."""
    setting = item_places.setting_of(session, case.item)
    return not (setting is not None and setting.survey_runs)


@registry.predicate("survey_keeps_clock")
def survey_keeps_clock(session: Session, case: Case, actor: Actor) -> bool:
    return not survey_stops_clock(session, case, actor)


@registry.predicate("survey_from_owing", why="这件不是容缺受理的。")
def survey_from_owing(session: Session, case: Case, actor: Actor) -> bool:
    """The case goes back to where it stood before."""
    return bool((case.fields or {}).get(OWING))


@registry.predicate("survey_not_owing", why="这件是容缺受理的。")
def survey_not_owing(session: Session, case: Case, actor: Actor) -> bool:
    return not survey_from_owing(session, case, actor)


@registry.effect("ask_survey")
def ask_survey(step: Step) -> None:
    """A thing of its own for the surveyor: place and question, nothing of the case or the person."""
    case: Case = step.content
    unit = step.session.get(Agency, str(step.inputs.get("to_unit") or "")) or _at_home(case)
    survey = Content(fields={}, private={}, title="", search_text="")
    given = {"site": step.inputs["site"], "question": step.inputs["question"]}
    generic.write(step.session, survey, library.type(TYPE), given)
    survey.title = "现场勘查"
    survey.fields = {**(survey.fields or {}), CASE_OF: case.uid}
    survey.unit_id = unit.id
    engine.create(
        step.session,
        survey,
        step.actor,
        type_id=TYPE,
        place=unit,
        at=step.at,
        allowed=True,
        details={"because": f"case:{step.transition.id}"},
    )
    engine.add_place(step, survey, "addressee", case.deciding_unit or case.place)
    step.session.flush()
    made = [*((case.fields or {}).get(OF_CASE) or ()), survey.uid]
    case.fields = {**(case.fields or {}), OF_CASE: made, OWING: step.from_state == "accepted_deferred"}


def _at_home(case: Case) -> Agency:
    """Who surveys where nobody else is named: the unit that decides."""
    return case.deciding_unit or case.place


@registry.requirement("survey_possible")
def survey_possible(step: Step) -> None:
    """A unit that is there today and has somebody who surveys: else the case would wait with its clock standing still."""
    case, day = step.content, clock.local_day(step.at)
    named = step.inputs.get("to_unit")
    unit = step.session.get(Agency, str(named)) if named else _at_home(case)
    if unit is None:
        raise InvalidInput("没有找到勘查单位，请从单位列表中选择。", {"to_unit": "没有这个单位"})
    if not unit.exists_on(day):
        raise InvalidInput(
            f"{successors.gone(step.session, unit, day)}，不能请它勘查。请改选现在办公的单位。",
            {"to_unit": "单位已停止办公"},
        )
    if not colleagues.with_role(step.session, SURVEYOR, unit):
        raise InvalidInput(
            f"{unit.name}没有勘查人员，派过去没人去看。请在“勘查单位”里选有勘查人员的单位，或请管理员先给{unit.name}设这个岗位。",
            {"to_unit": "没有勘查人员"},
        )


@registry.effect("bring_finding")
def bring_finding(step: Step) -> None:
    """The case goes on where it stood, as soon as the finding is there or nobody waits for it any more."""
    uid = (step.content.fields or {}).get(CASE_OF)
    case = step.session.scalar(select(Case).where(Case.uid == str(uid)).with_for_update())
    if case is None or (step.cause is not None and step.cause.content.id == case.id):
        return
    back = "end_survey_owing" if (case.fields or {}).get(OWING) else "end_survey"
    engine.follow(step, case, back, comment="")


@registry.effect("end_surveys")
def end_surveys(step: Step) -> None:
    """What was asked and not answered is called back: the surveyor need not go."""
    case: Case = step.content
    if step.cause is not None and step.cause.content.type == TYPE:
        return
    words = step.inputs.get("comment") or "不再等勘查"
    uids = [str(uid) for uid in (case.fields or {}).get(OF_CASE) or ()]
    for survey in step.session.scalars(select(Content).where(Content.uid.in_(uids), Content.state == "asked")):
        engine.follow(step, survey, "recall", comment=words)
