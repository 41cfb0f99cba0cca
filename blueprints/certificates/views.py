"""The print desk and the papers themselves: what waits, the frozen PDF, one logged print after another."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from flask import Blueprint, Response, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required
from sqlalchemy import select
from sqlalchemy.orm import joinedload, selectinload

from blueprints import present
from blueprints.content.actions import url_of
from blueprints.context import current_actor, db_session, load_or_404
from models.content import Content
from models.paper import Certificate, Paper
from process import access, engine, guards, journal
from process.library import library
from process.masking import mask_name
from process.refusals import NotFound, RequirementUnmet
from services import certificates, papers_out, print_desk, print_records
from services.search import matching

bp = Blueprint("certificates", __name__)
PAGE = 50
WORK = ("drafted", "numbered", "sealed", "printed", "issued")
CLOSED = ("delivered", "voided", "replaced")
# What a paper of a certificate needs before it may be printed in a run.
PRINTABLE = ("sealed", "printed", "issued", "delivered")


@bp.get("/certificates")
@login_required
def index() -> ResponseReturnValue:
    """What waits, state by state, with the paper's own status and the next step."""
    session, actor = db_session(), current_actor()
    state = request.args.get("state", "")
    words = " ".join(request.args.get("q", "").split())[:100]
    statement = access.visible(select(Certificate), actor, Certificate).options(
        *present.list_options(Certificate),
        joinedload(Certificate.paper),
        joinedload(Certificate.case),
        selectinload(Certificate.places),
        selectinload(Certificate.people),
    )
    if state in (*WORK, *CLOSED):
        statement = statement.where(Certificate.state == state)
    elif not words and actor.resident_id is None:
        statement = statement.where(Certificate.state.in_(WORK))
    if words:
        statement = statement.where(matching(session, actor, words, Certificate))
    after = request.args.get("after", "")
    if after.isdecimal() and len(after) < 19:
        statement = statement.where(Certificate.id < int(after))
    found = list(session.scalars(statement.order_by(Certificate.id.desc()).limit(PAGE + 1)).unique())
    shown = found[:PAGE]
    guards.prefetch(session, shown)
    rows = [_row(certificate) for certificate in shown]
    definition = library.workflows["certificate"]
    order = {s: n for n, s in enumerate(definition.states)}
    groups = [
        SimpleNamespace(id=s, title=present.title_of(definition.states[s]), rows=[r for r in rows if r.state_id == s])
        for s in sorted({r.state_id for r in rows}, key=lambda s: order[s])
    ]
    # Numbers, seals and printing are the office's work; a holder has few and sees them all.
    own = actor.resident_id is not None
    filters = []
    if not own:
        filters = [
            SimpleNamespace(label=_("要办的"), url=url_for("certificates.index"), active=not state and not words)
        ]
        filters += [
            SimpleNamespace(
                label=present.title_of(s), url=url_for("certificates.index", state=s.id), active=state == s.id
            )
            for s in definition.states.values()
        ]
    return render_template(
        "certificates/index.html",
        groups=groups,
        filters=filters,
        own=own,
        q=words,
        filtered=bool(words or state),
        failed=_failed(),
        desk_url=_desk_url(actor),
        next_url=url_for("certificates.index", state=state or None, q=words or None, after=shown[-1].id)
        if len(found) > PAGE
        else None,
    )


def _desk_url(actor: access.Actor) -> str | None:
    """The page of the print desk that this person has something to do on."""
    pages = (
        ("printing.index", print_desk.DESK),
        ("printing.requests", print_desk.SECONDS),
        ("printing.records", print_desk.LOOKERS),
    )
    return next((url_for(page) for page, roles in pages if not roles.isdisjoint(actor.roles)), None)


def _row(certificate: Certificate) -> Any:
    session, actor = db_session(), current_actor()
    steps = sorted(engine.available(certificate, actor), key=lambda t: (not t.primary, t.dangerous))
    first = next((t for t in steps if t.primary), None)
    definition = library.of(certificate, session)
    return SimpleNamespace(
        url=url_for("content.show", uid=certificate.uid),
        number=certificate.number or _("还没有编号"),
        title=certificate.title,
        state_id=certificate.state,
        case=certificate.case.number,
        who="、".join(mask_name(n) for n in certificate.holder_name.split("、")),
        paper=paper_view(certificate.paper),
        expired=certificates.has_expired(certificate) and certificate.state in ("issued", "delivered"),
        state=present.state_view(definition.states[certificate.state]),
        deadline=present.deadline_view(session, certificate, definition),
        preview_url=url_for("certificates.draft", uid=certificate.uid, paper=certificate.paper_kind)
        if certificate.state == "drafted" and access.may(actor, access.VIEW_FULL, certificate, session)
        else None,
        action=present.Link(present.title_of(first), url_of(certificate, first)) if first else None,
        post=first is not None and not first.inputs,
        version=certificate.version,
    )


def paper_view(paper: Paper | None) -> Any:
    """生成中, 可打印 or 失败 with its reason, in the words of the print desk."""
    if paper is None:
        return None
    words = {"waiting": (_("生成中"), "waiting"), "ready": (_("可打印"), "done"), "failed": (_("没有生成"), "late")}
    label, tone = words[paper.status]
    if not paper.valid:
        label, tone = _("已作废"), "late"
    elif paper.status == "ready" and paper.prints:
        label = _("已打印 %(n)s 次", n=paper.prints)
    return SimpleNamespace(
        label=label,
        tone=tone,
        error=paper.error or "",
        url=url_for("certificates.paper", uid=paper.uid),
        status=paper.status,
    )


def _failed() -> list[Any]:
    """Papers that could not be drawn: first on the desk, because nobody else will notice."""
    statement = access.visible(
        select(Paper).join(Content, Content.id == Paper.content_id).where(Paper.status == "failed", Paper.valid),
        current_actor(),
        Content,
    )
    found = db_session().scalars(statement.options(joinedload(Paper.content)).order_by(Paper.id.desc()).limit(10))
    return [
        SimpleNamespace(
            title=p.title,
            number=present.number_of(p.content),
            why=p.error or _("原因不明"),
            uid=p.uid,
            url=url_for("content.show", uid=p.content.uid),
        )
        for p in found
    ]


def _readable(uid: str) -> tuple[Paper, Content]:
    """The paper, for people who may see its thing in full or print it; to everybody else it does not exist."""
    session, actor = db_session(), current_actor()
    found = session.scalar(select(Paper).where(Paper.uid == uid))
    if found is None:
        raise NotFound()
    content = load_or_404(Content, found.content.uid)
    if not (access.may(actor, access.VIEW_FULL, content, session) or _may_print(content)):
        raise NotFound()
    return found, content


def _may_print(content: Content) -> bool:
    return access.may(current_actor(), "print", content, db_session())


@bp.get("/papers/<uid>.pdf")
@login_required
def paper(uid: str) -> ResponseReturnValue:
    """The frozen bytes, shown in the browser. Looking counts nothing."""
    found, content = _readable(uid)
    if found.status != "ready":
        answer = make_response(
            render_template(
                "certificates/waiting.html",
                paper=found,
                content=content,
                view=paper_view(found),
                may_redraw=_may_print(content),
            ),
            202 if found.status == "waiting" else 422,
        )
        if found.status == "waiting":
            answer.headers["Refresh"] = "3"
        return answer
    return _pdf(papers_out.pdf(found), f"{found.title}{found.number or ''}.pdf")


@bp.post("/papers/<uid>/print")
@login_required
def print_paper(uid: str) -> ResponseReturnValue:
    """Every print is written down before the bytes go out."""
    found, content = _readable(uid)
    if not _may_print(content):
        raise NotFound()
    if isinstance(content, Certificate) and content.paper_id == found.id:
        if content.state not in PRINTABLE:
            raise RequirementUnmet(_("“%(title)s”还没有用印，不能打印。请先编号、用印。", title=content.title))
        if found.prints and current_actor().resident_id is None:
            # A second copy of a certificate has a reason; the step asks for it.
            return redirect(url_for("content.do", uid=content.uid, transition="reprint"), 303)
        if content.state == "sealed":
            # The first print of a certificate is a step of its own, whichever button it was.
            engine.fire(content, "print", current_actor())
            return redirect(url_for("certificates.paper", uid=uid), 303)
    papers_out.pdf(found)
    print_records.record(db_session(), found, content, current_actor(), print_records.Printing())
    journal.record(
        db_session(),
        "paper:print",
        current_actor(),
        content=content,
        details={"paper": found.paper, "print": found.prints},
    )
    return redirect(url_for("certificates.paper", uid=uid), 303)


@bp.post("/papers/<uid>/redraw")
@login_required
def redraw(uid: str) -> ResponseReturnValue:
    found, content = _readable(uid)
    if not _may_print(content):
        raise NotFound()
    papers_out.draw_again(db_session(), found)
    flash(_("“%(title)s”正在重新生成，过几秒刷新再看。", title=found.title), "info")
    return redirect(url_for("certificates.paper", uid=uid), 303)


@bp.get("/c/<uid>/draft/<paper>.pdf")
@login_required
def draft(uid: str, paper: str) -> ResponseReturnValue:
    """样张: how it would look now, without a number."""
    content = load_or_404(Content, uid, access.VIEW_FULL)
    if paper not in papers_out.known_papers():
        raise NotFound(_("没有这种文书可以预览。"))
    return _pdf(papers_out.draft_pdf(db_session(), content, paper, current_actor()), f"{content.title}样张.pdf")


def _pdf(content: bytes, filename: str) -> Response:
    response = Response(content, mimetype="application/pdf")
    response.headers.set("Content-Disposition", "inline", filename=filename)
    return response
