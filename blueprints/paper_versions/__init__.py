"""文书模板: the papers of the office and their versions — uploaded, compared, approved by a second person, published."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user, login_required

from blueprints import present
from blueprints.context import current_actor, db_session
from blueprints.unit_of_work import BEFOREHAND
from models.paper_template import PaperTemplate
from process.refusals import Forbidden, InvalidInput, NotFound
from services import paper_admissions, paper_comparison, paper_versions, papers_generic
from services.papers import definition, folders, own, trial
from services.papers.errors import DefinitionError, PaperError

bp = Blueprint("paper_versions", __name__, url_prefix="/paper-versions")
SHIPPED = "shipped"


def _reader() -> bool:
    """Lets readers in; answers whether they may change something too."""
    roles = current_actor().roles
    if paper_versions.READERS.isdisjoint(roles):
        raise NotFound()
    return not paper_versions.EDITORS.isdisjoint(roles)


def _editor() -> None:
    if not _reader():
        raise Forbidden(_("文书模板由系统管理员修改。您可以看，改动请联系系统管理员。"))


def _known(paper: str) -> None:
    if not paper_versions.known(db_session(), paper):
        raise NotFound()


@bp.get("")
@login_required
def index() -> ResponseReturnValue:
    may_edit = _reader()
    return render_template(
        "paper_versions/index.html",
        rows=paper_versions.papers(db_session()),
        is_shipped=own.is_shipped,
        may_edit=may_edit,
        moment=present.moment,
        speed=paper_admissions.states(),
        speed_words=_speed_words,
        speed_mode=paper_admissions.mode(),
        speed_lacks=paper_admissions.lacking(),
    )


@bp.route("/upload", methods=["GET", "POST"])
@login_required
def upload() -> ResponseReturnValue:
    """A folder as a .zip; nothing is kept before everything in it was checked and printed."""
    _editor()
    if request.method == "GET":
        return _uploading()
    note, made = request.form.get("note", ""), g.examined
    if isinstance(made, DefinitionError):
        return _uploading(problem=made, note=note), 422
    if isinstance(made, InvalidInput):
        return _uploading(refusal=made, note=note), 422
    return _kept(*paper_versions.keep(db_session(), current_actor(), made))


def _examine_upload() -> None:
    """Before the writing begins: the check prints the folder four times, and nobody else should wait for that."""
    if not current_user.is_authenticated:
        return
    _editor()
    file = request.files.get("file")
    data = file.read(folders.MOST_BYTES + 1) if file is not None and file.filename else b""
    if file is not None:
        file.stream.seek(0)
    note, expected = request.form.get("note", ""), request.form.get("paper") or None
    try:
        g.examined = paper_versions.examine(db_session(), current_actor(), data, note, expected=expected)
    except (DefinitionError, InvalidInput) as problem:
        g.examined = problem


BEFOREHAND["paper_versions.upload"] = _examine_upload


def _uploading(*, problem: DefinitionError | None = None, refusal: InvalidInput | None = None, note: str = "") -> str:
    return render_template(
        "paper_versions/upload.html",
        paper=request.values.get("paper", "")[:60],
        problem=problem,
        refusal=refusal,
        note=note[: paper_versions.LONGEST_REASON],
        sources=papers_generic.SOURCES,
    )


def _kept(row: PaperTemplate, found: list[trial.Tried]) -> ResponseReturnValue:
    flash(_("已上传并检查过，等另一个人审核。"), "success")
    for one in found:
        if one.problem:
            flash(_("最长的数据会被拒绝：%(why)s", why=one.problem), "info")
    return redirect(url_for("paper_versions.compare", paper=row.paper, template_id=row.id), 303)


@bp.get("/<paper>")
@login_required
def show(paper: str) -> ResponseReturnValue:
    may_edit = _reader()
    _known(paper)
    session = db_session()
    releases = paper_versions.releases(session, paper)
    return render_template(
        "paper_versions/show.html",
        paper=paper,
        title=_title(paper),
        shipped=own.is_shipped(paper),
        current=paper_versions.current(session, paper),
        last=paper_versions.last_release(session, paper),
        versions=paper_versions.versions(session, paper),
        releases=releases,
        may_edit=may_edit,
        moment=present.moment,
    )


def _title(paper: str) -> str:
    try:
        return definition.load(paper).title_zh
    except DefinitionError:
        return next(iter(paper_versions.versions(db_session(), paper))).title


@bp.route("/<paper>/edit", methods=["GET", "POST"])
@login_required
def edit(paper: str) -> ResponseReturnValue:
    """The texts of the version in force, to be changed in the browser; it becomes an uploaded version like any other."""
    _editor()
    _known(paper)
    session = db_session()
    files = paper_versions.files_in_force(session, paper)
    texts = {name: files[name].decode("utf-8", "replace") for name in folders.TEXTS}
    problem: PaperError | InvalidInput | None = None
    if request.method == "POST":
        texts |= _typed()
        if isinstance(g.examined, paper_versions.Examined):
            return _kept(*paper_versions.keep(session, current_actor(), g.examined))
        problem = g.examined
    page = render_template(
        "paper_versions/edit.html",
        paper=paper,
        title=_title(paper),
        texts=texts,
        problem=problem,
        note=request.form.get("note", "")[: paper_versions.LONGEST_REASON],
    )
    return page, 422 if problem else 200


def _typed() -> dict[str, str]:
    return {name: request.form[name][: folders.MOST_TEXT + 1] for name in folders.TEXTS if name in request.form}


def _examine_texts() -> None:
    if not current_user.is_authenticated:
        return
    _editor()
    paper = str((request.view_args or {})["paper"])
    _known(paper)
    note = request.form.get("note", "")
    try:
        g.examined = paper_versions.examine_texts(db_session(), current_actor(), paper, _typed(), note)
    except (DefinitionError, InvalidInput) as problem:
        g.examined = problem


BEFOREHAND["paper_versions.edit"] = _examine_texts


@bp.get("/<paper>/<int:template_id>")
@login_required
def compare(paper: str, template_id: int) -> ResponseReturnValue:
    """One version beside the one in force: the same data printed with both, and what changed."""
    may_edit = _reader()
    return _comparing(_row(paper, template_id), may_edit)


def _comparing(row: PaperTemplate, may_edit: bool, refusal: InvalidInput | None = None) -> str:
    session, actor = db_session(), current_actor()
    present_id = paper_versions.current(session, row.paper)
    other = present_id if present_id != row.id else None
    old, new = paper_versions.paper_of(session, row.paper, other), paper_versions.paper_of(session, row.paper, row.id)
    assert new is not None, "an uploaded version has a paper"
    return render_template(
        "paper_versions/compare.html",
        row=row,
        old=old,
        new=new,
        other=SHIPPED if other is None else other,
        old_is_current=present_id == other,
        current=present_id == row.id,
        changes=paper_comparison.differences(old, new),
        lines=paper_comparison.text_changes(
            paper_versions.files_of(session, row.paper, other), paper_versions.files_of(session, row.paper, row.id)
        ),
        cases=[(case, _case_titles()[case]) for case in trial.CASES],
        shown=_shown(old, new) if trial.can_show() else [],
        last=paper_versions.last_release(session, row.paper),
        may_edit=may_edit,
        may_decide=not paper_versions.APPROVERS.isdisjoint(actor.roles) and row.uploaded_by_id != actor.person_id,
        is_mine=row.uploaded_by_id == actor.person_id,
        refusal=refusal,
        reason=request.form.get("reason", "")[: paper_versions.LONGEST_REASON],
        state_words=_state_words(),
        moment=present.moment,
    )


def _shown(old: definition.Paper | None, new: definition.Paper) -> list[tuple[int, bool, bool]]:
    """Which pages of the sample there are to look at: number, in the old version, in the new one."""
    before = len(trial.pictures(old, trial.SAMPLE)) if old is not None else 0
    after = len(trial.pictures(new, trial.SAMPLE))
    return [(page, page <= before, page <= after) for page in range(1, max(before, after) + 1)]


def _row(paper: str, template_id: int) -> PaperTemplate:
    row = paper_versions.get(db_session(), template_id)
    if row.paper != paper:
        raise NotFound()
    return row


@bp.get("/<paper>/<version>/<case>.pdf")
@login_required
def pdf(paper: str, version: str, case: str) -> ResponseReturnValue:
    """A version printed with one kind of data, in the limited child."""
    _reader()
    if case not in trial.CASES:
        raise NotFound()
    found = paper_versions.paper_of(db_session(), paper, _template_id(paper, version))
    if found is None:
        raise NotFound()
    answer = Response(trial.printed(found, case), mimetype="application/pdf")
    answer.headers["Content-Disposition"] = f'inline; filename="{paper}-{version}-{case}.pdf"'
    return answer


@bp.get("/<paper>/<version>/<case>-<int:page>.png")
@login_required
def picture(paper: str, version: str, case: str, page: int) -> ResponseReturnValue:
    """One page of the same print as a picture, so that two versions stand beside each other."""
    _reader()
    if case not in trial.CASES:
        raise NotFound()
    found = paper_versions.paper_of(db_session(), paper, _template_id(paper, version))
    pages = trial.pictures(found, case) if found is not None else ()
    if not 1 <= page <= len(pages):
        raise NotFound()
    return Response(pages[page - 1], mimetype="image/png")


@bp.get("/<paper>/<version>.zip")
@login_required
def archive(paper: str, version: str) -> ResponseReturnValue:
    """A version as a folder, to be changed elsewhere and uploaded again."""
    _reader()
    body = paper_versions.archive(db_session(), paper, _template_id(paper, version))
    answer = Response(body, mimetype="application/zip")
    answer.headers["Content-Disposition"] = f'attachment; filename="{paper}-{version}.zip"'
    return answer


def _template_id(paper: str, version: str) -> int | None:
    if version == SHIPPED:
        return None
    if not (version.isascii() and version.isdigit() and len(version) < 10):
        raise NotFound()
    return _row(paper, int(version)).id


@bp.post("/<paper>/<int:template_id>/decide")
@login_required
def decide(paper: str, template_id: int) -> ResponseReturnValue:
    """A second person approves or refuses; an administrator takes a version back."""
    may_edit = _reader()
    session, actor, reason = db_session(), current_actor(), request.form.get("reason", "")
    if paper_versions.APPROVERS.isdisjoint(actor.roles):
        raise Forbidden(_("文书模板由事项管理员或另一位系统管理员审核。"))
    row = _row(paper, template_id)
    steps: dict[str, Any] = {
        "approve": paper_versions.approve,
        "refuse": paper_versions.refuse,
        "withdraw": paper_versions.withdraw,
    }
    step = steps.get(request.form.get("do", ""))
    if step is None:
        raise NotFound()
    try:
        step(session, actor, row.id, reason)
    except InvalidInput as refusal:
        return _comparing(row, may_edit, refusal), 422
    flash(_("已记下。"), "success")
    return redirect(url_for("paper_versions.compare", paper=paper, template_id=template_id), 303)


@bp.post("/<paper>/publish")
@login_required
def publish(paper: str) -> ResponseReturnValue:
    """Puts an approved version in force, an earlier one again, or what came with the software."""
    _editor()
    seen = request.form.get("seen", "")
    paper_versions.publish(
        db_session(),
        current_actor(),
        paper,
        _template_id(paper, request.form.get("version", "")),
        request.form.get("reason", ""),
        rehearsed=bool(g.get("rehearsed")),
        seen=int(seen) if seen.isascii() and seen.isdigit() and len(seen) < 10 else None,
    )
    own.forget()
    flash(_("已换版本：从现在起新出的文书按它印，已出的不变。"), "success")
    return redirect(url_for("paper_versions.show", paper=paper), 303)


def _rehearse() -> None:
    if not current_user.is_authenticated:
        return
    _editor()
    paper = str((request.view_args or {})["paper"])
    wanted = _template_id(paper, request.form.get("version", ""))
    g.rehearsed = paper_versions.rehearse(db_session(), current_actor(), paper, wanted)


BEFOREHAND["paper_versions.publish"] = _rehearse


def _case_titles() -> dict[str, str]:
    return {
        trial.SAMPLE: _("样例数据"),
        trial.DRAFT: _("样张"),
        trial.HOSTILE: _("带标记的数据"),
        trial.LONGEST: _("最长的数据"),
    }


def _state_words() -> dict[str, str]:
    return {"uploaded": _("待审核"), "approved": _("已审核"), "refused": _("未同意"), "withdrawn": _("已撤回")}


def _speed_words(told: paper_admissions.Told) -> str:
    """Why a version stays on the ordinary way, for people; what the comparison said word for word stands beside it."""
    return {
        paper_admissions.DIFFERS: _("与普通排版不一致"),
        paper_admissions.NOT_FIXED: _("没有固定的栏位"),
        paper_admissions.MOSTLY_ORDINARY: _("多数份数只能走普通排版"),
        paper_admissions.TOO_FEW: _("比对的份数不够"),
        paper_admissions.FAILED: _("比对一再中断"),
    }.get(told.verdict, told.reason)
