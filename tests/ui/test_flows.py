"""The flows of the tab, clicked, against the real service and the simulated cluster."""

from __future__ import annotations

import re

from playwright.sync_api import Page

from ui.conftest import Picture, VisitPve
from ui.hands import (
    Rows,
    button,
    click,
    disabled,
    enabled,
    job_ended,
    menu_entry,
    number,
    rows,
    sees,
    shown,
    tooltip,
    until,
    words_of,
)  # fmt: skip
from ui.stage import Stage

SCENE = "ha"
NO_WARNINGS = True
# Go to a field and select all that is in it, at once; gives how much of it is selected when ExtJS has done what it has put off.
SELECT = """async field => {
    field.focus();
    field.select();
    await new Promise(done => setTimeout(done, 50));
    return field.selectionEnd - field.selectionStart;
}"""


def percent(cell: str) -> int:
    """The percentage that a bar shows."""
    found = re.search(r"(\d+)%", cell)
    assert found, cell
    return int(found[1])


def choose(page: Page, method: str) -> None:
    """Choose a method as its box would."""
    page.evaluate("method => { Ext.ComponentQuery.query('prsPanel #method')[0].setValue(method); }", method)


def test_the_menu_has_one_entry_behind_the_other_ha_entries_and_its_address_opens_it_again(visit: VisitPve) -> None:
    page = visit(hash="").page
    menu_entry(page, "Rebalancing").click()
    shown(page, "prsNodesGrid")
    assert page.url.endswith("=ha-prs-rebalancing")
    entries = page.locator(".x-treelist-item-text").all_text_contents()
    assert entries[1:] == ["HA", "Affinity Rules", "Fencing", "Rebalancing", "Support"]
    page.reload()
    shown(page, "prsNodesGrid")


def test_nodes_show_the_load_by_the_chosen_method(visit: VisitPve) -> None:
    page = visit().page
    memory = shown(page, "prsNodesGrid")
    assert [row[0] for row in memory] == ["pve1", "pve2", "pve3"]
    assert [percent(row[2]) for row in memory] == [86, 52, 21]
    choose(page, "cpu")
    sees(page, "Nodes: CPU")
    assert [row[2] for row in rows(page, "prsNodesGrid")] != [row[2] for row in memory]
    page.reload()
    sees(page, "Nodes: CPU")
    choose(page, "memory")


def test_all_three_and_pressure_can_be_levelled_by(visit: VisitPve) -> None:
    """Nodes show memory then, and what is left of a plan without one of its guests is a figure."""
    page = visit().page
    shown(page, "prsNodesGrid")
    box = "Ext.ComponentQuery.query('prsPanel #method')[0]"
    offered = page.evaluate(f"() => {box}.getStore().getRange().map((row) => row.get({box}.displayField))")
    assert offered == ["Memory", "CPU", "Local disk", "All three", "Pressure"]
    choose(page, "pressure")
    until(page, lambda: not re.search(r"Spread \d+ points", words_of(page)), "no spread, as none is known before a plan")
    choose(page, "all")
    sees(page, r"Memory: Spread 65 points\. CPU: Spread \d+ points\. Local disk: Spread \d+ points\.")
    enabled(page, "Plan")
    click(page, "Plan")
    shown(page, "prsPlanGrid")
    sees(page, "Nodes: Memory, now and after the plan")
    page.locator("[id^=prsPlanGrid] .x-grid-checkcolumn").first.click()
    sees(page, r"Spread \d+ points → \d+")
    choose(page, "pressure")
    enabled(page, "Plan")
    click(page, "Plan")
    sees(page, "this plan levels memory, whatever is waited for")
    assert page.evaluate(f"() => {box}.getValue()") == "pressure"
    choose(page, "memory")


def test_a_plan_shows_numbers_and_reasons_unticking_moves_the_bars_and_a_reload_keeps_the_plan(visit: VisitPve, picture: Picture) -> None:
    page = visit().page
    shown(page, "prsNodesGrid")
    enabled(page, "Plan")
    click(page, "Plan")
    moves = shown(page, "prsPlanGrid")
    assert len(moves) >= 2
    assert [move[1] for move in moves] == [str(place + 1) for place in range(len(moves))]
    assert moves[0][5].endswith("GiB")
    assert re.search(r"^\d+:\d\d$", moves[0][6])
    assert all(len(move[7]) > 10 for move in moves)
    sees(page, r"Planned at \d\d:\d\d")
    sees(page, r"Spread 65 points → \d+\. Best reachable")
    picture(page, "plan")
    planned = rows(page, "prsNodesGrid")
    assert percent(planned[0][3]) < percent(planned[0][2])
    boxes = page.locator("[id^=prsPlanGrid] .x-grid-checkcolumn")
    boxes.first.click()

    def other_bar() -> Rows | None:
        now = rows(page, "prsNodesGrid")
        return now if now[0][3] != planned[0][3] else None

    unticked = until(page, other_bar, "another bar after the plan")
    assert unticked
    assert percent(unticked[0][3]) > percent(planned[0][3])
    assert unticked[0][1] == f"7 → {7 - (len(moves) - 1)}"
    for index in range(1, len(moves)):
        boxes.nth(index).click()
    until(page, lambda: disabled(page, "Rebalance now"), "nothing ticked, nothing to start")
    assert tooltip(page, "Rebalance now") == "All guests are unticked."
    boxes.first.click()
    assert not disabled(page, "Rebalance now")
    page.locator(".x-panel-header-title", has_text="Guests that stay").click()
    stays = shown(page, "prsStaysGrid")
    assert all(len(row[2]) > 5 for row in stays)
    page.reload()
    assert len(shown(page, "prsPlanGrid")) == len(moves)
    ticked = page.evaluate("Ext.ComponentQuery.query('prsPlanGrid')[0].getStore().getRange().map(row => row.get('take'))")
    assert ticked == [True] + [False] * (len(moves) - 1)
    click(page, "Tick all")
    until(page, lambda: rows(page, "prsNodesGrid")[0][3] == planned[0][3], "the bar of the whole plan")
    click(page, "Untick all")
    until(page, lambda: disabled(page, "Rebalance now"), "nothing ticked, nothing to start")
    page.locator("[id^=prsPlanGrid] input[aria-label=Filter]").fill(number(moves[-1][2]))
    until(page, lambda: len(rows(page, "prsPlanGrid")) == 1, "only the guest that is looked for")
    click(page, "Tick all")
    until(page, lambda: not disabled(page, "Rebalance now"), "what is in sight is ticked")
    field = page.locator("[id^=prsPlanGrid] input[aria-label=Filter]")
    assert field.evaluate(SELECT) == len(number(moves[-1][2]))  # also on a page that is still drawing what a click has done
    field.press("Delete")
    until(page, lambda: len(rows(page, "prsPlanGrid")) == len(moves), "all guests")
    assert page.locator("[id^=prsPlanGrid] .x-grid-checkcolumn-checked").count() == 1


def test_rebalance_now_asks_in_numbers_no_moves_nothing_yes_runs_the_ticked_moves_to_their_end(
    visit: VisitPve, stage: Stage, picture: Picture
) -> None:
    page = visit().page
    shown(page, "prsNodesGrid")
    start = stage.homes()
    somebody_else = visit().page
    for one in (somebody_else, page):
        enabled(one, "Plan")
        click(one, "Plan")
        moves = shown(one, "prsPlanGrid")
    page.locator("[id^=prsPlanGrid] .x-grid-checkcolumn").last.click()
    click(page, "Rebalance now")
    sees(page, rf"Start {len(moves) - 1} migrations?, [\d.]+ GiB, about \d+")
    picture(page, "confirm")
    click(page, "No")
    assert stage.homes() == start
    click(page, "Rebalance now")
    click(page, "Yes")
    sees(page, r"started by root@pam on pve1 at \d\d:\d\d")
    shown(page, "prsStepsGrid")
    picture(page, "job")
    until(somebody_else, lambda: not rows(somebody_else, "prsPlanGrid"), "the plan that the job has made stale is hidden")
    job_ended(page)
    end = stage.homes()
    for move in moves[:-1]:
        assert end[number(move[2])] == move[4]
    left_out = number(moves[-1][2])
    assert end[left_out] == start[left_out]
    steps = rows(page, "prsStepsGrid")
    assert re.search(r"^seen on pve\d after \d+:\d\d$", steps[0][4])
    assert "100%" in steps[0][3]
    click(page, "History")
    until(page, lambda: any(row[2] == "Rebalancing by Memory" for row in rows(page, "prsHistoryWindow")), "the job by its name")
    click(page, "Close")
    page.locator("[id^=prsStepsGrid] .fa-chevron-right").first.click()
    sees(page, "Task viewer.*UPID:pve1:")


def test_nothing_to_do_says_so(visit: VisitPve, stage: Stage, picture: Picture) -> None:
    page = visit().page
    shown(page, "prsNodesGrid")
    stage.pace(20)
    for _ in range(6):  # level it until the planner has nothing left to move
        enabled(page, "Plan")
        click(page, "Plan")
        sees(page, r"(Nothing to do|\d+ migrations?, )")
        if "Nothing to do" in words_of(page):
            break
        click(page, "Rebalance now")
        click(page, "Yes")
        sees(page, "started by root@pam on")
        job_ended(page)
        page.wait_for_timeout(2000)  # figures of PVE lag by some of the cluster's seconds
    sees(page, "Nothing to do")
    sees(page, r"Best reachable with any number of migrations: \d+")
    picture(page, "nothing")
    assert button(page, "Rebalance now").count() == 1
