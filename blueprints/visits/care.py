"""动态管理名册: who is visited at home in my grid, whom to look at again, and who should be asked before they ask."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace
from typing import Any

from flask import Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required
from sqlalchemy.orm import joinedload

from blueprints import present
from blueprints.context import current_actor, db_session
from blueprints.dynamic_forms import uploaded
from blueprints.visits.bp import bp
from blueprints.visits.reading import remember_entry
from models.base import now
from models.care import CareEvent
from models.resident import CareEntry, Resident
from process import clock, eligibility
from process.masking import mask_address, mask_name
from process.refusals import Forbidden, InvalidInput
from process.words import N_
from services import care, care_export, care_lists, care_people, custody, files

LIMIT = 200
WORDS = {
    "care:open": N_("列入名册"),
    "care:review": N_("复核"),
    "care:end": N_("移出名册"),
    "care:reopen": N_("重新列入"),
}


@bp.get("/care")
@login_required
def register() -> ResponseReturnValue:
    """The lists of the register, each with its number."""
    session, actor, today = db_session(), current_actor(), clock.local_day(now())
    view = request.args.get("view", "ended" if request.args.get("show") == "ended" else "now")
    wanted = care_lists.Wanted(
        view if view in care_lists.VIEWS else "now",
        request.args.get("condition", ""),
        request.args.get("grid", ""),
        care_lists.soon(session, actor),
    )
    counted = care_lists.counts(session, actor, today)
    grids = care_lists.grids(session, actor)
    rows: list[Any]
    if wanted.view in care_lists.OUTSIDE:
        people = session.scalars(
            care_lists.outside(actor, wanted, today).options(joinedload(Resident.grid)).limit(LIMIT + 1)
        )
        rows = [_person_row(person, today) for person in people.unique()]
    else:
        found = session.scalars(care_lists.entries(actor, wanted, today).limit(LIMIT + 1)).unique().all()
        rows = [_entry_row(entry, today) for entry in found]
    return render_template(
        "visits/care.html",
        rows=rows[:LIMIT],
        cut=LIMIT if len(rows) > LIMIT else 0,
        wanted=wanted,
        title=_(care_lists.VIEWS[wanted.view]),
        outside=wanted.view in care_lists.OUTSIDE,
        views=[
            SimpleNamespace(
                label=_(label),
                url=url_for("visits.register", view=key, condition=wanted.condition or None, grid=wanted.grid or None),
                active=key == wanted.view,
                count=counted[key],
            )
            for key, label in care_lists.VIEWS.items()
        ],
        conditions={key: _(label) for key, label in eligibility.CONDITIONS.items()},
        grids=[(grid.id, custody.full_name(grid)) for grid in grids],
        may_add=bool(care.paths(actor)),
        export_url=url_for(
            "lists.export",
            key=care_export.SOURCE.key,
            **care_export.clean({"view": wanted.view, "condition": wanted.condition, "grid": wanted.grid}),
        ),
        soon=wanted.soon.days,
        day=present.day(now()),
    )


def _entry_row(entry: CareEntry, today: date) -> Any:
    person = entry.resident
    return SimpleNamespace(
        url=url_for("visits.entry", entry_id=entry.id),
        who=mask_name(person.name),
        where=mask_address(person.address) if person.address else "",
        why=_(eligibility.CONDITIONS.get(entry.condition, entry.condition)),
        since=present.day_of(entry.opened_on),
        review=present.day_of(entry.review_on),
        late=bool(entry.review_on and entry.review_on <= today and entry.ended_on is None),
        proof_until=present.day_of(entry.proof_until),
        proof_late=bool(entry.proof_until and entry.proof_until <= today),
        ended=present.day_of(entry.ended_on),
        reason=entry.end_reason,
    )


def _person_row(person: Resident, today: date) -> Any:
    return SimpleNamespace(
        url=url_for("visits.new_entry", resident=person.id),
        who=mask_name(person.name),
        where=person.grid.name if person.grid else (mask_address(person.address) if person.address else ""),
        birthday=present.day_of(care_lists.turns_80(person.birth_date)),
        # Before the birthday the register would refuse the age as a ground.
        ready=care_lists.turns_80(person.birth_date) <= today,
    )


@bp.route("/care/new", methods=["GET", "POST"])
@login_required
def new_entry() -> ResponseReturnValue:
    """列入名册: a person known to the leader, not only as the end of a visit."""
    session, actor = db_session(), current_actor()
    if not care.paths(actor):
        raise Forbidden(_("名册由网格长和社区公共服务站登记，您不能列入。"))
    errors: dict[str, str] = {}
    typed: dict[str, Any] = request.form.to_dict()
    detail = ""
    if request.method == "POST":
        try:
            with session.begin_nested():
                entry = care_people.add(session, actor, typed, now())
                _keep_files(entry)
        except InvalidInput as refusal:
            session.expire_all()
            errors, detail = dict(refusal.errors), refusal.detail
        else:
            flash(_("已列入名册。"), "success")
            return redirect(url_for("visits.entry", entry_id=entry.id), 303)
    else:
        typed = _known(request.args.get("resident", ""))
    return render_template(
        "visits/care_new.html",
        typed=typed,
        errors=errors,
        summary=[{"field": name, "message": message} for name, message in errors.items()]
        or ([{"field": "", "message": detail}] if detail else []),
        conditions={key: _(label) for key, label in eligibility.CONDITIONS.items()},
        grids=[(grid.id, custody.full_name(grid)) for grid in care_lists.grids(session, actor)],
        review_on=present.day_of(clock.local_day(now()) + care.REVIEW_AFTER),
    ), 422 if errors or detail else 200


def _known(number: str) -> dict[str, Any]:
    """What the office knows of somebody on the list of those who turn 80."""
    person = (
        care_lists.resident_of(db_session(), current_actor(), int(number))
        if number.isdecimal() and len(number) < 15
        else None
    )
    if person is None:
        return {}
    known = {name: getattr(person, name) or "" for name in care_people.PERSON}
    old = care.turns_80(person.birth_date) <= clock.local_day(now())
    return {**known, "grid": person.grid_id or "", "condition": eligibility.AGE if old else ""}


def _keep_files(entry: CareEntry) -> int:
    found = uploaded("file")
    for file in found[: care_people.MAX_FILES]:
        care_people.attach(db_session(), current_actor(), entry, file.read(), file.filename or "", now())
    return len(found[: care_people.MAX_FILES])


@bp.get("/care/<int:entry_id>")
@login_required
def entry(entry_id: int) -> ResponseReturnValue:
    found = care.load(db_session(), current_actor(), entry_id)
    remember_entry(found)
    return _entry_page(found)


def _entry_page(
    found: CareEntry, problem: str = "", errors: dict[str, str] | None = None, typed: dict[str, str] | None = None
) -> str:
    session, today = db_session(), clock.local_day(now())
    return render_template(
        "visits/care_entry.html",
        entry=found,
        why=_(eligibility.CONDITIONS.get(found.condition, found.condition)),
        conditions={key: _(label) for key, label in eligibility.CONDITIONS.items()},
        endings=[_(words) for words in care.ENDINGS],
        grid=custody.full_name(found.resident.grid) if found.resident.grid else "",
        entries=_history(found),
        documents=[
            SimpleNamespace(
                url=url_for("visits.care_document", entry_id=found.id, uid=one.uid),
                name=one.filename,
                when=present.day(one.created_at),
            )
            for one in care_people.documents(session, found)
        ],
        late=bool(found.review_on and found.review_on <= today and not found.ended_on),
        proof_late=bool(found.proof_until and found.proof_until <= today and not found.ended_on),
        review_on=present.day_of(today + care.REVIEW_AFTER),
        words=present.day_of,
        problem=problem,
        errors=errors or {},
        typed=typed or {},
    )


def _history(found: CareEntry) -> list[dict[str, Any]]:
    """Who did what when and why; what stood there before is told beside it."""
    session = db_session()
    events = care.events(session, found)
    told: list[dict[str, Any]] = []
    before: dict[str, Any] = {}
    for event in events:
        told.append(
            {
                "when": present.moment(event.at),
                "who": event.person.name if event.person else "",
                "for_whom": "",
                "kind": "move",
                "title": _(WORDS.get(event.action, event.action)),
                "text": "；".join(part for part in (event.reason, *_changes(event, before)) if part),
            }
        )
        before = event.snapshot
    known = {event.at for event in events}
    for row in care.history(session, found):
        # Entries older than the encrypted history stand in the journal alone.
        if row.action in WORDS and row.at not in known:
            told.insert(
                0,
                {
                    "when": present.moment(row.at),
                    "who": row.person.name if row.person else "",
                    "for_whom": "",
                    "kind": "move",
                    "title": _(WORDS[row.action]),
                    "text": (row.details or {}).get("reason", ""),
                },
            )
    return list(reversed(told))


def _changes(event: CareEvent, before: dict[str, Any]) -> list[str]:
    titles = {
        "condition": _("上门条件"),
        "proof": _("依据说明"),
        "proof_until": _("证明有效期"),
        "needs": _("需要的帮助"),
        "contact": _("联系人"),
        "contact_phone": _("联系人电话"),
        "review_on": _("下次复核日期"),
    }

    def words(name: str, value: Any) -> str:
        if name in ("proof_until", "review_on") and value and value != "—":
            return present.day_of(date.fromisoformat(str(value)))
        return _(eligibility.CONDITIONS.get(value, value)) if name == "condition" else str(value)

    said = []
    for name, title in titles.items():
        old, new = before.get(name), event.snapshot.get(name)
        if old == new or event.action == "care:end":
            continue
        if old and before:
            said.append(_("%(what)s：%(old)s → %(new)s", what=title, old=words(name, old), new=words(name, new or "—")))
        elif new:
            said.append(f"{title}：{words(name, new)}")
    return said


@bp.post("/care/<int:entry_id>/<any(review, end, attach):step>")
@login_required
def change(entry_id: int, step: str) -> ResponseReturnValue:
    """A fresh look at an entry, a proof more, or its end."""
    session, actor = db_session(), current_actor()
    found = care.load(session, actor, entry_id)
    typed = request.form.to_dict()
    try:
        with session.begin_nested():
            if step == "end":
                care.end(session, actor, found, typed.get("reason") or typed.get("ending"), now())
            elif step == "attach":
                if not _keep_files(found):
                    raise InvalidInput(_("还没有选文件。请选择照片或 PDF 后再上传。"), {"file": _("请选择文件")})
            else:
                person = found.resident
                given = care.read(typed, clock.local_day(now()), entry=found, born=person.birth_date)
                care.enter(session, actor, person, at=now(), **given)
                _keep_files(found)
    except InvalidInput as refusal:
        session.expire_all()
        return _entry_page(care.load(session, actor, entry_id), refusal.detail, refusal.errors, typed), 422
    flash(_("名册已更新。"), "success")
    return redirect(url_for("visits.entry", entry_id=entry_id), 303)


@bp.get("/care/<int:entry_id>/documents/<uid>")
@login_required
def care_document(entry_id: int, uid: str) -> ResponseReturnValue:
    """A stored proof, to the two leaders and the station."""
    found = care.load(db_session(), current_actor(), entry_id)
    document = care_people.document(db_session(), found, uid)
    response = Response(files.store().read(document.storage_key), mimetype=document.media_type)
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    shown = document.media_type.startswith("image/")
    response.headers.set("Content-Disposition", "inline" if shown else "attachment", filename=document.filename)
    return response
