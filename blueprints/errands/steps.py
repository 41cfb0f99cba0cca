"""The courier's phone: my errands, the next step as one big button, and forms where a step asks for something."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required

from blueprints.context import current_actor, db_session, for_whom, load_for_step, load_or_404
from blueprints.dynamic_forms import is_mendable, posted, show_refusal, transition_form, uploaded
from blueprints.errands import cards
from blueprints.errands.bp import bp
from blueprints.present import moment, title_of
from models.base import now
from models.errand import Errand
from process import engine
from process.definition import Transition
from process.library import library
from process.refusals import Refusal
from process.words import N_
from services import (
    actions,
    courier_record,
    custody,
    dispatch,
    errand_board,
    errand_custody,
    errand_kinds,
    files,
    tours,
)
from services.errand_codes import code_for

# Steps that have a page here; the generic object page leads to it too.
PAGES = ("pick_up", "deliver", "fail", "release", "assign", "confirm", "leave", "take_back", "recover")
HELP = {
    "pick_up": N_("请当着交出人的面数清件数，再请对方签名。只数封好的件，不拆看里面。"),
    "deliver": N_("请收件人报确认码，当场办结。对方没有确认码，就空着登记送达，等对方在系统里确认。"),
    "fail": N_("写清为什么没送成。材料请当天送回代办点，不要带回家。"),
    "release": N_("写清为什么送不了，任务会回到任务板上。"),
    "assign": N_("能去的列在前面，后面写着理由；由您决定派谁。"),
    "leave": N_("写清为什么不能同行，任务会等另一位同行的人。"),
    "take_back": N_("请当着交回人的面数清封好的件数，对上再收下。"),
    "recover": N_("跑腿工不能再送的，把材料收回来当面数清，放回代办点。"),
    "confirm": N_("收到了就确认，任务到此办结。"),
}


@bp.get("/mine")
@login_required
def mine() -> ResponseReturnValue:
    """What I have on hand, most urgent first, each with its next step."""
    actor, session, at = current_actor(), db_session(), now()
    tasks = [
        SimpleNamespace(
            card=cards.card(session, errand, actor, at, hall=False),
            number=errand.number,
            state=cards.state_of(session, errand),
            facts=cards.facts(session, errand, actor),
            steps=cards.next_steps(session, errand, actor),
            failed=errand.state == "failed",
            url=url_for("errands.task", uid=errand.uid),
        )
        for errand in errand_board.mine(session, actor)
    ]
    return render_template(
        "errands/mine.html",
        tasks=tasks,
        load=errand_board.load_of(session, actor),
        board_url=url_for("errands.board"),
        done=errand_board.done_recently(session, actor, at),
        days=errand_board.DONE_DAYS,
        tour=tours.current(session, actor.person_id),
    )


@bp.get("/<uid>")
@login_required
def task(uid: str) -> ResponseReturnValue:
    """One errand on the phone."""
    errand, actor, session = load_or_404(Errand, uid), current_actor(), db_session()
    carrier = "red_courier" in actor.roles
    return render_template(
        "errands/task.html",
        errand=errand,
        card=cards.card(session, errand, actor, now(), hall=False),
        state=cards.state_of(session, errand),
        facts=cards.facts(session, errand, actor),
        steps=cards.next_steps(session, errand, actor),
        code=code_for(errand, actor),
        handovers=_handovers(errand),
        thank_url=url_for("errands.thank", uid=uid)
        if courier_record.may_thank(errand, actor) and courier_record.thanks_of(session, errand) is None
        else None,
        whole_url=url_for("content.show", uid=uid),
        back_url=url_for("errands.mine" if carrier else "errands.board"),
        back_label=_("我的任务") if carrier else _("红色代办"),
    )


def _handovers(errand: Errand) -> list[Any]:
    """Every change of hands of the envelopes, one after the other, with how each side signed."""
    return [
        SimpleNamespace(
            what=_(custody.ACTIONS[one.action]),
            giver=one.from_label,
            taker=one.to_label,
            when=moment(one.at),
            lines=one.lines,
            gave=_signed(one.from_signature_id, one.from_person_id, True),
            took=_signed(one.to_signature_id, one.to_person_id, one.signed_at is not None),
        )
        for one in errand_custody.chain(db_session(), errand)
    ]


def _signed(signature: int | None, person: int | None, settled: bool) -> str:
    """A drawn signature, an account that pressed the button, or nobody yet."""
    if signature is not None:
        return _("已签名")
    if person is not None:
        return _("用账号确认")
    return _("当面交出") if settled else _("还没清点")


def _step_page(uid: str, step: str) -> ResponseReturnValue:
    """A step that asks for something: its form, and firing it."""
    errand, actor, session = load_for_step(Errand, uid, step), current_actor(), db_session()
    transition = library.of(errand, session).transitions[step]
    form = transition_form(transition, choices=_choices(errand, step))
    _leave_out(form, errand, step)
    if request.method == "GET":
        allowed = transition in engine.available(errand, actor)
        return _form_page(errand, transition, form, allowed), 200 if allowed else 409
    version = request.form.get("version", "")[:9]
    try:
        with session.begin_nested():
            done = actions.perform(
                errand,
                step,
                actor,
                _given(errand, form),
                expected_version=int(version) if version.isdecimal() else None,
                on_behalf_of=for_whom(),
            )
    except Refusal as refusal:
        session.expire_all()
        if not is_mendable(refusal):
            raise
        show_refusal(form, refusal)
        return _form_page(load_or_404(Errand, uid), transition, form, True, refusal), 422
    state = library.of(errand, session).states[errand.state]
    flash(
        _(
            "%(number)s：%(what)s，现在是“%(state)s”。",
            number=errand.number or "",
            what=title_of(done.transition),
            state=title_of(state),
        ),
        "success",
    )
    return redirect(url_for("errands.mine" if "red_courier" in actor.roles else "errands.board"), 303)


for _step in PAGES:
    bp.add_url_rule(
        f"/<uid>/{_step}", _step, login_required(_step_page), defaults={"step": _step}, methods=["GET", "POST"]
    )


def _form_page(errand: Errand, transition: Transition, form: Any, allowed: bool, refusal: Refusal | None = None) -> str:
    actor, session = current_actor(), db_session()
    own = errand.assignee_id == actor.person_id
    return render_template(
        "errands/step.html",
        errand=errand,
        transition=transition,
        form=form,
        allowed=allowed,
        title=title_of(transition),
        problem=refusal,
        help=_(HELP[transition.id]),
        facts=cards.facts(session, errand, actor),
        card=cards.card(session, errand, actor, now(), hall=False),
        suggested=suggested(errand) if transition.id == "assign" else [],
        back_url=url_for("errands.task", uid=errand.uid) if own else url_for("errands.board"),
    )


def _leave_out(form: Any, errand: Errand, step: str) -> None:
    """Asks only for what this errand needs: no box for an identity card that nobody has to show."""
    if step == "assign" and "two_people" not in (errand.needs or ()):
        del form.companion
    if step not in ("pick_up", "deliver"):
        return
    needs = errand_kinds.asked_at(errand, step)
    for need, name in (("id_check", "id_checked"), ("photo", "photos"), ("signature", "signature")):
        if need in needs:
            form[name].flags.required = True
        elif name == "signature" and step == "pick_up":
            # Whoever hands out the papers may sign all the same.
            form[name].flags.asked_when = None
        else:
            del form[name]


def _given(errand: Errand, form: Any) -> dict[str, Any]:
    """What was typed, with the photos kept beside the errand."""
    given = posted(form)
    if "photos" in form:
        given["photos"] = [
            files.store_document(db_session(), errand, current_actor(), f.read(), f.filename or "", "photo").uid
            for f in uploaded("photos")
        ]
    return given


def _choices(errand: Errand, step: str) -> dict[str, list[tuple[str, str]]]:
    if step != "assign":
        return {}
    found = [
        (
            one.courier.username,
            _(
                "%(name)s（%(point)s，%(n)s/%(limit)s 单）",
                name=one.courier.name,
                point=one.courier.point.name,
                n=one.courier.open,
                limit=one.courier.limit,
            ),
        )
        for one in dispatch.suggestions(db_session(), errand)
        if one.can
    ]
    return {"courier": found, "companion": found}


def suggested(errand: Errand) -> list[Any]:
    """Whom the dispatcher might send, each with the reasons in words."""
    return [
        SimpleNamespace(
            username=one.courier.username,
            name=one.courier.name,
            point=one.courier.point.name,
            can=one.can,
            reasons=[SimpleNamespace(text=_said(reason), weight=reason.weight) for reason in one.reasons],
        )
        for one in dispatch.suggestions(db_session(), errand)
    ]


def _said(reason: dispatch.Reason) -> str:
    """The sentence of a reason with its words in the reader's language."""
    params = {
        name: _(value) if isinstance(value, str) and name == "where" else value for name, value in reason.params.items()
    }
    return _(reason.text, **params)
