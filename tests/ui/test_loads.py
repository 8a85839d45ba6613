"""Loads over time in the history: PVE's chart with the widest spread, each node and the jobs, for the time and resource that is chosen."""

from __future__ import annotations

import time
from typing import Any

from playwright.sync_api import Page

from prs.engine.loads.history import LoadHistory
from prs.engine.loads.memory import FILE
from prs.model import Node, Reading
from ui.conftest import Picture, VisitPve
from ui.hands import click, rows, sees, shown, until
from ui.stage import Stage
from ui.test_accessible import found

SCENE = "small"
HOUR = 3600.0
NODES = tuple(Node(name, memory=2**34, cpu=8.0) for name in ("pve1", "pve2", "pve3"))
CHART = "Ext.ComponentQuery.query('proxmoxRRDChart')[0]"


def remembered(stage: Stage) -> None:
    """Ten days, pve1 ever fuller: every two hours, and the last day every half hour."""
    history, now = LoadHistory(stage._house.state / FILE), time.time()
    for hours in [*range(240, 24, -2), *(half / 2 for half in range(48, 0, -1))]:
        shares = {"pve1": 0.9 - hours / 500, "pve2": 0.4, "pve3": 0.3}
        reading = Reading({}, {name: (share * 2**34, share * 4) for name, share in shares.items()}, {})
        history.add(reading, NODES, frozenset, now - hours * HOUR)


def drawn(page: Page) -> Any:
    """The names of the lines, the values of the widest spread, what the marks say, and the number of steps."""
    return page.evaluate(f"""() => {{
        let chart = {CHART};
        if (!chart) {{ return [[], [], [], 0]; }}
        let series = chart.getSeries();
        let spread = chart.getStore().getRange().map((row) => row.get('spread')).filter((value) => value !== null);
        let marks = chart.getStore().getRange().filter((row) => !isNaN(row.get('jobs'))).map((row) => row.get('what'));
        return [Array.from(series, (one) => one.getTitle()), spread, marks, chart.getStore().getCount()];
    }}""")


def within_chart(page: Page, css: str) -> bool:
    """What is in it is PVE's and ExtJS's; the sentence above it says the same in words."""
    inside: bool = page.evaluate("css => !!document.querySelector(css).closest('[id^=proxmoxRRDChart]')", css)
    return inside


def choose(page: Page, label: str, words: str) -> None:
    page.locator(f"input[aria-label='{label}']:visible").click()
    page.locator(".x-boundlist-item:visible", has_text=words).click()


def test_the_chart_shows_spread_nodes_and_jobs(visit: VisitPve, stage: Stage, picture: Picture) -> None:
    remembered(stage)
    page = visit().page
    shown(page, "prsNodesGrid")
    click(page, "Rebalance now")
    click(page, "Yes")
    sees(page, r"done, 2 of 2 done")
    click(page, "History")
    until(page, lambda: rows(page, "prsHistoryWindow"), "the job")
    page.locator(".x-tab:visible").filter(has_text="Loads over time").click()
    until(page, lambda: drawn(page)[3] == 48, "the lines of a day")
    names, spread, marks, _ = drawn(page)
    assert names == ["Widest spread", "pve1", "pve2", "pve3", "Jobs"]
    assert (spread[0], spread[-1]) == (55.3, 59.9)
    assert len(marks) == 1
    assert "Rebalancing by Memory, done: 2 moves" in marks[0]
    sees(page, r"Spread: 60 points at last, at most 60 points")
    picture(page, "loads")
    assert [one for one in found(page, "prsHistoryWindow") if not within_chart(page, one["target"][0])] == []
    choose(page, "Time", "Week")
    until(page, lambda: drawn(page)[3] == 336, "the lines of a week")
    choose(page, "Time", "Month")
    until(page, lambda: drawn(page)[3] == 372, "the lines of a month")
    choose(page, "Load", "CPU")
    until(page, lambda: drawn(page)[1][-1] < 30.1, "the spread of CPU")
