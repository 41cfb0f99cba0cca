"""The shell of the app: one page without anybody's data, its worker, and what makes it installable."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

from flask import Response, current_app, jsonify, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from blueprints.field.bp import bp
from blueprints.field.words import words

# The page an ordinary sign-out passes through; no part of the app.
LEFT = "field/left.js"
ICONS = ((192, "any"), (512, "any"), (512, "maskable"))


@lru_cache(maxsize=4)
def _parts(static: str) -> tuple[tuple[str, ...], str]:
    """What the app needs on the phone, and a name that changes with any of it."""
    root = Path(static)
    modules = sorted(path.relative_to(root).as_posix() for path in (root / "field").iterdir() if path.is_file())
    names = (
        *(f"css/{name}.css" for name in ("tokens", "frame", "parts", "forms", "screens")),
        "vendor/bootstrap/bootstrap.min.css",
        "vendor/jsqr/jsQR.js",
        "vendor/signature_pad/signature_pad.umd.min.js",
        "js/theme.js",
        "js/camera.js",
        "img/favicon.svg",
        *modules,
    )
    digest = hashlib.sha256(b"".join((root / name).read_bytes() for name in names)).hexdigest()[:16]
    return names, digest


def _shell() -> str:
    names, _version = _parts(str(current_app.static_folder))
    modules = [name for name in names if name.startswith("field/") and name.endswith(".js") and name != LEFT]
    return render_template("field/app.html", words=words(), modules=modules)


@bp.get("/")
def app() -> ResponseReturnValue:
    """The same page for everybody: what it shows comes from the phone's own store, or after a sign-in."""
    return _shell()


@bp.get("/worker.js")
def worker() -> ResponseReturnValue:
    """Keeps the app on the phone. It never keeps an answer with data in it."""
    names, version = _parts(str(current_app.static_folder))
    shell = _shell()
    # The page itself is part of the version: another language or another template is another app.
    version = hashlib.sha256((version + shell).encode()).hexdigest()[:16]
    kept = [url_for("field.app"), url_for("field.manifest"), *(url_for("static", filename=name) for name in names)]
    body = render_template("field/worker.js", version=version, kept=kept, shell=url_for("field.app"))
    # Like every answer it is not kept: browsers look for a new worker at each opening.
    return Response(body, mimetype="text/javascript")


@bp.get("/app.webmanifest")
def manifest() -> ResponseReturnValue:
    """Lets the app be put on the home screen."""
    response = jsonify(
        {
            "id": url_for("field.app"),
            "name": _("代办外勤"),
            "short_name": _("代办外勤"),
            "description": _("网格长和跑腿工的一天，没有信号也能用。"),
            "lang": "zh-CN",
            "start_url": url_for("field.app"),
            "scope": url_for("field.app"),
            "display": "standalone",
            "background_color": "#F6F7F9",
            "theme_color": "#B5121B",
            "icons": [
                {
                    "src": url_for(
                        "static", filename=f"field/icon-{size}{'-maskable' if kind == 'maskable' else ''}.png"
                    ),
                    "sizes": f"{size}x{size}",
                    "type": "image/png",
                    "purpose": kind,
                }
                for size, kind in ICONS
            ],
        }
    )
    response.mimetype = "application/manifest+json"
    return response


@bp.get("/left")
def left() -> ResponseReturnValue:
    """Where an ordinary sign-out passes through on a phone with the app: the key goes, what waits stays unreadable."""
    return render_template("field/left.html")
