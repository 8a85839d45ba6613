"""What axe-core finds in the tab and the windows, light and dark: nothing."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

from ui.conftest import VisitPve
from ui.hands import at_rest, click, enabled, label, polled, rows, sees, shown, until
from ui.stage import Stage

SCENE = "ha"
RUN = """async ([css]) => {
    let { violations } = await axe.run({ include: [css] });
    return violations.flatMap(one => one.nodes.map(node =>
        ({ rule: one.id, target: node.target, html: node.html.slice(0, 200), why: node.failureSummary.slice(0, 300) })));
}"""


def found(page: Page, xtype: str) -> list[Any]:
    """What axe says about one of our components in both themes."""
    page.evaluate((Path(os.environ["UI_CACHE"]) / "axe" / "axe.min.js").read_text())
    everything: list[Any] = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        everything += page.evaluate(RUN, [f"[id^={xtype}]"])
    page.emulate_media(color_scheme="light")
    return everything


def test_the_check_sees_a_fault(visit: VisitPve) -> None:
    page = visit().page
    shown(page, "prsNodesGrid")
    page.evaluate("document.querySelector('[id^=prsNodesGrid] [role=progressbar]').removeAttribute('aria-label')")
    assert [one["rule"] for one in found(page, "prsPanel")] == ["aria-progressbar-name"] * 2


def test_the_tab_with_a_plan(visit: VisitPve) -> None:
    page = visit().page
    shown(page, "prsNodesGrid")
    assert found(page, "prsPanel") == []
    enabled(page, "Plan")
    click(page, "Plan")
    shown(page, "prsPlanGrid")
    page.locator(".x-panel-header-title", has_text="Guests that stay").click()
    shown(page, "prsStaysGrid")
    assert found(page, "prsPanel") == []


def test_the_rules_and_how_guests_may_be_moved(visit: VisitPve) -> None:
    page = visit().page
    shown(page, "prsNodesGrid")
    click(page, "Rules")
    shown(page, "prsRulesGrid")
    assert found(page, "prsRulesWindow") == []
    page.locator(".x-tab:visible").filter(has_text="Guests").click()
    shown(page, "prsGuestsGrid")
    assert found(page, "prsRulesWindow") == []


def test_the_settings_also_on_a_narrow_screen(visit: VisitPve) -> None:
    page = visit().page
    shown(page, "prsNodesGrid")
    click(page, "Settings")
    sees(page, "Quiet windows")
    assert found(page, "prsSettingsWindow") == []
    click(page, "Close")
    page.set_viewport_size({"width": 480, "height": 640})
    for name in ("SettingsWindow", "RulesWindow"):
        page.evaluate(f"Ext.create('PRS.{name}', {{ autoShow: true }})")
        window = page.locator(f"[id^=prs{name}].x-window:visible")
        until(page, lambda: window.count() == 1, name)  # noqa: B023
        box = window.bounding_box()
        assert box
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 480, (name, box)
        click(page, "Close")


def test_where_should_it_go(visit: VisitPve) -> None:
    page = visit().page
    shown(page, "prsNodesGrid")
    click(page, "Where should it go?")
    sees(page, "Say what the guest needs.")
    assert found(page, "prsPlaceWindow") == []
    click(page, "Ask")
    shown(page, "prsPlacesGrid")
    assert found(page, "prsPlaceWindow") == []


def test_drain_job_and_history(visit: VisitPve, stage: Stage) -> None:
    page = visit().page
    shown(page, "prsNodesGrid")
    page.evaluate("PRS.openDrain('pve2')")
    sees(page, "pve2 can be emptied")
    assert found(page, "prsDrainWindow") == []
    label(page, "Containers (restart)").click()
    sees(page, r"pve2 can be emptied\. \d+ migrations")
    stage.pace(1)
    click(page, "Drain")
    click(page, "Yes")
    shown(page, "prsStepsGrid")
    assert found(page, "prsDrainWindow") == []
    stage.pace(20)
    sees(page, "pve2 is empty", 120)
    stage.pace(6)
    at_rest(page)  # the bar grows to its end, and its text is judged there
    assert found(page, "prsDrainWindow") == []
    click(page, "Close")
    click(page, "History")
    shown(page, "prsHistoryWindow")
    assert found(page, "prsHistoryWindow") == []


def test_a_plan_is_made_ticked_and_started_by_keyboard_and_focus_stays(visit: VisitPve) -> None:
    page = visit().page
    shown(page, "prsNodesGrid")
    enabled(page, "Plan")
    page.evaluate("Ext.ComponentQuery.query('prsPanel #plan')[0].focus()")
    page.keyboard.press("Enter")
    sees(page, r"Planned at|Nothing to do")
    if not rows(page, "prsPlanGrid"):
        return
    polled(page)
    assert page.evaluate("document.activeElement.closest('.x-btn')?.textContent.trim()") == "Plan"
    box = page.locator("[id^=prsPlanGrid] [role=checkbox]").first
    box.focus()
    page.keyboard.press("Space")
    until(page, lambda: box.get_attribute("aria-checked") == "false", "unticked by key")
    assert page.locator(".x-grid-dirty-cell").count() == 0  # a tick is no edit that has to be saved
