"""What a user may not do is grey and says why; the keyboard reaches everything, and a narrow window shows it."""

from __future__ import annotations

from ui.conftest import VisitPve
from ui.hands import click, disabled, enabled, menu_item, sees, shown, tooltip, tree_node, until
from ui.stage import BUILT

SCENE = "hostile"


def test_what_the_user_may_not_do_is_grey_and_says_why(visit: VisitPve) -> None:
    page = visit(user="audit@pve", caps={"dc": {"Sys.Audit": 1}, "vms": {}, "nodes": {}}).page
    shown(page, "prsNodesGrid")
    until(page, lambda: "VM.Migrate" in tooltip(page, "Rebalance now"), "the reason")
    assert disabled(page, "Rebalance now")
    tree_node(page, "pve1").click()
    click(page, "Drain")
    shown(page, "prsDrainGrid")
    until(page, lambda: "VM.Migrate" in tooltip(page, "Drain"), "the reason")
    assert disabled(page, "Drain"), "the plan is made as for anybody, and only its start is refused"


def test_the_keyboard_reaches_everything_and_bars_and_states_have_names(visit: VisitPve) -> None:
    page = visit().page
    shown(page, "prsNodesGrid")
    enabled(page, "Plan")
    page.evaluate("() => { Ext.ComponentQuery.query('prsPanel #method')[0].focus(); }")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    shown(page, "prsPlanGrid")
    assert page.locator('[role=progressbar][aria-label="pve1: Now"]').get_attribute("aria-valuenow") == "86"
    assert page.locator("[role=status][aria-live=polite]").count() >= 1
    page.evaluate("() => { Ext.ComponentQuery.query('prsPanel #drain')[0].focus(); }")
    page.keyboard.press("ArrowDown")
    until(page, lambda: menu_item(page, "pve1").count(), "the menu by key")
    page.keyboard.press("Escape")
    page.evaluate("PRS.openDrain('pve1')")
    sees(page, "Drain node pve1")
    page.keyboard.press("Escape")
    until(page, lambda: page.locator("[id^=prsDrainWindow]:visible").count() == 0, "closed by Escape")


def test_a_narrow_window_shows_all_of_it(visit: VisitPve) -> None:
    page = visit(frame="none").page
    page.set_viewport_size({"width": 480, "height": 640})
    shown(page, "prsNodesGrid")
    page.evaluate("PRS.openDrain('pve1')")
    sees(page, "pve1 can be emptied")
    box = page.locator("[id^=prsDrainWindow].x-window:visible").bounding_box()
    assert box
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 480, box
    page.screenshot(path=BUILT / "pictures" / "narrow.png")
