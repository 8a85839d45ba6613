"""Draws the README's pictures, light and dark: a tab with a plan, a drain, a running job. Usage: python -m ui.screenshots CACHE FOLDER"""

from __future__ import annotations

import sys
from pathlib import Path

from playwright.sync_api import Page, Route

from ui.browser import open_browser, visit_pve
from ui.hands import click, enabled, label, rows, sees, shown, until
from ui.stage import Stage, open_stage


def without_peers(route: Route) -> None:
    """A lab without the other nodes' services would put a warning on top of every picture."""
    response = route.fetch()
    if response.status != 200:  # nothing new
        route.fulfill(response=response)
        return
    answer = response.json()
    answer["data"]["peers"] = []
    route.fulfill(response=response, json=answer)


def shoot(page: Page, path: Path) -> None:
    """Take the picture once the page has come to rest, with the mouse out of the way: NAME.png and NAME-dark.png."""
    page.mouse.move(5, 5)
    page.wait_for_timeout(500)
    page.screenshot(path=path)
    page.emulate_media(color_scheme="dark")
    page.screenshot(path=path.with_stem(f"{path.stem}-dark"))
    page.emulate_media(color_scheme="light")


def draw(page: Page, stage: Stage, folder: Path) -> None:
    """Walk through plan, drain and job."""
    page.route(f"{stage.backend}/api/v1/jobs?*", without_peers)
    page.reload()
    shown(page, "prsNodesGrid")
    enabled(page, "Plan")
    click(page, "Plan")
    shown(page, "prsPlanGrid")
    shoot(page, folder / "plan.png")
    page.evaluate("PRS.openDrain('pve2')")
    sees(page, "pve2 can be emptied")
    label(page, "Containers (restart)").click()
    sees(page, r"pve2 can be emptied\. \d+ migrations")
    shoot(page, folder / "drain.png")
    click(page, "Close")
    click(page, "Rebalance now")
    click(page, "Yes")
    until(page, lambda: any(row[4].endswith("left") for row in rows(page, "prsStepsGrid")), "a migration under way")
    shoot(page, folder / "job.png")


def main(cache: Path, folder: Path) -> None:
    """Draw all of them."""
    folder.mkdir(parents=True, exist_ok=True)
    with open_stage("ha", 1.0, cache) as stage, open_browser(1100, 560) as context:
        found = visit_pve(context, stage, frame="none")
        try:
            draw(found.page, stage, folder)
        finally:
            found.close()


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
