"""What holds for every route alike, generated from the URL map: tokens of forms, headers, pages without anything inline."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from blueprints.headers import CONTENT_SECURITY_POLICY
from tests.access import doors as d
from tests.access.world import World
from tests.security.knocks import knocks

# Routes and the reason why a foreign page may press them.
WITHOUT_TOKEN = {"auth.choose_locale": "changes nothing but the language of this browser; public pages have no session"}
# Stored files of others carry a policy of their own that is stricter still.
SANDBOX = "default-src 'none'; sandbox"
# Endpoints that may be kept, and why: they hold nothing about anybody.
KEPT = {
    "static": "files of the product",
    "public.verify_keys": "public keys, for programs that check papers",
    "public.verify_worker": "a program of the product, asked for anew each time",
}


@pytest.mark.parametrize("signed_in", [True, False])
def test_every_unsafe_route_asks_for_a_token(world: World, monkeypatch: pytest.MonkeyPatch, signed_in: bool) -> None:
    """A foreign page can send the cookie, but not the token of the form: 400, for each of them."""
    monkeypatch.setitem(world.app.config, "WTF_CSRF_ENABLED", True)
    wrong, count = [], 0
    for door, path, who in knocks(world, method_is_safe=False):
        if path.startswith("/api/") or door.endpoint in WITHOUT_TOKEN:
            continue
        count += 1
        answer = world.ask(who if signed_in else world.everybody[-1], door.method, path, data={"csrf_token": "forged"})
        if answer.status_code != 400:
            wrong.append(f"{door}: {answer.status_code}")
    assert not wrong and count > 20


def test_the_api_takes_no_cookie(world: World) -> None:
    """Why the API needs no token of a form: a browser that is signed in opens nothing there."""
    wrong = []
    for door in d.doors(world.app):
        path = d.address(world.app, door)
        if path.startswith("/api/") and door.endpoint not in ("api.sign_in", "api.description"):
            answer = world.http.open(
                path,
                method=door.method,
                headers={"Cookie": world.cookies["window.clerk"]},
                **({} if door.method == "GET" else {"json": {}}),
            )
            if answer.status_code != 401 or "WWW-Authenticate" not in answer.headers:
                wrong.append(f"{door}: {answer.status_code}")
    assert not wrong


class Page(HTMLParser):
    """Finds what a strict policy forbids in a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.forms_without_token = 0
        self._form: bool | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if (
            tag == "script"
            and "src" not in given
            and given.get("type") not in ("application/json", "application/ld+json")
        ):
            self.found.append("inline <script>")
        if tag == "style":
            self.found.append("<style>")
        for name, value in attrs:
            if name.startswith("on"):
                self.found.append(f"{tag} {name}=")
            if name == "style":
                self.found.append(f"{tag} style={value}")
            if (
                name in ("src", "href", "action")
                and value
                and value.strip().lower().startswith(("http:", "https:", "//", "javascript:"))
            ):
                self.found.append(f"{tag} {name}={value}")
        if tag == "form":
            self._form = (given.get("method") or "get").lower() != "post" or (given.get("action") or "").startswith(
                "/locale/"
            )
        if tag == "input" and given.get("name") == "csrf_token" and self._form is not None:
            self._form = True

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.forms_without_token += self._form is False
            self._form = None


def test_headers_and_pages(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every GET of every door: the whole set of headers, and a page without anything inline or foreign and with a token in each form."""
    monkeypatch.setitem(world.app.config, "WTF_CSRF_ENABLED", True)
    wrong: list[str] = []
    pages = 0
    for door, path, who in knocks(world, method_is_safe=True):
        for asker in (who, world.everybody[-1]):
            answer = world.ask(asker, "GET", path)
            headers = answer.headers
            for name, value in (
                ("X-Content-Type-Options", "nosniff"),
                ("X-Frame-Options", "DENY"),
                ("Referrer-Policy", "same-origin"),
                ("Cross-Origin-Opener-Policy", "same-origin"),
            ):
                if headers.get(name) != value:
                    wrong.append(f"{path}: {name} is {headers.get(name)}")
            if headers.get("Content-Security-Policy") not in (CONTENT_SECURITY_POLICY, SANDBOX):
                wrong.append(f"{path}: policy {headers.get('Content-Security-Policy')}")
            if door.endpoint not in KEPT and "no-store" not in headers.get("Cache-Control", ""):
                wrong.append(f"{path}: Cache-Control {headers.get('Cache-Control')}")
            if answer.mimetype == "text/html" and asker is who:
                pages += 1
                page = Page()
                page.feed(answer.get_data(as_text=True))
                wrong += [f"{door} {path}: {what}" for what in page.found]
                wrong += [f"{door} {path}: a form without csrf_token"] * page.forms_without_token
    assert not wrong, f"{len(wrong)}:\n" + "\n".join(sorted(set(wrong))[:30])
    assert pages > 40


def test_the_policy_allows_nothing_inline() -> None:
    assert "unsafe" not in CONTENT_SECURITY_POLICY and "*" not in CONTENT_SECURITY_POLICY
    assert "default-src 'none'" in CONTENT_SECURITY_POLICY and "frame-ancestors 'none'" in CONTENT_SECURITY_POLICY
