"""The panel without PVE's interface: login, the same flows, its own address, logout; the tests build on one another."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import BrowserContext, Page, Request

from ui.hands import click, enabled, rows, sees, shown
from ui.stage import Stage

SCENE = "small"


@dataclass
class Alone:
    """The stand-alone page, and what it did behind the person's back."""

    page: Page
    errors: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)  # addresses asked that are not the service's own


Visit = Callable[..., Alone]


@pytest.fixture
def visit(stage: Stage, browser: BrowserContext) -> Iterator[Visit]:
    """Open the page: visit("#method=cpu")."""
    opened: list[Alone] = []

    def go(hash: str = "") -> Alone:
        found = Alone(browser.new_page())
        opened.append(found)

        def asked(request: Request) -> None:
            if not request.url.startswith((stage.backend, "data:")):
                found.foreign.append(request.url)

        found.page.on("pageerror", lambda error: found.errors.append(str(error)))
        found.page.on("request", asked)
        found.page.goto(f"{stage.backend}/{hash}")
        return found

    yield go
    for one in opened:
        one.page.unroute_all(behavior="ignoreErrors")
        one.page.close()


def log_in(page: Page, name: str, password: str) -> None:
    """Fill the form and send it."""
    sees(page, "User name")
    fields = page.locator(".x-form-text:visible")
    fields.nth(0).fill(name)
    fields.nth(1).fill(password)
    fields.nth(1).press("Enter")


def test_a_wrong_password_is_refused_in_words_the_right_one_opens_the_panel(visit: Visit) -> None:
    alone = visit()
    page = alone.page
    log_in(page, "root", "wrong")
    sees(page, "refuses the login")
    password = page.locator(".x-form-text:visible").nth(1)
    password.fill("secret")
    password.press("Enter")
    shown(page, "prsNodesGrid")
    sees(page, "root@pam")
    assert alone.errors == []
    assert alone.foreign == []


@pytest.mark.parametrize(("typed", "password"), [("audit@pve", "audit-secret"), ("root@pam", "secret")])
def test_a_name_with_its_realm_is_understood(visit: Visit, browser: BrowserContext, typed: str, password: str) -> None:
    browser.clear_cookies()
    alone = visit()
    log_in(alone.page, typed, password)
    shown(alone.page, "prsNodesGrid")
    sees(alone.page, typed)
    assert alone.errors == []


def test_who_is_logged_in_at_pve_is_logged_in_here_and_the_address_keeps_method_and_plan(visit: Visit) -> None:
    alone = visit("#method=cpu")
    page = alone.page
    sees(page, "Nodes: CPU")
    enabled(page, "Plan")
    click(page, "Plan")
    sees(page, r"Spread \d+ points →")
    assert re.search("method=cpu&plan=[0-9a-f]{12}", page.url)
    page.reload()
    sees(page, r"Spread \d+ points →")
    page.evaluate("() => { Ext.ComponentQuery.query('prsPanel #method')[0].setValue('memory'); }")
    click(page, "Rebalance now")
    click(page, "Yes")
    sees(page, "Rebalancing by Memory, done")
    assert len(rows(page, "prsStepsGrid")) >= 1
    assert alone.errors == []
    assert alone.foreign == []


def test_logging_out_ends_the_session(visit: Visit, stage: Stage, browser: BrowserContext) -> None:
    page = visit().page
    shown(page, "prsNodesGrid")
    click(page, "Logout")
    sees(page, "User name")
    assert [cookie for cookie in browser.cookies(stage.backend) if cookie.get("name") == "PVEAuthCookie"] == []


def test_without_extjs_on_the_machine_the_page_says_what_is_missing(visit: Visit) -> None:
    page = visit().page
    page.route("**/pve2/ext6/**", lambda route: route.fulfill(status=404, body=""))
    page.reload()
    sees(page, "built on the ExtJS library of a Proxmox VE node")


def test_a_script_that_does_not_arrive_is_asked_for_once_more_and_not_taken_for_one_that_is_not_there(visit: Visit) -> None:
    page = visit().page
    page.route("**/pve2/ext6/ext-all.js", lambda route: route.abort(), times=1)
    page.reload()
    sees(page, "User name")
    page.route("**/pve2/ext6/ext-all.js", lambda route: route.abort())
    page.reload()
    sees(page, r"did not arrive \(/pve2/ext6/ext-all.js\)")
