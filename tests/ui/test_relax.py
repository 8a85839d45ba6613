"""Three guests kept apart on three nodes: the drain window offers to break that rule while the node is away, and does when ticked."""

from __future__ import annotations

from ui.conftest import Picture, VisitPve
from ui.hands import click, disabled, enabled, label, sees, shown
from ui.stage import APART, Stage

SCENE = "apart"
NO_WARNINGS = True


def test_a_rule_in_the_way_of_a_drain_is_broken_when_it_is_ticked(visit: VisitPve, stage: Stage, picture: Picture) -> None:
    page = visit().page
    shown(page, "prsNodesGrid")
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
    assert [guest for guest, node in stage.homes().items() if node == "pve1" and guest != "900"] == []
