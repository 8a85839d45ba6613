"""Debian's Chromium with empty profiles, and pages in it as PVE would serve them to a user."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

from ui.stage import Stage

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
# The browser must ask nobody but the stage, and start as root without a graphics card.
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync")  # fmt: skip
PATIENCE = 120_000.0  # milliseconds for one step, a load of the page or a picture: on a busy machine they take many times as long
OUR_TAB = "#v1:0:18:4:::::::=ha-prs-rebalancing"


@contextmanager
def open_chromium() -> Iterator[Browser]:
    """Chromium without a window."""
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=list(FLAGS))
        try:
            yield found
        finally:
            found.close()


def new_profile(chromium: Browser, width: int = 1280, height: int = 900) -> BrowserContext:
    """An empty profile, which whoever asked for it closes."""
    context = chromium.new_context(ignore_https_errors=True, accept_downloads=True, viewport={"width": width, "height": height})
    context.set_default_timeout(PATIENCE)
    return context


@contextmanager
def open_browser(width: int = 1280, height: int = 900) -> Iterator[BrowserContext]:
    """Chromium without a window and with an empty profile."""
    with open_chromium() as chromium:
        context = new_profile(chromium, width, height)
        yield context
        context.close()


@dataclass
class Visit:
    """A page and what went on in it behind the person's back."""

    page: Page
    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    hacks: list[bool] = field(default_factory=list)  # one entry for each time that foreign markup ran as code

    def listen(self) -> None:
        """Take down errors, warnings and calls of hacked() from now on."""
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", self._console)
        self.page.expose_function("hacked", lambda: self.hacks.append(True))

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "warning":
            self.warnings.append(message.text)

    def close(self) -> None:
        """Close the page; answers that are still on their way are dropped."""
        if not self.page.is_closed():
            self.page.unroute_all(behavior="ignoreErrors")
            self.page.close()


def visit_pve(
    context: BrowserContext, stage: Stage, user: str = "root@pam", hash: str = OUR_TAB, query: str = "", before: str = "", **test: Any
) -> Visit:
    """Open PVE's page as that user. `test` is what the page's scripts find in window.test; `before` is JavaScript run ahead of our file."""
    found = Visit(context.new_page())
    session = stage.ticket(user)
    context.add_cookies([{"name": "PVEAuthCookie", "value": quote(session["ticket"], safe=""), "url": stage.page}])
    given = json.dumps({"user": user, "csrf": session["csrf"], "backend": f":{stage.port}" if stage.port else "none", **test})
    hook = f"window.test.before = {before};" if before else ""
    found.page.add_init_script(f"window.test = {given}; {hook}")
    found.listen()
    found.page.goto(f"{stage.page}{query}{hash}")
    found.page.wait_for_function("() => window.Ext && Ext.isReady")
    return found
