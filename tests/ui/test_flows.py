"""Every flow of the tab, clicked, against the real service and the simulated cluster; the tests build on one another."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import Page

from ui.conftest import Picture, VisitPve
from ui.hands import (
    Rows,
    button,
    click,
    disabled,
    enabled,
    label,
    menu_entry,
    menu_item,
    rows,
    sees,
    shown,
    tooltip,
    tree_node,
    until,
    words_of,
)  # fmt: skip
from ui.stage import Stage

SCENE = "ha"
NO_WARNINGS = True


def percent(cell: str) -> int:
    """The percentage that a bar shows."""
    found = re.search(r"(\d+)%", cell)
    assert found, cell
    return int(found[1])


def number(cell: str) -> str:
    """The first number of a cell, such as a guest's."""
    found = re.search(r"\d+", cell)
    assert found, cell
    return found[0]


def job_ended(page: Page) -> None:
    """Wait until the job shown says that all is done."""
    sees(page, r"(done|is empty), \d+ of \d+ done, .* took")


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
    choose(page, "all")
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

    def emptied() -> bool:
        page.locator("[id^=prsPlanGrid] input[aria-label=Filter]").fill("")  # a redraw takes the selection that it is deleted by
        return len(rows(page, "prsPlanGrid")) == len(moves)

    until(page, emptied, "all guests")
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
    page.locator("[id^=prsStepsGrid] .fa-chevron-right").first.click()
    sees(page, "Task viewer.*UPID:pve1:")


def test_a_job_can_be_paused_goes_on_survives_a_reload_and_cancel_asks_what_shall_become_of_running_ones(
    visit: VisitPve, stage: Stage, picture: Picture
) -> None:
    page = visit().page
    shown(page, "prsNodesGrid")
    page.evaluate("PRS.openDrain('pve2')")
    sees(page, "pve2 can be emptied except for 1 guest")
    label(page, "Containers (restart)").click()
    sees(page, r"pve2 can be emptied\. \d+ migrations")
    picture(page, "drain")
    label(page, "HA maintenance mode").click()
    click(page, "Drain")
    click(page, "Yes")
    sees(page, "Drain pve2, .*started by root@pam")

    def large_one_moves() -> bool:
        """The guest with the large local disks takes long enough for all of this."""
        return any(row[0].startswith("109") and row[4].endswith("left") for row in rows(page, "prsStepsGrid"))

    until(page, large_one_moves, "progress")
    stage.pace(1)
    click(page, "Close")
    page.reload()
    sees(page, "Drain pve2, .*started by root@pam")
    click(page, "Pause")
    sees(page, "Drain pve2, paused")
    click(page, "Resume")
    until(page, lambda: "paused" not in words_of(page), "resumed")
    click(page, "Cancel")
    sees(page, r"Nothing more is started\. \d+ migrations? (is|are) running")
    picture(page, "cancel")
    click(page, "Do not cancel")
    click(page, "Cancel")
    click(page, "Stop them too")
    stage.pace(6)
    sees(page, "Drain pve2, cancelled")
    assert any(row[4].startswith("cancelled") for row in rows(page, "prsStepsGrid"))


def test_a_node_left_in_ha_maintenance_mode_can_be_brought_out_of_it(visit: VisitPve, stage: Stage) -> None:
    page = visit().page
    shown(page, "prsNodesGrid")
    stage.maintenance("pve1")
    sees(page, r"pve1 \(maintenance\)")
    click(page, "Drain node")
    menu_item(page, "End HA maintenance mode of pve1").click()
    sees(page, r"End the HA maintenance mode of pve1\?")
    click(page, "Yes")
    until(page, lambda: "maintenance)" not in words_of(page), "the mode has ended")


def test_a_drain_by_the_nodes_button_ends_green_when_the_node_is_empty_and_brings_its_guests_back(
    visit: VisitPve, stage: Stage, picture: Picture
) -> None:
    page = visit().page
    tree_node(page, "pve3").click()
    assert page.locator(".x-toolbar:visible .x-btn-inner").all_text_contents()[-2:] == ["Drain", "Help"]
    click(page, "Drain")
    sees(page, r"pve3 can be emptied except for \d guests?")
    assert disabled(page, "Drain")
    assert "cannot move" in tooltip(page, "Drain")
    label(page, "Containers (restart)").click()
    sees(page, r"pve3 can be emptied\. \d+ migrations")
    guests = rows(page, "prsDrainGrid")
    assert any(row[2] == "restart" for row in guests)
    assert all(row[2] == "stays" or re.search("^pve[12]$", row[1]) for row in guests)
    before = stage.homes()
    click(page, "Drain")
    sees(page, r"Drain node pve3\? Start \d+ migrations.*containers? (is|are) restarted.*HA maintenance mode is switched on")
    click(page, "Yes")
    sees(page, "pve3 is empty")
    picture(page, "drained")
    for row in rows(page, "prsStepsGrid"):
        assert re.search(r"^seen on pve[12]( after \d+:\d\d|: .*|)$", row[4])
    assert [guest for guest, node in stage.homes().items() if node == "pve3" and guest != "900"] == []
    held = page.evaluate("async () => (await PRS.Api.get('/cluster')).nodes.find(node => node.held).name")
    assert held == "pve3"

    def asked() -> bool:
        """The load of a container that was just restarted is not known at once, and so long it stays."""
        click(page, "End drain")
        sees(page, "pve3.*may have guests again")
        click(page, "Bring guests back")
        sees(page, r"Start \d+ migrations?|Nothing to bring back")
        words = page.locator(".x-message-box:visible").inner_text()
        if re.search(r"Start \d+ migration", words) and "stays" not in words:
            return True
        click(page, "No" if "Start" in words else "OK")
        page.wait_for_timeout(3000)
        return False

    until(page, asked, "a plan for the way back")
    sees(page, r"Bring the guests back\?")
    click(page, "Yes")
    sees(page, "Release pve3, .*started by root@pam|Release pve3, done")
    job_ended(page)

    def all_back() -> bool:
        """What HA itself moved away comes back by HA."""
        now = stage.homes()
        return all(now[guest] == "pve3" for guest, node in before.items() if node == "pve3")

    until(page, all_back, "all guests of pve3 are back on it")


def test_the_context_menu_of_a_node_has_drain_behind_bulk_migrate(visit: VisitPve) -> None:
    page = visit().page
    tree_node(page, "pve1").click(button="right")
    until(page, lambda: menu_item(page, "Drain").count(), "the menu")
    items = page.locator(".x-menu-item-text:visible").all_text_contents()
    assert items == ["Bulk Start", "Bulk Migrate", "Drain", "Shell"]
    menu_item(page, "Drain").click()
    sees(page, "Drain node pve1")
    page.keyboard.press("Escape")


def test_the_history_names_who_when_what_and_how_it_ended_with_the_nodes_before_and_after(visit: VisitPve, picture: Picture) -> None:
    page = visit().page
    shown(page, "prsNodesGrid")
    click(page, "History")

    def past_jobs() -> Rows | None:
        found = rows(page, "prsHistoryWindow")
        return found if len(found) >= 3 else None

    jobs: Any = until(page, past_jobs, "past jobs")
    assert all(row[1] == "root@pam" and re.search(r"^\d\d:\d\d$", row[0]) for row in jobs)
    assert any(row[2] == "Drain pve2" and row[3] == "cancelled" for row in jobs)
    assert any(row[2].startswith("Rebalancing by ") for row in jobs)
    picture(page, "history")
    field = page.locator("[id^=prsHistoryWindow] input[type=text]:visible").first
    field.fill("pve2 cancelled")
    until(page, lambda: all(row[2] == "Drain pve2" for row in rows(page, "prsHistoryWindow")), "only what fits")
    field.fill("")
    until(page, lambda: len(rows(page, "prsHistoryWindow")) == len(jobs), "all again")
    with page.expect_download() as told:
        click(page, "Export")
        menu_item(page, "CSV").click()
    head, *lines = told.value.path().read_text().splitlines()
    assert head.startswith("job,created,started,ended,user,origin,host,kind,node,method,state,")
    assert len(lines) == len(jobs)
    assert any(",drain,pve2," in line and ",cancelled," in line for line in lines)
    page.locator("[id^=prsHistoryWindow] .x-grid-item:visible").last.dblclick()
    nodes = shown(page, "prsNodesAfter")
    assert len(nodes) == 3
    assert nodes[0][1] != nodes[0][2]
    picture(page, "past-job")


def test_a_plan_that_no_longer_holds_is_refused_in_words(visit: VisitPve, stage: Stage, picture: Picture) -> None:
    page = visit().page
    shown(page, "prsNodesGrid")
    enabled(page, "Plan")
    page.evaluate("PRS.openDrain('pve1')")
    label(page, "Containers (restart)").click()
    sees(page, r"pve1 can be emptied\. \d+ migrations")
    first = next(row for row in rows(page, "prsDrainGrid") if row[1])
    guest = number(first[0])
    home = stage.homes()[guest]
    stage.move(int(guest), first[1])
    click(page, "Drain")
    click(page, "Yes")
    sees(page, "The cluster has changed since the plan was made")
    picture(page, "drift")
    click(page, "OK")
    stage.move(int(guest), home)
    page.keyboard.press("Escape")


def test_nothing_to_do_says_so(visit: VisitPve, picture: Picture) -> None:
    page = visit().page
    shown(page, "prsNodesGrid")
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
        page.wait_for_timeout(6000)  # figures of PVE lag by some seconds
    sees(page, "Nothing to do")
    sees(page, r"Best reachable with any number of migrations: \d+")
    picture(page, "nothing")
    assert button(page, "Rebalance now").count() == 1
