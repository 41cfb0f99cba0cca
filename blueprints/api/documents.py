"""Files of a thing: hand in, list, fetch."""

from __future__ import annotations

from typing import Any

from flask import Response, jsonify, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from blueprints.api import bp
from blueprints.api.body import WrongMediaType
from blueprints.api.reading import remember_reading
from blueprints.api.serialise import person, when
from blueprints.context import current_actor, db_session, load_or_404
from models.case import Material
from models.content import Content
from models.paper import Document
from process import access, journal
from process.refusals import Forbidden, InvalidInput, NotFound
from services import files

FORM_FIELDS = ("purpose", "material")


@bp.post("/v1/contents/<uid>/documents", endpoint="attach")
def attach(uid: str) -> ResponseReturnValue:
    """Takes in a photo or PDF; what it claims to be is checked by opening it."""
    content, session, actor = load_or_404(Content, uid), db_session(), current_actor()
    if not access.may(actor, "attach", content, session):
        raise Forbidden("这一件现在不能由您上传文件。请先看状态和经手人。")
    if request.mimetype != "multipart/form-data":
        raise WrongMediaType("文件请以 multipart/form-data 提交：file、purpose，办件材料再加 material（材料代码）。")
    unknown = sorted((set(request.form) - set(FORM_FIELDS)) | (set(request.files) - {"file"}))
    if unknown:
        raise InvalidInput(
            f"不认识的字段“{unknown[0][:40]}”。可用的有：file、purpose、material。", {unknown[0][:40]: "没有这个字段"}
        )
    file = request.files.get("file")
    if file is None or not file.filename:
        raise InvalidInput("没有收到文件，请放在字段 file 里。", {"file": "必填"})
    material = _material(content, request.form.get("material", ""))
    purpose = request.form.get("purpose") or ("material" if material is not None else "attachment")
    document = files.store_document(session, content, actor, file.read(), file.filename, purpose, material)
    journal.record(
        session, "document:add", actor, content=content, details={"document": document.uid, "purpose": purpose}
    )
    session.flush()
    answer = jsonify(_told(content, document))
    answer.status_code = 201
    answer.headers["Location"] = url_for("api.document", uid=content.uid, document_uid=document.uid)
    return answer


def _material(content: Content, code: str) -> Material | None:
    if not code:
        return None
    rows: list[Material] = getattr(content, "materials", [])
    found = next((m for m in rows if m.code == code), None)
    if found is None:
        known = "、".join(m.code for m in rows) or "没有"
        raise InvalidInput(f"这一件的材料清单里没有“{code[:40]}”。可用的有：{known}。", {"material": "材料清单里没有"})
    return found


@bp.get("/v1/contents/<uid>/documents", endpoint="documents")
def documents(uid: str) -> ResponseReturnValue:
    """What was handed in."""
    content = load_or_404(Content, uid, access.VIEW_FULL)
    rows = db_session().scalars(
        select(Document)
        .where(Document.content_id == content.id)
        .options(joinedload(Document.uploaded_by))
        .order_by(Document.id)
        .limit(500)
    )
    codes = {m.id: m.code for m in getattr(content, "materials", [])}
    return jsonify(items=[_told(content, row, codes) for row in rows], next=None)


def _told(content: Content, document: Document, codes: dict[int, str] | None = None) -> dict[str, Any]:
    if codes is None:
        codes = {m.id: m.code for m in getattr(content, "materials", [])}
    return {
        "uid": document.uid,
        "filename": document.filename,
        "purpose": document.purpose,
        "media_type": document.media_type,
        "size": document.size,
        "sha256": document.sha256,
        "material": codes.get(document.material_id) if document.material_id else None,
        "uploaded_by": person(document.uploaded_by),
        "created": when(document.created_at),
        "url": url_for("api.document_file", uid=content.uid, document_uid=document.uid),
    }


def _one(uid: str, document_uid: str) -> tuple[Content, Document]:
    content = load_or_404(Content, uid, access.VIEW_FULL)
    found = db_session().scalar(select(Document).where(Document.uid == document_uid, Document.content_id == content.id))
    if found is None:
        raise NotFound()
    return content, found


@bp.get("/v1/contents/<uid>/documents/<document_uid>", endpoint="document")
def document(uid: str, document_uid: str) -> ResponseReturnValue:
    content, found = _one(uid, document_uid)
    return jsonify(_told(content, found))


@bp.get("/v1/contents/<uid>/documents/<document_uid>/file", endpoint="document_file")
def document_file(uid: str, document_uid: str) -> ResponseReturnValue:
    """The bytes, always as a download: nothing that came from outside is shown by the browser itself."""
    content, found = _one(uid, document_uid)
    remember_reading(content)
    answer = Response(files.store().read(found.storage_key), mimetype=found.media_type)
    answer.headers.set("Content-Disposition", "attachment", filename=found.filename)
    answer.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return answer
