"""A service that answers nonsense, hangs or is down: the tab says so in words, and PVE's interface goes on."""

from __future__ import annotations

import pytest
from playwright.sync_api import Route

from ui.conftest import VisitPve
from ui.hands import click, enabled, menu_entry, sees, shown
from ui.rest_of_pve import pve_works
from ui.stage import BUILT, Stage

SCENE = "hostile"
ANSWERS = {
    "garbage instead of JSON": (200, "<html>proxy</html>", r"makes no sense \(HTTP 200\)"),
    "an empty object": (200, "{}", r"makes no sense \(HTTP 200\)"),
    "data of another shape": (200, '{"data": 7}', r"makes no sense\."),
    "an error of a proxy": (502, "Bad Gateway", r"makes no sense \(HTTP 502\)"),
    "an error in its own words": (
        503, '{"error": {"code": "unavailable", "message": "the journal <b>cannot</b> be read", "details": []}}',
        "the journal <b>cannot</b> be read",
    ),
    "an expired session": (
        401, '{"error": {"code": "ticket", "message": "PVE does not accept this ticket", "details": []}}',
        "does not accept this ticket.*Log in again",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("status", "body", "expect"), ANSWERS.values(), ids=ANSWERS)
def test_an_answer_that_makes_no_sense_is_told_and_forgotten_when_the_next_does(
    visit: VisitPve, stage: Stage, status: int, body: str, expect: str
) -> None:
    page = visit(hash="").page
    origin = stage.page.removesuffix("/index.html")

    def answer(route: Route) -> None:
        if route.request.method == "OPTIONS":
            route.continue_()
        else:
            route.fulfill(status=status, body=body, headers={"Access-Control-Allow-Origin": origin})

    page.route(f"{stage.backend}/api/v1/**", answer)
    menu_entry(page, "Rebalancing").click()
    sees(page, expect)
    assert page.locator(".x-message-box:visible").count() == 0
    pve_works(page)
    page.unroute(f"{stage.backend}/api/v1/**")
    menu_entry(page, "Rebalancing").click()
    shown(page, "prsNodesGrid")


def test_no_answer_at_all_the_page_says_what_may_be_wrong_offers_help_and_comes_back_by_itself(visit: VisitPve, stage: Stage) -> None:
    page = visit().page
    shown(page, "prsNodesGrid")
    stage.stop("web")
    sees(page, "cannot be reached from this browser")
    sees(page, rf"Open https://[\d.]+:{stage.port}")
    sees(page, "systemctl status.*firewall.*reverse proxy.*pve-proxmox-rebalancing-service-bridge")
    assert page.locator(".x-message-box:visible").count() == 0
    with page.expect_download() as download:
        click(page, "Download CA certificate")
    assert download.value.suggested_filename == "pve-root-ca.crt"
    page.screenshot(path=BUILT / "pictures" / "unreachable.png")
    stage.start("web")
    shown(page, "prsNodesGrid")


def test_a_service_that_hangs_becomes_the_same_page_after_the_timeout(visit: VisitPve, stage: Stage) -> None:
    page = visit(hash="").page
    page.route(f"{stage.backend}/api/v1/**", lambda route: None)
    page.evaluate("async () => { await PRS.need(); PRS.Api.timeout = 1000; }")
    menu_entry(page, "Rebalancing").click()
    sees(page, "cannot be reached from this browser")


def test_the_daemon_is_down_and_starting_says_so_in_words(visit: VisitPve, stage: Stage) -> None:
    page = visit().page
    shown(page, "prsNodesGrid")
    stage.stop("daemon")
    enabled(page, "Rebalance now")
    click(page, "Rebalance now")
    click(page, "Yes")
    sees(page, "systemctl start proxmox-rebalancing-service")
    click(page, "OK")
    stage.start("daemon")
