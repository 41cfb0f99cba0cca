"""The queue of the print desk and its batches: choose one or hundreds, press once, see what became of each."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from flask import Response, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required

from blueprints import present
from blueprints.context import db_session
from blueprints.printing.bp import at_the_desk, bp, tabs
from models.paper import Certificate
from models.print_batch import PrintBatch, PrintLine
from process.masking import mask_name
from process.refusals import InvalidInput, NotFound, Refusal
from services import batches, files, print_desk, printers

PAGE = 200


@bp.get("/")
@login_required
def index() -> ResponseReturnValue:
    return queue_page()


def queue_page(refusal: Refusal | None = None) -> ResponseReturnValue:
    """What waits; after a refusal the same page with what was chosen and typed still there."""
    actor, session = at_the_desk(print_desk.DESK), db_session()
    show = request.values.get("show", "print")
    show = show if show in ("print", "make", "failed") else "print"
    kind = request.values.get("kind", "")[:60]
    after = request.args.get("after", "")
    begin = int(after) if after.isdecimal() and len(after) < 19 else 0
    found = print_desk.queue(session, actor, show, kind, begin, PAGE + 1)
    counts = print_desk.counts(session, actor)
    labels = {"print": _("待打印"), "make": _("待编号用印"), "failed": _("没有生成")}
    html = render_template(
        "printing/index.html",
        tabs=tabs("printing.index"),
        show=show,
        kind=kind,
        filters=[
            SimpleNamespace(label=label, url=url_for("printing.index", show=key), active=key == show, count=counts[key])
            for key, label in labels.items()
        ],
        kinds=_kinds(found),
        rows=[_row(one) for one in found[:PAGE]],
        chosen=frozenset(request.form.getlist("uid")),
        printers=printers.mine(session, actor, active=True),
        values=request.form,
        refusal=refusal,
        next_url=url_for("printing.index", show=show, kind=kind or None, after=found[PAGE - 1].id)
        if len(found) > PAGE
        else None,
    )
    return (html, refusal.status) if refusal is not None else html


def _kinds(found: list[Certificate]) -> list[tuple[str, str]]:
    return sorted({(one.paper_kind, one.title) for one in found})


def _row(one: Certificate) -> Any:
    from services.papers.definition import load

    return SimpleNamespace(
        uid=one.uid,
        number=one.number or _("还没有编号"),
        url=url_for("content.show", uid=one.uid),
        who="、".join(mask_name(name) for name in one.holder_name.split("、")),
        title=one.title,
        case=one.case.number,
        unit=one.place.name,
        since=present.moment(one.modified_at),
        stock=load(one.paper_kind).terms.overprint is not None,
        problem=one.paper.error if one.paper is not None and one.paper.status == "failed" else "",
        paper_uid=one.paper.uid if one.paper is not None else "",
        pdf=url_for("certificates.paper", uid=one.paper.uid)
        if one.paper is not None and one.paper.status == "ready"
        else None,
        draft=url_for("certificates.draft", uid=one.uid, paper=one.paper_kind) if one.state == "drafted" else None,
    )


@bp.post("/batches")
@login_required
def start() -> ResponseReturnValue:
    """The one press: make or print all that are ticked."""
    actor, session = at_the_desk(print_desk.DESK), db_session()
    uids = request.form.getlist("uid")
    try:
        with session.begin_nested():
            if request.form.get("show") == "make":
                batch = batches.start_make(session, actor, uids, request.form.get("reason"))
            else:
                batch = batches.start_print(session, actor, uids, request.form)
    except NotFound:
        raise
    except Refusal as refusal:
        session.expire_all()
        return queue_page(refusal)
    return redirect(url_for("printing.batch", uid=batch.uid), 303)


# --- Batches


@bp.get("/batches", endpoint="batches")
@login_required
def batches_list() -> ResponseReturnValue:
    actor = at_the_desk(print_desk.DESK)
    found = batches.recent(db_session(), actor)
    return render_template(
        "printing/batches.html",
        tabs=tabs("printing.batches"),
        rows=[(one, batch_view(one)) for one in found],
        moment=present.moment,
    )


def batch_view(batch: PrintBatch) -> Any:
    """How far a batch is, in the words of the desk."""
    handled = batch.done + batch.failed
    if batch.status == "stopped":
        label, tone = _("停下了"), "late"
    elif batch.status == "running":
        label, tone = _("正在办"), "running"
    else:
        label, tone = (_("办完，有 %(n)s 张没成", n=batch.failed), "late") if batch.failed else (_("已办完"), "done")
    return SimpleNamespace(
        label=label,
        tone=tone,
        title=_("批量打印") if batch.kind == batches.PRINT_KIND else _("批量制证"),
        handled=handled,
        percent=round(handled * 100 / batch.total) if batch.total else 100,
        running=batch.status == "running",
        # The pieces are there; only joining them is left.
        joining=batch.status == "running" and handled == batch.total,
        url=url_for("printing.batch", uid=batch.uid),
        file_url=url_for("printing.file", uid=batch.uid) if batch.storage_key else None,
        may_again=batch.status != "running" and batch.failed > 0 and not batch.sha256,
        swept=batch.sha256 is not None and batch.storage_key is None,
    )


@bp.get("/batches/<uid>")
@login_required
def batch(uid: str) -> ResponseReturnValue:
    return batch_page(uid)


def batch_page(uid: str, refusal: Refusal | None = None) -> ResponseReturnValue:
    actor, session = at_the_desk(print_desk.DESK), db_session()
    found = batches.load(session, actor, uid)
    after = request.args.get("after", "")
    lines = batches.lines(session, found, int(after) if after.isdecimal() and len(after) < 9 else 0)
    view = batch_view(found)
    answer = make_response(
        render_template(
            "printing/batch.html",
            tabs=tabs("printing.batches"),
            batch=found,
            view=view,
            rows=[_line(found, line) for line in lines],
            kept_days=batches.FILE_KEPT.days,
            refusal=refusal,
            moment=present.moment,
            next_url=url_for("printing.batch", uid=uid, after=max(line.position for line in lines))
            if len(lines) == 200
            else None,
        ),
        refusal.status if refusal else 200,
    )
    if view.running and refusal is None:
        answer.headers["Refresh"] = "2"
    return answer


def _line(batch: PrintBatch, line: PrintLine) -> Any:
    words = {
        "waiting": (_("等着"), "waiting"),
        "drawing": (_("已编号，生成中"), "running"),
        "done": (_("已打印") if batch.kind == batches.PRINT_KIND else _("已用印，可打印"), "done"),
        "failed": (_("没有办成"), "late"),
        "spoiled": (_("打坏了"), "late"),
    }
    certificate = line.certificate
    label, tone = words[line.status]
    return SimpleNamespace(
        position=line.position,
        number=certificate.number or _("还没有编号"),
        url=url_for("content.show", uid=certificate.uid),
        who="、".join(mask_name(name) for name in certificate.holder_name.split("、")),
        title=certificate.title,
        label=label,
        tone=tone,
        problem=line.problem,
        serial=line.blank.serial if line.blank is not None else "",
        pages=line.pages,
        pdf=url_for("certificates.paper", uid=certificate.paper.uid)
        if certificate.paper is not None and certificate.paper.status == "ready"
        else None,
        may_spoil=batch.kind == batches.PRINT_KIND and line.status == "done",
        may_reprint=line.status == "spoiled",
        reprint_url=url_for("content.do", uid=certificate.uid, transition="reprint"),
    )


@bp.get("/batches/<uid>/file.pdf")
@login_required
def file(uid: str) -> ResponseReturnValue:
    """The one file for the printer. Each of its prints was counted when it was made."""
    found = batches.load(db_session(), at_the_desk(print_desk.DESK), uid)
    if found.storage_key is None:
        if found.sha256 is not None:
            raise NotFound(
                _("这一批的合并文件已过 %(n)s 天，不再保存。要再打的，请到那一张的页面补打。", n=batches.FILE_KEPT.days)
            )
        raise NotFound(_("这一批还没有打印文件。"))
    answer = Response(files.store().read(found.storage_key), mimetype="application/pdf")
    answer.headers.set("Content-Disposition", "inline", filename=f"打印批次{found.uid[:6]}.pdf")
    return answer


@bp.post("/batches/<uid>/again")
@login_required
def again(uid: str) -> ResponseReturnValue:
    actor, session = at_the_desk(print_desk.DESK), db_session()
    found = batches.load(session, actor, uid)
    count = batches.again(session, actor, found)
    flash(_("%(n)s 张正在再办一次。", n=count), "info")
    return redirect(url_for("printing.batch", uid=uid), 303)


@bp.post("/batches/<uid>/lines/<int:position>/spoil")
@login_required
def spoil(uid: str, position: int) -> ResponseReturnValue:
    """打坏了: with a reason; the sheet is written off and the certificate can be reprinted."""
    actor, session = at_the_desk(print_desk.DESK), db_session()
    found = batches.load(session, actor, uid)
    try:
        with session.begin_nested():
            batches.spoil_line(session, actor, found, position, request.form.get("reason"))
    except InvalidInput as refusal:
        session.expire_all()
        return batch_page(uid, refusal)
    flash(_("已登记打坏。这张证照可以补打，补打时写明原因。"), "success")
    return redirect(url_for("printing.batch", uid=uid), 303)
