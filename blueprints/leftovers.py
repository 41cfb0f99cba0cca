"""A body that is refused is read to its end, so that the refusal reaches whoever is still sending."""

from __future__ import annotations

from flask import Flask, Response, request

# Beyond this the line is cut: nobody picks a file of that size by mistake.
MAX_SWALLOWED = 200 * 1024 * 1024
CHUNK = 1 << 16


def init_app(app: Flask) -> None:
    app.after_request(swallow)


def swallow(response: Response) -> Response:
    """A server that closes while a browser still sends makes it show «connection reset» and no sentence."""
    length = request.content_length or 0
    if response.status_code == 413 and length <= MAX_SWALLOWED:
        left, source = length, request.environ["wsgi.input"]
        while left > 0 and (chunk := source.read(min(CHUNK, left))):
            left -= len(chunk)
    return response
