"""Names, tags and answers may hold markup: the page shows it as text and runs none of it."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any

from playwright.sync_api import Error, Route

from ui.conftest import VisitPve
from ui.hands import click, enabled, sees, shown
from ui.stage import Stage

SCENE = "hostile"
EVIL = "<img src=x onerror=hacked()>"
# What the panel decides by; a service that lies there shows a wrong state, but as one of the panel's own words.
KEPT = frozenset({"id", "state", "kind", "method", "how", "csrf", "ticket", "upid", "status", "ha", "code"})
TIPS = """query => {
    let tip = Ext.ComponentQuery.query(query)[0].getEl().dom.getAttribute('data-qtip') || '';
    return Ext.getBody().createChild({ html: tip }).dom.querySelectorAll('img').length; }"""


def poisoned(value: Any, key: str = "") -> Any:
    """The answer with markup behind every word of it."""
    if isinstance(value, str):
        return value if key in KEPT else value + EVIL
    if isinstance(value, list):
        return [poisoned(one, key) for one in value]
    if isinstance(value, dict):
        return {name: poisoned(one, name) for name, one in value.items()}
    return value


def test_names_and_tags_from_the_cluster_stay_text_everywhere(visit: VisitPve) -> None:
    found = visit()
    page = found.page
    shown(page, "prsNodesGrid")
    enabled(page, "Plan")
    click(page, "Plan")
    shown(page, "prsPlanGrid")
    page.locator(".x-panel-header-title", has_text="Guests that stay").click()
    sees(page, r"101 \(<img src=x onerror=hacked\(\)>\"'&amp;</td>\)")
    for row in page.locator(".x-grid-item:visible").all():
        with suppress(Error):  # a row that is scrolled away has no tip to show
            row.hover(force=True, timeout=2000)
    page.evaluate("PRS.openDrain('pve1')")
    sees(page, "pve1 can be emptied")
    page.keyboard.press("Escape")
    assert page.locator("img[src=x]").count() == 0
    assert found.hacks == []
    assert not re.search("[\u202d\u202e]", page.locator("body").inner_text())


def test_every_word_of_every_answer_may_be_markup(visit: VisitPve, stage: Stage) -> None:
    found = visit()
    page = found.page
    shown(page, "prsNodesGrid")

    def poison(route: Route) -> None:
        if route.request.method == "OPTIONS":
            route.continue_()
            return
        response = route.fetch()
        if not response.body():  # nothing has changed since the last answer
            route.fulfill(response=response)
            return
        route.fulfill(response=response, json=poisoned(response.json()))

    page.route(f"{stage.backend}/api/v1/**", poison)
    page.reload()
    shown(page, "prsNodesGrid")
    enabled(page, "Plan")
    page.evaluate("Ext.ComponentQuery.query('prsPanel')[0].getController().onPlan()")
    shown(page, "prsPlanGrid")
    page.evaluate("PRS.openDrain('pve1')")
    sees(page, r"Guest\s+Target")
    for look in ("prsPanel #plan", "prsPanel #drain", "prsDrainWindow #drain"):
        assert page.evaluate(TIPS, look) == 0, look
    page.evaluate("() => { Ext.create('PRS.HistoryWindow', { autoShow: true }); }")
    page.wait_for_timeout(1500)
    assert page.locator("img[src=x]").count() == 0
    assert found.hacks == []
