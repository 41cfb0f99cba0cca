"""Rows from Excel: template, upload, preview, one button that writes everything or nothing, report."""

from __future__ import annotations

import io
from types import SimpleNamespace
from typing import Any

from flask import Response, flash, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required
from openpyxl import Workbook
from openpyxl.styles import Font, PatternFill

from blueprints import present
from blueprints.context import current_actor, db_session
from blueprints.lists.bp import bp
from blueprints.lists.taking import XLSX
from models.sheets import SheetImport
from process.refusals import NotFound, Refusal
from services import imports
from services.imports import reading, runs
from services.imports.kinds import ImportKind

SHOWN = 100


def states() -> dict[str, tuple[str, str]]:
    """Word and tone of every state of an import."""
    return {
        "checking": (_("正在检查"), "running"),
        "checked": (_("检查通过，等您确认"), "needs"),
        "refused": (_("有要改的地方"), "late"),
        "writing": (_("正在写入"), "running"),
        "done": (_("已导入"), "done"),
        "failed": (_("没有导入"), "late"),
    }


@bp.get("/import")
@login_required
def importing() -> ResponseReturnValue:
    """What I may bring in, and what I brought in before."""
    actor = current_actor()
    kinds = [kind for kind in imports.KINDS.values() if kind.may(actor)]
    if not kinds:
        raise NotFound()
    return render_template(
        "lists/importing.html", kinds=kinds, rows=[_line(one) for one in imports.mine(db_session(), actor)]
    )


@bp.route("/import/<kind>", methods=["GET", "POST"])
@login_required
def upload(kind: str) -> ResponseReturnValue:
    """Takes a file in; a file that is no such table comes back with why."""
    session, actor = db_session(), current_actor()
    known = imports.kind_of(kind, actor)
    wrong: Refusal | None = None
    if request.method == "POST":
        file = request.files.get("file")
        content = file.stream.read(reading.MAX_BYTES + 1) if file is not None else b""
        try:
            with session.begin_nested():
                made = imports.accept(session, actor, kind, content, (file.filename if file else "") or "")
        except Refusal as refusal:
            if refusal.status != 422:
                raise
            wrong = refusal
        else:
            return redirect(url_for("lists.imported", uid=made.uid), 303)
    page = render_template("lists/upload.html", kind=known, wrong=wrong, most=reading.MAX_ROWS)
    return page, wrong.status if wrong is not None else 200


@bp.get("/import/<kind>/template.xlsx")
@login_required
def template(kind: str) -> ResponseReturnValue:
    """The table to fill in."""
    known = imports.kind_of(kind, current_actor())
    return _file(_template(known), f"{known.title}模板.xlsx")


def _template(kind: ImportKind) -> bytes:
    book = Workbook()
    sheet = book.active
    sheet.title = "名单"
    sheet.append(kind.headings)
    for number, cell in enumerate(sheet[1], 1):
        cell.font, cell.fill = Font(bold=True), PatternFill("solid", fgColor="F6F7F9")
        letter = cell.column_letter
        sheet.column_dimensions[letter].width = 22
        # As text, so that eighteen digits stay eighteen digits.
        for row in range(2, 502):
            sheet.cell(row, number).number_format = "@"
    sheet.freeze_panes = "A2"
    notes = book.create_sheet("填写说明")
    for line in (
        *kind.notes,
        f"一次最多 {reading.MAX_ROWS} 行。请不要写公式。",
        "上传后先看预览，全部没有问题才能导入。",
    ):
        notes.append((line,))
    notes.append(("举例：" + "；".join(f"{name}：{example}" for name, example in kind.columns if example),))
    notes.column_dimensions["A"].width = 100
    kept = io.BytesIO()
    book.save(kept)
    return kept.getvalue()


@bp.get("/imports/<uid>")
@login_required
def imported(uid: str) -> ResponseReturnValue:
    """The preview, then what became of it."""
    session, actor = db_session(), current_actor()
    made = imports.load(session, actor, uid)
    before = runs.earlier(session, made)
    return render_template(
        "lists/imported.html",
        one=_line(made),
        kind=imports.KINDS[made.kind],
        findings=made.findings[:SHOWN],
        further=max(0, len(made.findings) - SHOWN),
        before=present.moment(before.done_at) if before is not None else "",
        busy=made.status in ("checking", "writing"),
    )


@bp.post("/imports/<uid>")
@login_required
def confirm(uid: str) -> ResponseReturnValue:
    """Writes everything or nothing."""
    made = imports.confirm(db_session(), current_actor(), uid)
    if made.status == "done":
        flash(_("已导入。"), "success")
    elif made.status == "failed":
        flash(made.problem, "error")
    else:
        flash(_("行数较多，正在后台写入，完成后这里会显示结果。"), "info")
    return redirect(url_for("lists.imported", uid=uid), 303)


@bp.get("/imports/<uid>/report.xlsx")
@login_required
def report(uid: str) -> ResponseReturnValue:
    """The findings as a file."""
    actor = current_actor()
    made = imports.load(db_session(), actor, uid)
    return _file(imports.report(made, imports.KINDS[made.kind], actor.name), f"导入报告-{made.uid[:6]}.xlsx")


def _line(made: SheetImport) -> Any:
    label, tone = states()[made.status]
    counts = {name: made.counts.get(name, 0) for name in runs.WORDS}
    expected = {name: made.counts.get(f"expect_{name}", 0) for name in runs.WORDS}
    return SimpleNamespace(
        uid=made.uid,
        title=_(imports.KINDS[made.kind].title),
        filename=made.filename,
        rows=made.rows,
        seen=made.seen,
        problems=len(made.findings),
        status=made.status,
        state=present.StateView(label, tone),
        problem=made.problem,
        at=present.moment(made.at),
        counts=counts if any(counts.values()) else None,
        expected=expected if any(expected.values()) else None,
        url=url_for("lists.imported", uid=made.uid),
    )


def _file(content: bytes, name: str) -> Response:
    answer = send_file(io.BytesIO(content), mimetype=XLSX, as_attachment=True, download_name=name)
    answer.headers["Cache-Control"] = "no-store"
    return answer
