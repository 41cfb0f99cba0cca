"""核验: the check page for whoever holds a paper, its keys, and the same check without a network."""

from __future__ import annotations

import hashlib
import unicodedata
from pathlib import Path

from flask import Response, current_app, g, jsonify, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_limiter.util import get_remote_address

from blueprints.context import db_session
from blueprints.errors import wants_json
from blueprints.public.bp import bp
from blueprints.visits.reading import committed
from extensions import limiter
from models.base import now
from models.crypto import vault
from process.clock import local_day
from services.trust import checks, claims, keystore

LONGEST = 60
# Right and wrong answers are filled up to these lengths, so that whoever listens on the line learns nothing.
PAGE_LENGTH, JSON_LENGTH = 16 * 1024, 1024
KEY_SET, COSE_KEY_SET = "application/jwk-set+json", "application/cose-key-set"
# What the check without a network needs on the telephone.
OFFLINE = (
    *(f"css/{name}.css" for name in ("tokens", "frame", "parts", "forms", "screens", "print", "guide")),
    "vendor/bootstrap/bootstrap.min.css",
    "vendor/jsqr/jsQR.js",
    *(f"js/{name}.js" for name in ("theme", "claim", "verify", "offline", "camera", "fresh")),
    "img/favicon.svg",
)


@bp.get("/verify")
def verify_form() -> ResponseReturnValue:
    code = "".join(request.args.get("code", "").split())[:LONGEST]
    number = " ".join(request.args.get("number", "").split())[:LONGEST]
    # Pasted whole, the address of the square code does as well.
    code = code.partition("#")[0].rstrip("/").rpartition("/")[2]
    if code:
        return redirect(url_for("public.verify", code=code, number=number or None), 303)
    return render_template("public/verify.html", answer=None, code="", number=number, missing=bool(number))


def _day_address() -> str:
    """The address as nobody can read it back, and another one each day, so that nobody is followed."""
    return vault.fingerprint(f"check:{local_day(now()).isoformat()}:{get_remote_address()}")[:32]


def _missed(_response: Response) -> bool:
    return bool(g.get("check_missed"))


@bp.get("/verify/<code>")
@limiter.limit("30/minute")
@limiter.limit("120/hour", deduct_when=_missed)
def verify(code: str) -> ResponseReturnValue:
    """Whether a paper is genuine. Whoever asks learns number, kind, dates, state and a masked name, nothing else."""
    code = unicodedata.normalize("NFKC", code)[:LONGEST]
    number = request.args.get("number", "")[:LONGEST]
    typed = bool(number) or (request.referrer or "").startswith(request.host_url + "verify")
    said, trace = checks.answer(db_session(), code, number)
    g.check_missed = said.state == checks.UNKNOWN_STATE
    way = "program" if wants_json() else "typed" if typed else "code"
    address = _day_address()
    committed(lambda session: checks.record(session, said, trace, way=way, address=address))
    body = {
        "result": said.state,
        "number": said.number,
        "kind": said.kind,
        "date": said.date,
        "holder": said.name,
        "agency": said.agency,
        "until": said.until,
    }
    if wants_json():
        return _even(jsonify(body), JSON_LENGTH)
    page = render_template("public/verify.html", answer=body, code=code, number=number, missing=False)
    return _even(make_response(page), PAGE_LENGTH)


def _even(response: Response, length: int) -> Response:
    """Filled with blanks, which HTML and JSON both end with, and neither packed nor kept on the way."""
    body = response.get_data()
    response.set_data(body + b" " * (-len(body) % length))
    response.headers["Cache-Control"] = "no-store, no-transform"
    response.headers["Vary"] = "Accept, Accept-Language, Cookie"
    return response


@bp.get("/verify/keys")
def verify_keys() -> ResponseReturnValue:
    """The public keys of the square codes, as JWK set or COSE key set; replaced keys stay in the list."""
    if request.accept_mimetypes.best_match([KEY_SET, "application/json", COSE_KEY_SET]) == COSE_KEY_SET:
        response = Response(claims.cose_keys(), mimetype=COSE_KEY_SET)
    else:
        response = jsonify({"keys": claims.jwks()})
        response.mimetype = KEY_SET
    response.headers["Vary"] = "Accept"
    response.headers["Cache-Control"] = "public, max-age=300"
    return response


@bp.get("/verify/root.crt")
def verify_root() -> ResponseReturnValue:
    """The root certificate of the signatures inside the PDFs, for the trust list of a PDF program."""
    response = Response(keystore.ring().root, mimetype="application/x-pem-file")
    response.headers.set("Content-Disposition", "attachment", filename="daiban-root.crt")
    return response


@bp.get("/verify/offline")
def verify_offline() -> ResponseReturnValue:
    """Checks the signature of a square code in the browser; opened once, it works without a network."""
    return render_template("public/verify_offline.html", keys=claims.jwks(), root=_root_print())


def _root_print() -> str:
    key = keystore.ring().current(keystore.PAPER)
    print_of = hashlib.sha256(key.certificates[-1].tbs_certificate_bytes).hexdigest()
    return " ".join(print_of[start : start + 4] for start in range(0, 32, 4))


@bp.get("/verify/worker.js")
def verify_worker() -> ResponseReturnValue:
    """What keeps the offline page on the telephone; its name changes with any of its parts."""
    static = Path(str(current_app.static_folder))
    version = hashlib.sha256(b"".join((static / name).read_bytes() for name in OFFLINE)).hexdigest()[:16]
    kept = [url_for("public.verify_offline"), url_for("public.verify_keys")]
    kept += [url_for("static", filename=name) for name in OFFLINE]
    body = render_template("public/verify_worker.js", version=version, kept=kept, offline=kept[0])
    response = Response(body, mimetype="text/javascript")
    response.headers["Cache-Control"] = "no-cache"
    return response


@bp.get("/verify/offline.webmanifest")
def verify_manifest() -> ResponseReturnValue:
    """Lets the offline page be put on the home screen."""
    response = jsonify(
        {
            "name": _("证照离线核验"),
            "short_name": _("离线核验"),
            "start_url": url_for("public.verify_offline"),
            "scope": url_for("public.verify_offline"),
            "display": "standalone",
            "background_color": "#F6F7F9",
            "theme_color": "#B5121B",
            "icons": [
                {"src": url_for("static", filename="img/favicon.svg"), "sizes": "any", "type": "image/svg+xml"},
            ],
        }
    )
    response.mimetype = "application/manifest+json"
    return response
