"""Refusals and faults as answers: a page that says what to do, or problem+json (RFC 9457) for programs."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any

from flask import Flask, Response, current_app, g, jsonify, render_template, request
from flask_babel import gettext
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import DataError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException

from extensions import db
from process import transactions
from process.refusals import Refusal, TooMany
from process.words import N_

log = logging.getLogger("daiban")
PROBLEM_BASE = "/problems/"


def init_app(app: Flask) -> None:
    app.register_error_handler(Refusal, _refused)
    app.register_error_handler(CSRFError, _forged)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(IntegrityError, _raced)
    app.register_error_handler(DataError, _unstorable)
    app.register_error_handler(OverflowError, _unstorable)
    app.register_error_handler(OperationalError, _database_away)
    app.register_error_handler(PoolTimeout, _database_away)
    app.register_error_handler(Exception, _fault)


def wants_json() -> bool:
    return (
        request.path.startswith("/api/")
        or request.accept_mimetypes.best_match(["text/html", "application/json"], "text/html") == "application/json"
    )


def problem(status: int, slug: str, title: str, detail: str, errors: Mapping[str, str] | None = None) -> Response:
    body: dict[str, Any] = {
        "type": PROBLEM_BASE + slug,
        "title": gettext(title),
        "status": status,
        "detail": detail,
        "errors": [{"field": name, "message": message} for name, message in (errors or {}).items()],
    }
    response = jsonify(body)
    response.status_code = status
    response.content_type = "application/problem+json"
    return response


def page(status: int, detail: str, errors: Mapping[str, str] | None = None) -> tuple[str, int]:
    template = f"errors/{status}.html"
    names = current_app.jinja_env.list_templates(filter_func=lambda name: name == template)
    listed = [{"field": "", "message": message} for message in (errors or {}).values()]
    back = (
        request.referrer if request.method == "POST" and (request.referrer or "").startswith(request.host_url) else None
    )
    return render_template(
        names[0] if names else "errors/422.html", detail=detail, errors=listed, back_url=back
    ), status


def _answer(status: int, slug: str, title: str, detail: str, errors: Mapping[str, str] | None = None) -> Any:
    db.session.rollback()
    transactions.settle(db.session())
    return problem(status, slug, title, detail, errors) if wants_json() else page(status, detail, errors)


def _refused(refusal: Refusal) -> Any:
    answer = _answer(refusal.status, refusal.slug, refusal.title, refusal.detail, refusal.errors)
    if isinstance(refusal, TooMany):
        response = current_app.make_response(answer)
        response.headers["Retry-After"] = str(refusal.retry_after)
        return response
    return answer


def _forged(error: CSRFError) -> Any:
    return _answer(
        400,
        "csrf",
        gettext("页面已过期"),
        gettext("这个页面放得太久，或不是从本系统打开的。请返回上一页刷新后再提交，您填的内容还在本机。"),
    )


HTTP_SENTENCES = {
    400: N_("请求的内容读不懂，请返回上一页检查后再试。"),
    401: N_("请先登录。"),
    403: N_("这一页不由您办理。"),
    404: N_("没有找到您要的内容，可能已被移走，或不在您的管辖范围内。请从工作台或搜索重新进入。"),
    405: N_("这个地址不支持这种操作。"),
    413: N_("提交的内容超过 25 MB。请把照片分几次上传，单个文件不超过 20 MB。"),
    415: N_("提交的格式读不懂，请用 JSON 或表单提交。"),
    429: N_("操作太频繁，请过一分钟再试。"),
}


def _short(detail: str) -> str:
    """The first clause: a title says what, the detail also what to do."""
    return re.split(r"[，。,.]", detail, maxsplit=1)[0]


def _http(error: HTTPException) -> Any:
    status = error.code or 500
    if status < 400:
        return error
    detail = gettext(HTTP_SENTENCES.get(status, N_("暂时不能办理，请稍后再试。")))
    answer = current_app.make_response(_answer(status, f"http-{status}", _short(detail), detail))
    if status == 405 and getattr(error, "valid_methods", None):
        answer.headers["Allow"] = ", ".join(sorted(error.valid_methods or ()))  # type: ignore[attr-defined]
    return answer


def _unstorable(error: Exception) -> Any:
    """A number or character that no database can hold, in an address or a field that nobody types."""
    log.warning("unstorable value on %s: %s", request.endpoint, type(error).__name__)
    return _answer(400, "http-400", "请求的内容读不懂", HTTP_SENTENCES[400])


def _raced(error: IntegrityError) -> Any:
    # The first line names the constraint; PostgreSQL's further lines quote the values.
    log.warning("integrity error on %s: %s", request.endpoint, str(error.orig).partition("\n")[0])
    return _answer(
        409,
        "conflict",
        gettext("有冲突"),
        gettext("刚刚有人提交了同样的内容，您的这次没有保存。请刷新后核对，再决定是否重办。"),
    )


def _database_away(error: Exception) -> Any:
    log.error("database: %s", error)
    try:
        db.session.rollback()
    except OperationalError:
        db.session.remove()
    g.no_page_context = True
    detail = gettext("数据库暂时连不上，您的这次操作没有保存。请过几秒再试，您填的内容还在本机。")
    response = (
        problem(503, "unavailable", gettext("暂时不能办理"), detail)
        if wants_json()
        else current_app.make_response((render_template("errors/503.html", detail=detail, errors=[]), 503))
    )
    response.headers["Retry-After"] = "5"
    return response


def _fault(error: Exception) -> Any:
    log.exception("fault on %s %s", request.method, request.endpoint)
    if current_app.testing and current_app.config.get("PROPAGATE_FAULTS", True):
        raise error
    return _answer(
        500,
        "fault",
        gettext("系统出错"),
        gettext("系统出了问题，已记下供管理员查看。您的这次操作没有保存，请稍后再试。"),
    )
