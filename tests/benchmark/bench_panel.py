"""The panel at 32 nodes and 2000 guests in Chromium: the longest task of the page after the first drawing, beside PVE's own search grid."""

from __future__ import annotations

import os
import statistics
import sys
from pathlib import Path

from playwright.sync_api import Page

from ui.browser import CHROMIUM, open_browser, visit_pve
from ui.hands import at_rest, click, enabled, rows, shown, until
from ui.stage import FILES, open_stage
from ui.tasks import SEARCH, SMOOTH, WATCH, longest

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "prs-test" / "ui"
LOOKS = 5


def show(what: str, page: Page, search: float) -> None:
    """One line: what the page does, its longest task, and how many times that is as long as the search grid is filled."""
    at_rest(page)
    task = longest(page)
    how = f"longest task {task:.0f} ms, {task / search:.2f} of PVE's search" if task > SMOOTH else f"no task over {SMOOTH:.0f} ms"
    print(f"{what:42} {how}", flush=True)


def measure(page: Page) -> None:
    """Walk through the tab; each line is the best of up to three looks at two polls of each kind."""
    shown(page, "prsNodesGrid")
    enabled(page, "Plan")
    page.evaluate(WATCH)
    search = statistics.median(page.evaluate(SEARCH) for _ in range(LOOKS))
    print(f"PVE's search grid, 2032 rows filled anew: {search:.0f} ms (median of {LOOKS})", flush=True)
    show("polls without a plan", page, search)
    click(page, "Show all 32 nodes")
    show("polls with all 32 nodes shown", page, search)
    click(page, "Show fewer nodes")
    click(page, "Plan")
    until(page, lambda: rows(page, "prsPlanGrid"), "a plan")
    show("polls with a plan", page, search)
    click(page, "Rebalance now")
    click(page, "Yes")
    shown(page, "prsStepsGrid")
    show("polls of a running job", page, search)


def main() -> int:
    """Measure, or say what is missing."""
    missing = [str(path) for path in (Path(CHROMIUM), FILES / "prs-panel.js", CACHE / "ext" / "ext-all.js") if not path.exists()]
    if missing:
        print(f"left out, because there is no {', '.join(missing)}: apt install chromium, make ui ui-ext")
        return 0
    with open_stage("large", 6.0, CACHE) as stage, open_browser() as context:
        found = visit_pve(context, stage)
        try:
            measure(found.page)
        finally:
            found.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
