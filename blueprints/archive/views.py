"""What is to be archived, the packages and how far they are, the page of one dossier, and the package itself."""

from __future__ import annotations

from types import SimpleNamespace

from flask import flash, make_response, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required

from blueprints import present
from blueprints.archive.bp import CLASSES, WORDS, bp, keeper, kept, row, tabs
from blueprints.context import current_actor, db_session, load_or_404
from blueprints.visits.reading import committed
from models.case import Case
from process import access
from process.refusals import InvalidInput, NotFound, Refusal
from services import files
from services.archive import dossier, retention, shelf, verify

# A package of more is checked on the command line; the form takes no more in one piece.
UPLOAD_MB = 25


@bp.get("/", endpoint="index")
@login_required
def index() -> ResponseReturnValue:
    return pending_page()


def pending_page(refusal: Refusal | None = None) -> ResponseReturnValue:
    """待归档 per unit with year and class; after a refusal with what was ticked."""
    actor, session = keeper(), db_session()
    year, unit = request.values.get("year", ""), request.values.get("unit", "")[:40]
    wanted = int(year) if year.isdecimal() and 1990 <= int(year[:4]) <= 2999 and len(year) == 4 else None
    everything = shelf.pending(session, actor)
    found = shelf.pending(session, actor, wanted, unit) if wanted or unit else everything
    html = render_template(
        "archive/index.html",
        tabs=tabs("archive.index"),
        groups=[
            SimpleNamespace(
                unit=agency.name,
                year=at,
                kept=_(CLASSES[name]),
                count=count,
                url=url_for("archive.index", unit=agency.id, year=at),
            )
            for agency, at, name, count in shelf.groups(everything)
        ],
        rows=[
            SimpleNamespace(
                uid=one.case.uid,
                number=one.case.number or one.case.title,
                title=one.case.title,
                url=url_for("archive.case", uid=one.case.uid),
                unit=one.unit.name,
                year=one.year,
                kept=_(CLASSES[one.retention]),
                closed=present.moment(one.case.closed_at),
            )
            for one in found
        ],
        filtered=bool(wanted or unit),
        full=len(found) >= shelf.MOST,
        most=shelf.MOST,
        chosen=frozenset(request.form.getlist("uid")),
        unit=unit,
        year=year,
        refusal=refusal,
        values=request.form,
    )
    return (html, refusal.status) if refusal is not None else html


@bp.post("/build")
@login_required
def build() -> ResponseReturnValue:
    """Packages for everything ticked, made behind the scenes."""
    actor, session = keeper(), db_session()
    try:
        with session.begin_nested():
            made = shelf.begin(session, actor, request.form.getlist("uid"))
    except NotFound:
        raise
    except Refusal as refusal:
        session.expire_all()
        return pending_page(refusal)
    flash(_("%(n)s 件已给档号，归档包正在生成。", n=len(made)), "success")
    back = request.form.get("back", "")
    if len(made) == 1 and back == "case":
        return redirect(url_for("archive.case", uid=made[0].case.uid), 303)
    return redirect(url_for("archive.packages"), 303)


@bp.get("/packages")
@login_required
def packages() -> ResponseReturnValue:
    """All packages of one's units with the progress of those being made."""
    actor, session = keeper(), db_session()
    state = request.args.get("state", "")
    shown = (state,) if state in shelf_states() else shelf_states()
    counted = shelf.counts(session, actor)
    left, ready = counted.get(shelf.WAITING, 0), sum(counted.values()) - counted.get(shelf.WAITING, 0)
    answer = make_response(
        render_template(
            "archive/packages.html",
            tabs=tabs("archive.packages"),
            rows=[row(one) for one in shelf.entries(session, actor, shown)],
            left=left,
            ready=ready,
            percent=100 * ready // (left + ready) if left + ready else 100,
            shown=shelf.SHOWN,
            filters=[SimpleNamespace(label=_("全部"), url=url_for("archive.packages"), active=not state, count=None)]
            + [
                SimpleNamespace(
                    label=_(WORDS[name][0]),
                    url=url_for("archive.packages", state=name),
                    active=state == name,
                    count=counted.get(name),
                )
                for name in shelf_states()
                if counted.get(name)
            ],
        )
    )
    if left:
        answer.headers["Refresh"] = "2"
    return answer


def shelf_states() -> tuple[str, ...]:
    return (shelf.FAILED, shelf.WAITING, shelf.BUILT, shelf.RECEIVED, shelf.DESTROYED)


def _case(uid: str) -> Case:
    case = load_or_404(Case, uid, access.VIEW_FULL)
    shelf.require(db_session(), current_actor(), case)
    return case


@bp.get("/cases/<uid>")
@login_required
def case(uid: str) -> ResponseReturnValue:
    """The dossier of one case: what goes into the package, for how long, and what became of it."""
    found, session = _case(uid), db_session()
    entry = retention.entry_of(session, found.id)
    ids = [one.id for one in dossier.things(session, found)]
    year = retention.archive_year(found.closed_at) if found.closed_at else 0
    own = entry.retention if entry else dossier.retention_of(session, found)
    until = entry.keep_until if entry else retention.keep_until(year, own)
    answer = make_response(
        render_template(
            "archive/case.html",
            tabs=tabs("archive.index"),
            case=found,
            entry=row(entry) if entry else None,
            unit=shelf.unit_of(found).name,
            year=year,
            kept=kept(entry) if entry else (f"{_(CLASSES[own])}" + (f"（{present.full_day(until)}）" if until else "")),
            papers=[
                SimpleNamespace(
                    title=one.title,
                    number=one.number or "",
                    kept=_(CLASSES[retention.of_paper(session, one)]),
                    note=_("已作废") if not one.valid else _("没有生成") if one.status == "failed" else "",
                )
                for one in dossier.papers_of(session, ids)
            ],
            documents=len(dossier.documents_of(session, ids)),
            grown=entry is not None and entry.status == shelf.BUILT and shelf.has_grown(session, entry),
            may_build=entry is None or entry.status in (shelf.BUILT, shelf.FAILED),
            package_url=url_for("archive.package", uid=uid) if entry and entry.package_key else None,
            received=present.moment(entry.receipt.at) if entry and entry.receipt else "",
        )
    )
    if entry is not None and entry.status == shelf.WAITING:
        answer.headers["Refresh"] = "2"
    return answer


@bp.get("/cases/<uid>/package")
@login_required
def package(uid: str) -> ResponseReturnValue:
    """The package, streamed from where it lies; that it was taken out is in the journal before the first byte leaves."""
    found, session = _case(uid), db_session()
    entry = retention.entry_of(session, found.id)
    if entry is None or entry.package_key is None:
        raise NotFound(_("这个办件现在没有归档包可以下载。"))
    entry_id, key, name = entry.id, entry.package_key, f"{entry.number}.zip"
    committed(lambda fresh: shelf.read_package(fresh, current_actor(), entry_id))
    return send_file(files.store().path(key), "application/zip", as_attachment=True, download_name=name, etag=key)


@bp.route("/check", methods=["GET", "POST"])
@login_required
def check() -> ResponseReturnValue:
    """Upload a package, get the answer line by line; nothing of it is kept."""
    keeper()
    lines: list[verify.Line] | None = None
    refusal: Refusal | None = None
    name = ""
    if request.method == "POST":
        file = request.files.get("file")
        if file is None or not file.filename:
            refusal = InvalidInput(_("还没有选归档包。请选一个 .zip 文件再核验。"), {"file": _("请选文件")})
        else:
            name = file.filename[:120]
            lines = verify.check(file.stream, verify.own())  # type: ignore[arg-type]
    html = render_template(
        "archive/check.html",
        tabs=tabs("archive.check"),
        lines=sorted(lines, key=lambda one: one.state == verify.OK) if lines is not None else None,
        whole=lines is not None and verify.is_whole(lines),
        bad=sum(one.state != verify.OK for one in lines or ()),
        name=name,
        most=UPLOAD_MB,
        refusal=refusal,
        values={},
    )
    return (html, refusal.status) if refusal is not None else html
