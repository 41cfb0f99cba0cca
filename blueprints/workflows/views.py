"""The processes of the office: how each one goes, who may do what in which state, and changing one safely."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import get_locale
from flask_babel import gettext as _
from flask_login import login_required

from blueprints import present
from blueprints.context import current_actor, db_session
from blueprints.workflows import words
from catalogue import loader as catalogue
from models.release import ProcessRelease
from process import comparison, library, releases
from process.definition import Definition
from process.drawing import draw
from process.refusals import DefinitionError, Forbidden, InvalidInput, NotFound
from services import process_changes, process_trial

bp = Blueprint("workflows", __name__, url_prefix="/workflows")
# Who may look at how processes go, and who may change one.
READERS = frozenset({"system_admin", "supervisor", "catalogue_manager"})
EDITORS = frozenset({"system_admin"})


def _reader() -> bool:
    """Lets readers in; answers whether they may change something too."""
    roles = current_actor().roles
    if READERS.isdisjoint(roles):
        raise NotFound()
    return not EDITORS.isdisjoint(roles)


def _editor() -> None:
    if not _reader():
        raise Forbidden(_("流程由系统管理员修改。您可以看，改动请联系系统管理员。"))


@bp.get("/")
@login_required
def index() -> ResponseReturnValue:
    _reader()
    shelf = library.library
    invented = {kind.workflow for kind in shelf.types.values() if kind.illustrative}
    rows = [
        {
            "definition": definition,
            "illustrative": definition.id in invented,
            "released": definition.digest != shelf.shipped[definition.id].digest,
        }
        for definition in sorted(shelf.workflows.values(), key=lambda d: d.id)
    ]
    return render_template("workflows/index.html", rows=rows, title_of=present.title_of)


@bp.get("/<workflow>")
@login_required
def show(workflow: str) -> ResponseReturnValue:
    may_edit = _reader()
    definition, session = process_changes.in_force(workflow), db_session()
    released, migrations = process_changes.history(session, workflow)
    return render_template(
        "workflows/show.html",
        definition=definition,
        drawing=draw(definition, locale=str(get_locale())),
        drawing_for_phone=draw(definition, locale=str(get_locale()), vertical=True),
        table=words.matrix(definition, catalogue.roles()),
        notes=words.notes(definition),
        versions=_versions(definition, released),
        migrations=migrations,
        outdated=process_trial.outdated(session, definition) if may_edit else 0,
        may_edit=may_edit,
        title_of=present.title_of,
        moment=present.moment,
        shipped_changed=_shipped_changed(definition, released),
    )


def _versions(definition: Definition, released: Sequence[ProcessRelease]) -> list[dict[str, Any]]:
    found = [
        {"digest": r.digest, "at": r.at, "who": r.person.name if r.person else "", "reason": r.reason} for r in released
    ]
    shipped = library.library.shipped[definition.id].digest
    if all(v["digest"] != shipped for v in found):
        found.append({"digest": shipped, "at": None, "who": "", "reason": _("随软件提供")})
    return found


def _shipped_changed(definition: Definition, released: Sequence[ProcessRelease]) -> bool:
    """The office released a version of its own, and the software has brought another one since."""
    known = {r.digest for r in released} | {r.before for r in released}
    return bool(released) and library.library.shipped[definition.id].digest not in known


@bp.route("/<workflow>/edit", methods=["GET", "POST"])
@login_required
def edit(workflow: str) -> ResponseReturnValue:
    """Type or upload another version; what it would do is shown before anything happens."""
    _editor()
    present_one = process_changes.in_force(workflow)
    if request.method == "GET":
        return _editing(present_one, process_changes.source_of(present_one))
    source = request.form.get("source", "").replace("\r\n", "\n")
    try:
        upload = request.files.get("file")
        if upload is not None and upload.filename:
            source = process_changes.text_of(workflow, upload.read(process_changes.MAX_SOURCE + 1))
            source = source.replace("\r\n", "\n")
        definition = process_changes.read(workflow, source)
    except DefinitionError as error:
        # What is no text of a process is not drawn into the page either.
        return _editing(present_one, source[: process_changes.MAX_SOURCE], problem=error), 422
    if request.form.get("do") != "release":
        return _editing(present_one, source, new=definition)
    try:
        reason, seen = request.form.get("reason", ""), request.form.get("seen") or None
        process_changes.release(db_session(), current_actor(), definition, reason, seen=seen)
    except InvalidInput as refusal:
        return _editing(present_one, source, new=definition, refusal=refusal), 422
    releases.forget()
    flash(_("新版本已生效：新办的按它走，在办的仍按原来的版本，可在下面迁移。"), "success")
    return redirect(url_for("workflows.show", workflow=workflow), 303)


def _editing(
    definition: Definition,
    source: str,
    *,
    new: Definition | None = None,
    problem: DefinitionError | None = None,
    refusal: InvalidInput | None = None,
) -> str:
    tried = process_trial.dry_run(db_session(), new) if new else None
    # What was changed is the version that stood on the first page, not whatever is in force by now.
    seen = request.form.get("seen") or definition.digest
    return render_template(
        "workflows/edit.html",
        definition=definition,
        source=source,
        rows=min(max(source.count("\n") + 2, 12), 40),
        problem=problem,
        refusal=refusal,
        tried=tried,
        found=words.rows(comparison.differences(definition, new)) if new else None,
        gains=words.access_rows(tried, catalogue.roles()) if tried else [],
        drawing=draw(new, locale=str(get_locale())) if new else None,
        reason=request.form.get("reason", "")[:500],
        seen=seen,
        title_of=present.title_of,
        moment=present.moment,
    )


@bp.get("/<workflow>/source")
@login_required
def source(workflow: str) -> ResponseReturnValue:
    """The version in force as a file, to be edited elsewhere and uploaded again."""
    _reader()
    text = process_changes.source_of(process_changes.in_force(workflow))
    answer = Response(text, mimetype="application/yaml")
    answer.headers["Content-Disposition"] = f'attachment; filename="{workflow}.yaml"'
    return answer


@bp.get("/<workflow>/compare")
@login_required
def compare(workflow: str) -> ResponseReturnValue:
    """Two versions side by side."""
    _reader()
    session, definition = db_session(), process_changes.in_force(workflow)
    versions = _versions(definition, process_changes.history(session, workflow)[0])
    known = {v["digest"] for v in versions}
    old, new = request.args.get("old", ""), request.args.get("new", definition.digest)
    if old not in known or new not in known:
        raise NotFound()
    before, after = library.library.version(old, session), library.library.version(new, session)
    return render_template(
        "workflows/compare.html",
        definition=definition,
        found=words.rows(comparison.differences(before, after)),
        old=old,
        new=new,
        versions=versions,
        title_of=present.title_of,
        moment=present.moment,
    )


@bp.route("/<workflow>/migrate", methods=["GET", "POST"])
@login_required
def migrate(workflow: str) -> ResponseReturnValue:
    """Moves what is under way to the version in force: first the dry run, with a choice for each state that is no more."""
    _editor()
    session, definition = db_session(), process_changes.in_force(workflow)
    lost = process_trial.dry_run(session, definition).lost
    mapping = {state: request.form[f"to_{state}"] for state in lost if request.form.get(f"to_{state}")}
    refusal, reason = None, request.form.get("reason", "")
    if request.method == "POST":
        try:
            process_changes.start_migration(session, current_actor(), workflow, mapping, reason)
        except InvalidInput as error:
            refusal = error
        else:
            flash(_("迁移已开始，在后台一批一批地做，每一件的经过里都会写明。"), "success")
            return redirect(url_for("workflows.show", workflow=workflow), 303)
    tried = process_trial.dry_run(session, definition, mapping)
    page = render_template(
        "workflows/migrate.html",
        definition=definition,
        tried=tried,
        lost=lost,
        mapping=mapping,
        gains=words.access_rows(tried, catalogue.roles()),
        refusal=refusal,
        reason=reason[:500],
        title_of=present.title_of,
        moment=present.moment,
    )
    return page, 422 if refusal else 200


@bp.post("/<workflow>/migrations/<int:migration_id>/return")
@login_required
def give_back(workflow: str, migration_id: int) -> ResponseReturnValue:
    """Takes a migration back."""
    _editor()
    process_changes.start_return(db_session(), current_actor(), workflow, migration_id, request.form.get("reason", ""))
    flash(_("正在退回：迁移后没有人办过的，回到原来的版本和状态。"), "success")
    return redirect(url_for("workflows.show", workflow=workflow), 303)
