"""What a person does with the page: find buttons, rows and bars by the words on them, and wait until something is seen."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import TypeVar

from playwright.sync_api import Locator, Page

T = TypeVar("T")
Rows = list[list[str]]
LOOK_EVERY = 150.0  # milliseconds
PATIENCE = 120.0  # seconds; one page took 69 in all while eight other programs kept the processors busy
CELLS = """items => items.map(item => [...item.querySelectorAll('.x-grid-cell')]
    .filter(cell => cell.offsetWidth).map(cell => cell.textContent.replace(/\\u00a0/g, ' ').trim()))"""


# Whether a toolbar has put a button with that label into its menu.
NO_ROOM = """words => !!window.Ext && Ext.ComponentQuery.query('toolbar').some(bar => bar.isVisible(true) && bar.layout.overflowHandler
    && (bar.layout.overflowHandler.menuItems || []).some(one => one.text === words))"""


def exactly(words: str) -> re.Pattern[str]:
    """A pattern for a text that is these words and nothing else."""
    return re.compile(f"^{re.escape(words)}$")


def button(page: Page, words: str) -> Locator:
    """The visible button with that label; the last one where several windows lie on one another."""
    return page.locator("a.x-btn:visible").filter(has=page.locator(".x-btn-inner", has_text=exactly(words))).last


def click(page: Page, words: str) -> None:
    """Press a button, also one for which a toolbar has no room: it is in the menu at the toolbar's end."""
    more = page.locator("a.x-box-menu-after:visible")
    until(page, lambda: button(page, words).count() or page.evaluate(NO_ROOM, words), f"a button {words}")
    if button(page, words).count():
        button(page, words).click()
        return
    more.first.click()
    menu_item(page, words).click()


def disabled(page: Page, words: str) -> bool:
    """True if the button is grey."""
    return button(page, words).get_attribute("aria-disabled") == "true"


def enabled(page: Page, words: str, seconds: float = PATIENCE) -> None:
    """Wait until the button can be pressed."""
    until(page, lambda: not disabled(page, words), f"{words} can be pressed", seconds)


def tooltip(page: Page, words: str) -> str:
    """The text that explains a button, "" without one."""
    return button(page, words).get_attribute("data-qtip") or ""


def menu_item(page: Page, words: str) -> Locator:
    """An entry of an open menu."""
    return page.locator(".x-menu-item-link:visible").filter(has_text=exactly(words))


def menu_entry(page: Page, words: str) -> Locator:
    """An entry of the list at the left of a view, such as Fencing."""
    return page.locator(".x-treelist-item-text", has_text=exactly(words))


def tree_node(page: Page, words: str) -> Locator:
    """An entry of the resource tree, such as pve1."""
    return page.locator(".x-tree-node-text", has_text=exactly(words))


def label(page: Page, words: str) -> Locator:
    """The label of a tick box."""
    return page.locator("label:visible", has_text=words)


def rows(page: Page, xtype: str) -> Rows:
    """The visible rows of an own component as lists of cell texts; bars give their percentage."""
    found: Rows = page.locator(f"[id^={xtype}] .x-grid-item:visible").evaluate_all(CELLS)
    return found


def words_of(page: Page) -> str:
    """All text a person sees, with single spaces."""
    return re.sub(r"\s+", " ", page.locator("body").inner_text())


def until(page: Page, look: Callable[[], T], what: str, seconds: float = PATIENCE) -> T:
    """Wait until `look` gives something true and give it; AssertionError with what was waited for when it does not come."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        seen = look()
        if seen:
            return seen
        page.wait_for_timeout(LOOK_EVERY)
    raise AssertionError(f"not seen within {seconds:g} s: {what}; the page shows: {words_of(page)}")


def sees(page: Page, pattern: str, seconds: float = PATIENCE) -> re.Match[str]:
    """Wait until the pattern is found in the text of the page."""
    found = until(page, lambda: re.search(pattern, words_of(page)), pattern, seconds)
    assert found
    return found


def number(cell: str) -> str:
    """The first number of a cell, such as a guest's."""
    found = re.search(r"\d+", cell)
    assert found, cell
    return found[0]


def job_ended(page: Page) -> None:
    """Wait until the job shown says that all is done."""
    sees(page, r"(done|is empty), \d+ of \d+ done, .* took")


def polled(page: Page) -> None:
    """Let the tab ask the service for everything once more, and wait until it has shown the answers."""
    page.evaluate("""async () => {
        let tab = Ext.ComponentQuery.query('prsPanel')[0].getController();
        tab.found.outdate();
        await tab.poll();
    }""")


def at_rest(page: Page) -> None:
    """Wait until nothing changes its size or colour any more."""
    page.wait_for_function("() => !document.getAnimations().some(one => one instanceof CSSTransition)")


def shown(page: Page, xtype: str, seconds: float = PATIENCE) -> Rows:
    """Wait until an own component has rows."""
    return until(page, lambda: rows(page, xtype), f"rows in {xtype}", seconds)
