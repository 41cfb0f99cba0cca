"""Security headers of every answer: a strict policy without inline script, and nothing cached that is personal."""

from __future__ import annotations

import unicodedata
from urllib.parse import quote

from flask import Flask, Response, request
from werkzeug.http import parse_options_header

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "manifest-src 'self'",
        "object-src 'none'",
    )
)

# No view sets these, so they are appended without looking for earlier ones.
EVERYWHERE = (
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Permissions-Policy", "camera=(self), geolocation=(), microphone=()"),
)


def init_app(app: Flask) -> None:
    app.after_request(protect)


def protect(response: Response) -> Response:
    headers = response.headers
    headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
    headers.extend(EVERYWHERE)
    if not headers.get("Content-Disposition", "").isascii():
        headers["Content-Disposition"] = _ascii_disposition(headers["Content-Disposition"])
    if request.endpoint != "static":
        headers.setdefault("Cache-Control", "no-store")
    return response


def _ascii_disposition(text: str) -> str:
    """A Chinese file name in the form of RFC 6266; web servers refuse raw ones."""
    kind, options = parse_options_header(text)
    name = options.get("filename", "")
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().replace('"', "").strip() or "file"
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
