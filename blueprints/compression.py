"""Pages and static files travel compressed: a board of five hundred cards is a tenth as long on the way to a phone."""

from __future__ import annotations

import gzip
import threading

from flask import Flask, Response, current_app, request

# Shorter ones fit into one packet anyway.
SHORTEST = 1400
PAGES = frozenset({"text/html"})
FILES = frozenset(
    {"text/css", "text/javascript", "application/javascript", "image/svg+xml", "application/manifest+json", "text/html"}
)
PAGE_LEVEL, FILE_LEVEL = 5, 9
# Who asks from our own pages or by typing the address. A page that another site made somebody open goes out as it is:
# from the length of a compressed one that site could guess what stands in it.
OWN = frozenset({"same-origin", "none"})


class Packed:
    """Static files as they were compressed once, by their mark; a changed file has another."""

    def __init__(self) -> None:
        self.held: dict[tuple[str, str], bytes] = {}
        self.lock = threading.Lock()

    def of(self, path: str, mark: str, body: bytes) -> bytes:
        with self.lock:
            found = self.held.get((path, mark))
        if found is None:
            found = gzip.compress(body, FILE_LEVEL, mtime=0)
            with self.lock:
                self.held = {key: value for key, value in self.held.items() if key[0] != path} | {(path, mark): found}
        return found


def init_app(app: Flask) -> None:
    """Everything that is worth it, for browsers that can."""
    packed = Packed()
    app.after_request(lambda response: shrink(response, packed))


def shrink(response: Response, packed: Packed) -> Response:
    """The same answer, shorter; whatever already has another shape stays as it is."""
    file = request.endpoint == "static"
    if request.method == "HEAD" or response.mimetype not in (FILES if file else PAGES):
        return response
    if response.status_code in (204, 206, 304) or "Content-Encoding" in response.headers:
        return response
    response.vary.add("Accept-Encoding")
    if "gzip" not in request.accept_encodings or not (file or _from_here()):
        return response
    if file:
        response.direct_passthrough = False
    elif response.is_streamed:
        return response
    body = response.get_data()
    if len(body) < SHORTEST:
        return response
    mark = response.get_etag()[0]
    if file and mark:
        response.set_data(packed.of(request.path, mark, body))
    else:
        response.set_data(gzip.compress(body, PAGE_LEVEL, mtime=0))
    response.headers["Content-Encoding"] = "gzip"
    if mark:
        # The same words in another shape: equal in meaning, not byte for byte.
        response.set_etag(mark, weak=True)
    return response


def _from_here() -> bool:
    site = request.headers.get("Sec-Fetch-Site")
    if site is None:
        # Browsers say it only to sites they reach safely; on a plain line anybody can read along as it is.
        return not current_app.config["SESSION_COOKIE_SECURE"]
    return site in OWN
