"""Papers as PDF: the frozen bytes, a draft, or an honest «not yet»."""

from __future__ import annotations

from flask import Response, request
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.orm import Session

from blueprints.api import bp
from blueprints.api.reading import remember_reading
from blueprints.context import current_actor, db_session, load_or_404
from blueprints.errors import problem
from models.case import Case
from models.content import Content
from models.paper import Certificate, Paper
from process import access
from process.access import Actor
from process.refusals import Forbidden, InvalidInput, NotFound
from services import papers_out

RETRY_SECONDS = 2


@bp.get("/v1/contents/<uid>/papers/<paper>.pdf", endpoint="paper")
def paper(uid: str, paper: str) -> ResponseReturnValue:
    """The newest paper of this kind; while it is still drawn 202, never an empty file."""
    content, session, actor = load_or_404(Content, uid), db_session(), current_actor()
    if not (access.may(actor, "print", content, session) or access.may(actor, access.VIEW_FULL, content, session)):
        raise Forbidden("这一件的文书不能由您打印或查看。")
    if paper not in papers_out.known_papers():
        raise NotFound(f"没有名为“{paper[:40]}”的文书。")
    if request.args.get("draft") not in (None, "", "0"):
        if request.args["draft"] != "1":
            raise InvalidInput("draft 只能是 1（看样张）。", {"draft": "只能是 1"})
        return _pdf(papers_out.draft_pdf(session, content, paper, actor), f"{paper}-draft.pdf")
    found = session.scalar(
        select(Paper)
        .where(Paper.content_id.in_(_holders(session, content, actor)), Paper.paper == paper)
        .order_by(Paper.id.desc())
        .limit(1)
    )
    if found is None:
        raise NotFound("这一件还没有制作这种文书。加上 ?draft=1 可以先看样张。")
    if found.status == papers_out.WAITING:
        answer = problem(202, "rendering", "文书正在生成", f"“{found.title}”正在生成，请过几秒再取。")
        answer.headers["Retry-After"] = str(RETRY_SECONDS)
        return answer
    remember_reading(content)
    return _pdf(papers_out.pdf(found), f"{found.number or paper}.pdf")


def _holders(session: Session, content: Content, actor: Actor) -> list[int]:
    """The thing itself, and for a case the certificates that came of it: who asks for the case means its result too."""
    holders = [content.id]
    if isinstance(content, Case):
        results = session.scalars(
            access.visible(select(Certificate).where(Certificate.case_id == content.id), actor, Certificate)
        )
        holders += [
            c.id
            for c in results
            if access.may(actor, "print", c, session) or access.may(actor, access.VIEW_FULL, c, session)
        ]
    return holders


def _pdf(content: bytes, name: str) -> Response:
    answer = Response(content, mimetype="application/pdf")
    answer.headers.set("Content-Disposition", "inline", filename=name)
    return answer
