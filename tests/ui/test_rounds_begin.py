"""A round of rolling maintenance chosen, tried and begun in the tab: by clicks, by keys and by dragging, against the real service."""

from __future__ import annotations

import re
import time
from dataclasses import replace

import pytest
from playwright.sync_api import Locator, Page

from prs.helper.client import shared_round
from ui.conftest import Picture, VisitPve
from ui.hands import button, click, disabled, enabled, label, rows, sees, shown, tooltip, until
from ui.stage import HOSTILE, Stage
from ui.test_accessible import found

SCENE = "stuck"  # guest 105 of pve1 has a device of its node; pve2 and pve3 have a container each


@pytest.fixture(scope="module", autouse=True)
def kernels(stage: Stage) -> None:
    """Two nodes have a newer kernel than the one that runs, and a guest that cannot move has a name that is markup."""
    with stage._world.clock.lock:
        for node in ("pve2", "pve3"):
            stage._world.nodes[node].kernel_installed = "6.17.2-1-pve"
        stage._world.guests[105].name = HOSTILE


def opened(page: Page) -> list[list[str]]:
    shown(page, "prsNodesGrid")
    click(page, "Maintenance")
    return shown(page, "prsRoundNodes")


def row(page: Page, words: str) -> Locator:
    return page.locator("[id^=prsRoundNodes] .x-grid-item", has_text=words).locator(".x-grid-cell").nth(2)


def order(page: Page) -> list[str]:
    """The nodes in their order, those that take part with their place before it."""
    return [f"{one[1]} {one[2][:4]}".strip() for one in rows(page, "prsRoundNodes")]


def drag(page: Page, node: str, above: str) -> None:
    """Take a row, carry it to the upper edge of another, and let it go once the page shows where it would land."""
    start, end = row(page, node).bounding_box(), row(page, above).bounding_box()
    assert start
    assert end
    page.mouse.move(start["x"] + 20, start["y"] + 10)
    page.mouse.down()
    page.mouse.move(start["x"] + 30, start["y"] + 5, steps=4)
    page.mouse.move(end["x"] + 30, end["y"] + 4, steps=8)
    page.locator(".x-grid-drop-indicator:visible").wait_for()
    page.mouse.up()


def tried(page: Page) -> str:
    """Do the dry run and give what the window says then; a machine under load may let a call wait for longer than the page does."""
    notice = page.locator("[id^=prsRoundWindow] [role=status]:visible").first

    def told() -> str:
        enabled(page, "Dry run")
        click(page, "Dry run")
        until(page, lambda: re.search(r"The whole round: \d nodes?, about|does not answer", notice.inner_text()), "an answer")
        text: str = notice.inner_text()
        return "" if "does not answer" in text else text

    return until(page, told, "the dry run")


def test_nodes_are_put_in_order_by_buttons_keys_and_dragging(visit: VisitPve, picture: Picture) -> None:
    page = visit().page
    found_rows = opened(page)
    assert [one[2] for one in found_rows] == ["pve3", "pve2", "pve1 this node"]
    assert found_rows[0][3] == "Needed: 6.14.8-2-pve runs, 6.17.2-1-pve is installed"
    assert found_rows[2][3] == "Not needed: 6.14.8-2-pve runs"
    sees(page, r"2 nodes need a reboot for their newest kernels and are ticked\.")
    assert order(page) == ["1 pve3", "2 pve2", "pve1"]
    assert tooltip(page, "Up") == "Choose a node first."
    assert (disabled(page, "Start"), tooltip(page, "Start")) == (True, "Do the dry run first.")
    row(page, "pve2").click()
    enabled(page, "Up")
    click(page, "Up")
    until(page, lambda: order(page) == ["1 pve2", "2 pve3", "pve1"], "pve2 first")
    button(page, "Down").focus()
    page.keyboard.press("Enter")
    until(page, lambda: order(page) == ["1 pve3", "2 pve2", "pve1"], "pve2 second again")
    drag(page, "pve1", "pve3")
    until(page, lambda: order(page) == ["pve1", "1 pve3", "2 pve2"], "pve1 on top")
    click(page, "Tick none")
    until(page, lambda: order(page) == ["pve1", "pve3", "pve2"], "no node")
    assert (disabled(page, "Dry run"), tooltip(page, "Dry run")) == (True, "Tick a node first.")


def test_a_round_is_tried_until_it_can_begin_and_begins_as_it_was_confirmed(visit: VisitPve, stage: Stage, picture: Picture) -> None:
    seen = visit()
    page = seen.page
    opened(page)
    click(page, "Tick all")
    said = tried(page)
    assert "Cannot be emptied: pve3, pve2, pve1." in said
    assert "No service of another node is there to carry the round while pve1 reboots" in said
    assert (disabled(page, "Start"), tooltip(page, "Start")) == (True, "The dry run names what is in the way of the round.")
    assert "112 (proxy)" in rows(page, "prsRoundNodes")[0][5]
    assert found(page, "prsRoundWindow") == []
    picture(page, "round-begin")
    label(page, "Only empty it, and wait for me").click()
    sees(page, "This has changed since the dry run: do it again")
    assert tooltip(page, "Start") == "Do the dry run first."
    label(page, "Containers (restart)").click()
    assert "Cannot be emptied: pve1." in tried(page)
    assert [one[2] for one in rows(page, "prsRides")] == ["pve1"]
    page.locator("[id^=prsRides] [role=checkbox]").focus()
    page.keyboard.press("Space")
    sees(page, "This has changed since the dry run: do it again")
    page.get_by_label("Kill what does not shut down after (min)").fill("5")
    said = tried(page)
    assert said.strip().startswith("The whole round: 3 nodes")
    assert rows(page, "prsRoundNodes")[0][5].endswith("there and back")
    assert rows(page, "prsRoundNodes")[0][6].endswith("are open")
    enabled(page, "Start")
    click(page, "Start")
    sees(page, r"Empty these nodes, one after the other, and wait at each for you: pve3, pve2, pve1\?")
    sees(page, r"Shut down meanwhile, and started again: 105 \(<img src=x onerror=hacked\(\)>")
    sees(page, r"What has not shut down after 5 min is killed")
    sees(page, "Running containers that move are restarted")
    picture(page, "round-confirm")
    click(page, "Yes")
    sees(page, r"The round of root@pam is under way; pve1 carries it\. Nodes done: 0 of 3")
    shared = shared_round(stage._house.pve, stage._house.helper)
    assert shared
    begun = shared.read()
    assert begun
    assert [turn.node for turn in begun.turns] == ["pve3", "pve2", "pve1"]
    assert (begun.options.reboot, begun.options.rides, begun.policy.kill_after) == (False, (105,), 300)
    assert seen.hacks == []
    shared.put(replace(begun, state="done", ended=time.time()))
    sees(page, r"The round of root@pam has ended")
    click(page, "New round")
    shown(page, "prsRoundNodes")
    enabled(page, "Last round")
    click(page, "Last round")
    sees(page, r"The round of root@pam has ended")
    assert [one[0] for one in rows(page, "prsRoundGrid")] == ["pve3", "pve2", "pve1"]


def test_nodes_that_may_be_down_at_one_time_are_shown_and_asked_for_together(visit: VisitPve, stage: Stage, picture: Picture) -> None:
    """pve1 has votes enough for a quorum of its own; the dry run of another number has to be done again."""
    page = visit().page
    shared = shared_round(stage._house.pve, stage._house.helper)
    last = shared.read() if shared else None
    shown(page, "prsNodesGrid")
    click(page, "Maintenance")
    until(page, lambda: rows(page, "prsRoundNodes") or rows(page, "prsRoundGrid"), "nodes to choose from, or the last round")
    if not rows(page, "prsRoundNodes"):
        enabled(page, "New round")
        click(page, "New round")
    shown(page, "prsRoundNodes")
    label(page, "Containers (restart)").click()
    page.get_by_label("Nodes at once, at most").fill("2")
    assert tried(page).strip().startswith("The whole round: 2 nodes")
    assert "pve3, pve2 only 1 of 3 votes are left, too few for a quorum" in rows(page, "prsRoundNodes")[1][5]
    with stage._world.clock.lock:
        one = stage._world.nodes["pve1"]
        one.votes, one.memory = 3, 4 * one.memory
    tried(page)
    with stage._world.clock.lock:
        one.votes, one.memory = 1, one.memory // 4
    assert [cells[5].partition("back, ")[2] for cells in rows(page, "prsRoundNodes")[:2]] == ["together with pve2", "together with pve3"]
    picture(page, "round-together")
    enabled(page, "Start")
    click(page, "Start")
    sees(page, r"Empty and reboot these nodes, those with a plus sign together: pve3 \+ pve2\?")
    click(page, "No")
    page.get_by_label("Nodes at once, at most").fill("3")
    sees(page, "This has changed since the dry run: do it again")
    assert (shared.read() if shared else None) == last, "nothing was begun"


def test_who_may_not_begin_one_is_told_why_in_german(visit: VisitPve) -> None:
    page = visit(user="audit@pve", lang="de").page
    shown(page, "prsNodesGrid")
    click(page, "Wartung")
    sees(page, "Die Runde von root@pam")
    assert disabled(page, "Beenden")
    enabled(page, "Neue Runde")
    click(page, "Neue Runde")
    shown(page, "prsRoundNodes")
    sees(page, "2 Knoten brauchen für ihre neuesten Kernel einen Neustart und sind angehakt")
    enabled(page, "Probelauf")
    assert (disabled(page, "Starten"), tooltip(page, "Starten")) == (True, "braucht Sys.Modify auf /")
