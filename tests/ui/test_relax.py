"""Three guests kept apart on three nodes: drains and rounds offer to break that rule while the node is away, and do when ticked."""

from __future__ import annotations

from ui.conftest import Picture, VisitPve
from ui.hands import click, disabled, enabled, label, rows, sees, shown, until
from ui.stage import APART, Stage

SCENE = "apart"
NO_WARNINGS = True


def test_a_rule_in_the_way_of_a_drain_is_broken_when_it_is_ticked(visit: VisitPve, stage: Stage, picture: Picture) -> None:
    page = visit().page
    shown(page, "prsNodesGrid")
    click(page, "Maintenance")
    shown(page, "prsRoundNodes")
    page.locator("[id^=prsRoundNodes] .x-grid-item", has_text="pve1").locator("[role=checkbox]").click()
    label(page, "Only empty it, and wait for me").click()
    enabled(page, "Dry run")
    click(page, "Dry run")
    sees(page, r"Cannot be emptied: pve1\. .*Or tick the rules that may be broken while it is away")
    label(page, f"Break while the node is away: tag {APART}").click()
    sees(page, "This has changed since the dry run: do it again")
    click(page, "Dry run")
    until(page, lambda: any(row[5].endswith("there and back") for row in rows(page, "prsRoundNodes")), "pve1 can be emptied")
    enabled(page, "Start")
    picture(page, "relax-round")
    click(page, "Start")
    sees(page, rf"Empty these nodes, .* wait at each for you: pve1\? .*Break while the node is away: tag {APART}")
    click(page, "No")
    click(page, "Close")
    page.evaluate("PRS.openDrain('pve1')")
    sees(page, "Or tick the rules that may be broken while it is away")
    assert disabled(page, "Drain")
    label(page, f"Break while the node is away: tag {APART}").click()
    sees(page, rf"pve1 can be emptied\. .*Tag {APART} does not bind while pve1 is away")
    picture(page, "relax")
    label(page, f"Break while the node is away: tag {APART}").click()
    sees(page, "Or tick the rules")
    label(page, f"Break while the node is away: tag {APART}").click()
    enabled(page, "Drain")
    click(page, "Drain")
    click(page, "Yes")
    stage.pace(20)
    sees(page, "pve1 is empty", 120)
    assert page.evaluate("!!document.activeElement.closest('[id^=prsDrainWindow-]')")
    page.keyboard.press("Escape")
    until(page, lambda: not page.locator("[id^=prsDrainWindow-].x-window:visible").count(), "the window closes by its key")
    assert [guest for guest, node in stage.homes().items() if node == "pve1" and guest != "900"] == []
