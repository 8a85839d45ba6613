"""The tab and its windows, before and during a job: at three widths, light or dark, English and German; and words in five more."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

import pytest
from playwright.sync_api import Page

from ui.conftest import Picture, VisitPve
from ui.hands import button as find_button
from ui.hands import click, enabled, label, menu_entry, menu_item, rows, sees, shown, until
from ui.layout import LOOK, english_left, looks_wrong, speak, words_in
from ui.stage import Stage

SCENE = "ha"
BOTH = ("en", "de")
FIVE = ("es", "fr", "it", "ja", "zh_CN")


class Said:
    """The words of the page's language by the English ones."""

    def __init__(self, language: str) -> None:
        self._words = {} if language == "en" else words_in(language)

    def __call__(self, english: str, *values: str) -> str:
        text = self._words.get(english, english)
        return re.sub(r"\{(\d)\}", lambda place: values[int(place[1])] if values else place[0], text)


def opened(page: Page, say: Said, button: str, xtype: str, ready: str = "") -> None:
    """Open a window by its button, which a narrow toolbar has in a menu, and wait until it shows what it is ready with, rows or words."""
    if find_button(page, say(button)).count():
        click(page, say(button))
    else:
        page.locator("[id^=prsPanel-] .x-toolbar-more-icon:visible").first.click()
        menu_item(page, say(button)).click()
    until(page, lambda: page.locator(f"[id^={xtype}-].x-window:visible").count(), xtype)
    if ready:
        sees(page, re.escape(say(ready)))


def closed(page: Page, say: Said, xtype: str) -> None:
    """Close the window."""
    click(page, say("Close"))
    until(page, lambda: not page.locator(f"[id^={xtype}-].x-window:visible").count(), f"{xtype} closed")


def test_the_look_sees_what_is_cut_wrapped_or_covered(visit: VisitPve) -> None:
    page = visit().page
    shown(page, "prsNodesGrid")
    assert page.evaluate(LOOK, ["prsPanel"]) == []
    page.evaluate("document.querySelector('[id^=prsPanel-] .x-btn-inner').style.cssText += 'width: 10px; display: block; overflow: hidden'")
    found = page.evaluate(LOOK, ["prsPanel"])
    assert any(one.startswith("cut off: ") for one in found), found
    page.evaluate("document.querySelectorAll('[id^=prsPanel-] .x-btn')[1].style.left = '0px'")
    found = page.evaluate(LOOK, ["prsPanel"])
    assert any(one.startswith("on one another: ") for one in found), found
    narrow = "width: 8px; white-space: nowrap; padding: 0; overflow: hidden"
    cell = "document.querySelector('[id^=prsNodesGrid] .x-grid-cell:nth-child(2)')"
    page.evaluate(f"{cell}.firstChild.style.cssText += '{narrow}'; {cell}.firstChild.textContent = '4 guests'")
    assert "cut cell: 4 guests" in page.evaluate(LOOK, ["prsPanel"])
    page.evaluate(f"{cell}.dataset.qtip = '4 guests and more'")
    assert "cut cell: 4 guests" not in page.evaluate(LOOK, ["prsPanel"])


def test_the_look_takes_a_turning_icon_for_no_words_that_are_cut(visit: VisitPve) -> None:
    """The corners of its box reach out of the line, and there is nothing in them: a job's first line was found cut off now and then."""
    page = visit().page
    shown(page, "prsNodesGrid")
    page.evaluate("""() => {
        let line = document.createElement('div');
        line.setAttribute('role', 'status');
        line.style.cssText = 'position: absolute; top: 0; left: 0; overflow: hidden; line-height: 17px';
        let turned = 'display: inline-block; width: 17px; height: 17px; transform: rotate(45deg)';
        line.innerHTML = `<i style="${turned}"></i> turning`;
        document.querySelector('[id^=prsPanel-]').append(line);
    }""")
    assert [one for one in page.evaluate(LOOK, ["prsPanel"]) if "turning" in one] == []
    page.evaluate("[...document.querySelectorAll('[role=status]')].find(one => one.textContent === ' turning').style.width = '30px'")
    page.evaluate("[...document.querySelectorAll('[role=status]')].find(one => one.textContent === ' turning').style.whiteSpace = 'nowrap'")
    assert "cut off: turning" in page.evaluate(LOOK, ["prsPanel"])


@pytest.mark.parametrize("language", BOTH)
def test_before_a_job(visit: VisitPve, language: str, picture: Picture) -> None:
    page, say = visit(lang=language, frame="pve").page, Said(language)
    shown(page, "prsNodesGrid")
    assert looks_wrong(page, language, "prsPanel") == []
    assert menu_entry(page, say("Rebalancing")).count() == 1
    enabled(page, say("Plan"))
    click(page, say("Plan"))
    shown(page, "prsPlanGrid")
    page.evaluate("Ext.ComponentQuery.query('prsStaysGrid')[0].expand()")
    shown(page, "prsStaysGrid")
    assert looks_wrong(page, language, "prsPanel") == []
    picture(page, f"plan-{language}")
    page.evaluate("PRS.openDrain('pve2')")
    until(page, lambda: rows(page, "prsDrainGrid"), "guests")
    label(page, say("Containers (restart)")).click()
    sees(page, re.escape(say("{0} can be emptied.", "pve2")))
    assert looks_wrong(page, language, "prsDrainWindow") == []
    closed(page, say, "prsDrainWindow")
    opened(page, say, "Where should it go?", "prsPlaceWindow")
    click(page, say("Ask"))
    shown(page, "prsPlacesGrid")
    assert looks_wrong(page, language, "prsPlaceWindow") == []
    closed(page, say, "prsPlaceWindow")
    opened(page, say, "Settings", "prsSettingsWindow", "Quiet windows")
    assert looks_wrong(page, language, "prsSettingsWindow") == []
    closed(page, say, "prsSettingsWindow")
    opened(page, say, "Rules", "prsRulesWindow")
    shown(page, "prsRulesGrid")
    assert looks_wrong(page, language, "prsRulesWindow") == []
    page.locator(".x-tab:visible").filter(has_text=say("Guests")).click()
    shown(page, "prsGuestsGrid")
    assert looks_wrong(page, language, "prsRulesWindow") == []
    closed(page, say, "prsRulesWindow")
    opened(page, say, "Maintenance", "prsRoundWindow")
    shown(page, "prsRoundNodes")
    assert looks_wrong(page, language, "prsRoundWindow") == []
    click(page, say("Tick all"))
    enabled(page, say("Dry run"))
    click(page, say("Dry run"))
    until(page, lambda: rows(page, "prsRides"), "guests in the way")
    assert looks_wrong(page, language, "prsRoundWindow") == []
    picture(page, f"maintenance-{language}")
    closed(page, say, "prsRoundWindow")
    opened(page, say, "History", "prsHistoryWindow")
    assert looks_wrong(page, language, "prsHistoryWindow") == []
    page.locator(".x-tab:visible").filter(has_text=say("Loads over time")).click()
    assert looks_wrong(page, language, "prsHistoryWindow") == []
    closed(page, say, "prsHistoryWindow")


def test_on_a_small_screen_reasons_stand_below_their_rows_and_on_a_large_one_in_their_column(visit: VisitPve) -> None:
    page = visit(frame="pve").page
    shown(page, "prsNodesGrid")
    enabled(page, "Plan")
    click(page, "Plan")
    moves = shown(page, "prsPlanGrid")
    below = page.locator("[id^=prsPlanGrid] .x-grid-rowbody:visible > div")
    for _ in range(2):
        assert below.count() == 0
        page.set_viewport_size({"width": 1024, "height": 900})
        until(page, lambda: below.count() == len(moves), "reasons below their rows")
        assert below.all_inner_texts() == [move[-1] for move in moves]
        for row in range(len(moves)):
            box = below.nth(row).bounding_box()
            assert box
            assert box["x"] + box["width"] <= 1024
        page.evaluate("Ext.ComponentQuery.query('prsPlanGrid')[0].saveState()")
        page.set_viewport_size({"width": 1280, "height": 900})
        until(page, lambda: rows(page, "prsPlanGrid") == moves, "the column")
        page.reload()  # what the narrow screen has hidden is not kept
        shown(page, "prsPlanGrid")


def test_a_window_that_follows_the_page_stays_in_its_middle(visit: VisitPve) -> None:
    """PVE's page centres windows itself, by the size from before."""
    page = visit(frame="pve").page
    shown(page, "prsNodesGrid")
    click(page, "Rules")
    window = page.locator("[id^=prsRulesWindow-].x-window:visible")

    def room() -> list[float]:
        """How wide it is, and how much more there is of the page at its right than at its left."""
        box: Any = window.bounding_box()
        return [box["width"], page.evaluate("innerWidth") - box["width"] - 2 * box["x"]]

    for width, wide in ((1024, 1004), (1280, 1060), (1024, 1004)):
        page.set_viewport_size({"width": width, "height": 900})
        until(page, partial(lambda wanted: room() == [wanted, 0], wide), f"a window of {wide} in the middle of {width}")
        page.wait_for_timeout(300)  # for what moves it a while later
        assert room() == [wide, 0]


def test_tab_and_drain_are_in_the_language_of_pves_page(visit: VisitPve, picture: Picture) -> None:
    """One page after the other: the plan is made once."""
    page = visit().page
    shown(page, "prsNodesGrid")
    enabled(page, "Plan")
    click(page, "Plan")
    shown(page, "prsPlanGrid")
    left = {}
    for language in FIVE:
        speak(page, language)
        words = words_in(language)
        enabled(page, words["Plan"])
        shown(page, "prsPlanGrid")
        left[language, "tab"] = english_left(page, language)
        assert menu_entry(page, words["Rebalancing"]).count() == 1
        picture(page, f"plan-{language}")
        page.evaluate("PRS.openDrain('pve1')")
        sees(page, re.escape(words["Drain node {0}"].replace("{0}", "pve1")))
        until(page, lambda: rows(page, "prsDrainGrid"), "guests")
        left[language, "drain"] = english_left(page, language)
    assert {what: found for what, found in left.items() if found} == {}


def test_a_running_job_and_the_end_of_its_drain(visit: VisitPve, stage: Stage, picture: Picture) -> None:
    page = visit().page
    shown(page, "prsNodesGrid")
    page.evaluate("PRS.openDrain('pve2')")
    until(page, lambda: rows(page, "prsDrainGrid"), "guests")
    label(page, "Containers (restart)").click()
    enabled(page, "Drain")
    click(page, "Drain")
    click(page, "Yes")
    until(page, lambda: any(row[4].endswith("left") for row in rows(page, "prsStepsGrid")), "a migration under way")
    stage.pace(0.3)
    assert looks_wrong(page, "en", "prsDrainWindow") == []
    speak(page, "de")
    shown(page, "prsStepsGrid")
    assert looks_wrong(page, "de", "prsPanel") == []
    stage.pace(20)
    for language in ("de", "en"):
        say = Said(language)
        if language == "en":
            speak(page, language)
        enabled(page, say("End drain"))
        assert looks_wrong(page, language, "prsPanel") == []
        click(page, say("End drain"))
        sees(page, re.escape(say("End the drain of {0}? It may have guests again.", "pve2")))
        assert looks_wrong(page, language, "messagebox") == []
        picture(page, f"end-of-drain-{language}")
        click(page, say("Cancel"))
    click(page, "End drain")
    click(page, "Leave them where they are")
    until(page, lambda: page.evaluate("PRS.Api.get('/cluster').then(found => !found.nodes.some(node => node.held))"), "no hold any more")
    sees(page, "Drain pve2, done, ended since, ")
    enabled(page, "Bring guests back")
