"""The skeleton pages on a small server of their own, under the product's own content policy."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from flask import Flask, Response, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from tests.look.samples import NAVIGATION, PAGES

ROOT = Path(__file__).resolve().parents[2]
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; object-src 'none'"
)
PICTURE = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="520" height="370" viewBox="0 0 52 37">'
    '<rect width="52" height="37" fill="#c8d3de"/><rect x="8" y="8" width="36" height="21" rx="3" fill="#fff"/></svg>'
)


def make_site() -> Flask:
    """What is posted is kept in site.config["POSTED"]; a POST is answered like a real one, by a redirect."""
    site = Flask("look", template_folder=str(ROOT / "templates"), static_folder=str(ROOT / "static"))
    site.config.update(SECRET_KEY="look", DAIBAN_DEMO=True, POSTED=[])
    site.jinja_env.auto_reload = True
    site.jinja_env.add_extension("jinja2.ext.i18n")
    site.jinja_env.install_null_translations(newstyle=True)  # type: ignore[attr-defined]
    site.url_build_error_handlers.append(lambda error, endpoint, values: "/" + endpoint.replace(".", "/"))
    person = SimpleNamespace(name="周建国", is_authenticated=True, actor=SimpleNamespace(person_id=7))
    site.jinja_env.globals.update(csrf_token=lambda: "t", once_token=lambda: "o")
    site.context_processor(
        lambda: {
            "navigation": lambda: NAVIGATION,
            "agency_name": "东新街道行政服务中心",
            "acting_for": "李梅",
            "unread_count": 3,
            "messages_url": "/messages",
            "sign_out_url": "/out",
            "settings_url": "/settings",
            "current_user": person,
            "post_name": "综合窗口 3 号",
        }
    )

    @site.after_request
    def strict(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = POLICY
        response.headers["Referrer-Policy"] = "same-origin"
        return response

    @site.get("/look/<page>")
    def look(page: str) -> str:
        template, variables = PAGES[page]
        return render_template(template, **variables())

    @site.post("/look/<page>")
    @site.post("/<path:page>")
    def take(page: str) -> AnyResponse:
        posted: dict[str, Any] = {**request.form, **{name: files for name, files in sizes().items()}}
        site.config["POSTED"].append(posted)
        return redirect("/look/desk")

    @site.get("/sample.svg")
    @site.get("/paper.svg", endpoint="paper")
    def picture() -> Response:
        return Response(PICTURE, mimetype="image/svg+xml")

    return site


def sizes() -> dict[str, list[tuple[str, int]]]:
    return {
        name: [(str(file.filename), len(file.read())) for file in request.files.getlist(name)] for name in request.files
    }
