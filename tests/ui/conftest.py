"""What the browser tests share: Chromium, a stage and a profile for each file, and pages that have shown no error when they are closed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from ui.browser import Visit, new_profile, open_chromium, visit_pve
from ui.stage import BUILT, Stage, open_stage

VisitPve = Callable[..., Visit]
Picture = Callable[[Page, str], None]
SPEED = 6.0  # seconds of the cluster per second


@pytest.fixture(scope="module")
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    """The simulated cluster and a node's services; SCENE of the test's file says which, BRIDGE whether all goes through pveproxy."""
    bridge = getattr(request.module, "BRIDGE", False)
    with open_stage(request.module.SCENE, SPEED, Path(os.environ["UI_CACHE"]), bridge) as found:
        yield found


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One for all files that a worker runs."""
    with open_chromium() as found:
        yield found


@pytest.fixture(scope="module")
def browser(chromium: Browser) -> Iterator[BrowserContext]:
    """As good as a new browser for each file: nothing is kept from the one before."""
    context = new_profile(chromium)
    yield context
    context.close()


@pytest.fixture
def visit(stage: Stage, browser: BrowserContext, request: pytest.FixtureRequest) -> Iterator[VisitPve]:
    """Open PVE's page: visit(user=..., hash=...), see visit_pve. No page may have shown an error, where NO_WARNINGS is set no warning."""
    opened: list[Visit] = []

    def go(**options: object) -> Visit:
        opened.append(visit_pve(browser, stage, **options))  # type: ignore[arg-type]
        return opened[-1]

    yield go
    for one in opened:
        one.close()
    for one in opened:
        assert one.errors == []
        assert not getattr(request.module, "NO_WARNINGS", False) or one.warnings == []


@pytest.fixture(scope="session")
def picture() -> Picture:
    """Keep a picture of the page, light and dark, in build/ui/pictures, where UI_PICTURES is set: picture(page, name)."""
    folder = BUILT / "pictures"
    folder.mkdir(parents=True, exist_ok=True)

    def take(page: Page, name: str) -> None:
        if not os.environ.get("UI_PICTURES"):
            return
        page.emulate_media(color_scheme="dark")
        page.screenshot(path=folder / f"{name}-dark.png")
        page.emulate_media(color_scheme="light")
        page.screenshot(path=folder / f"{name}-light.png")

    return take
