"""Four phones of three people, signed on once: every history begins at the moment after it, with stores of its own."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from services.installation import DEMO_PASSWORD
from tests.field.phone import photograph, signature_bytes
from tests.field.world import PEOPLE, World

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

# Two photos and a signature; the photos travel in more than one piece.
PICTURES = [base64.b64encode(one).decode() for one in (photograph(1, 170), photograph(2, 170), signature_bytes())]
SIGNATURE = 2
DRIVER = (Path(__file__).parent / "drive.js").read_text()
SIGNED_ON = "signed_on"
# Sessions end after twelve hours and phones are stale after three weeks: the moment is made anew long before.
MOST_BEGINNINGS = 100


def do(page: Page, *commands: Any) -> list[Any]:
    found: list[Any] = page.evaluate("commands => P.do(commands)", list(commands))
    return found


class Four:
    """The windows, and what their browsers hold at the moment every history begins with."""

    def __init__(self, world: World, contexts: list[BrowserContext]) -> None:
        self.world, self.contexts = world, contexts
        self.pages: list[Page] = []
        for context in contexts:
            page = context.new_page()
            page.goto("/field/left")
            page.evaluate(DRIVER)
            self.pages.append(page)
        self.begun = MOST_BEGINNINGS

    def _sign_on(self) -> None:
        """Everybody types the password; the office with four open phones is what every history goes back to."""
        self.world.back()
        for index, page in enumerate(self.pages):
            self.contexts[index].clear_cookies()
            do(page, ["start", f"first-{index}", PEOPLE[index], DEMO_PASSWORD, PICTURES], ["forget"])
        self.world.keep(SIGNED_ON)
        self.cookies = [context.cookies() for context in self.contexts]
        self.begun = 0

    def back(self) -> None:
        """The office as the story left it, the browsers as the sign-in left them."""
        if self.begun >= MOST_BEGINNINGS:
            self._sign_on()
        self.begun += 1
        self.world.back(SIGNED_ON)
        for context, cookies in zip(self.contexts, self.cookies, strict=True):
            if context.cookies() != cookies:
                context.clear_cookies()
                # As the browser told them, which is as it takes them.
                context.add_cookies(cookies)  # type: ignore[arg-type]

    def begin(self, index: int, name: str, skew: int) -> None:
        """This phone, with an empty store and the key that its sign-in brought."""
        do(self.pages[index], ["begin", name, skew])

    def forget(self) -> None:
        """The phones forget everything; the next history has new ones."""
        for page in self.pages:
            do(page, ["forget"])


@contextmanager
def four_of(chromium: Browser, world: World) -> Iterator[Four]:
    contexts = [chromium.new_context(base_url=world.address, locale="zh-CN") for _ in PEOPLE]
    yield Four(world, contexts)
    for context in contexts:
        context.close()
