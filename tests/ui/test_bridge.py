"""The tab through PVE's own port: the flows again, with pveproxy's plugin between the browser and a service that has no port."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Route

from ui import test_drain_flows as drains
from ui import test_flows as flows
from ui.conftest import VisitPve
from ui.hands import menu_entry, sees, shown
from ui.stage import Stage

SCENE = "ha"
BRIDGE = True

test_a_plan_shows_numbers_and_reasons_unticking_moves_the_bars_and_a_reload_keeps_the_plan = (
    flows.test_a_plan_shows_numbers_and_reasons_unticking_moves_the_bars_and_a_reload_keeps_the_plan
)
test_rebalance_now_asks_in_numbers_no_moves_nothing_yes_runs_the_ticked_moves_to_their_end = (
    flows.test_rebalance_now_asks_in_numbers_no_moves_nothing_yes_runs_the_ticked_moves_to_their_end
)
test_a_job_can_be_paused_goes_on_survives_a_reload_and_cancel_asks_what_shall_become_of_running_ones = (
    drains.test_a_job_can_be_paused_goes_on_survives_a_reload_and_cancel_asks_what_shall_become_of_running_ones
)
test_a_node_left_in_ha_maintenance_mode_can_be_brought_out_of_it = (
    drains.test_a_node_left_in_ha_maintenance_mode_can_be_brought_out_of_it
)
test_a_drain_by_the_nodes_button_ends_green_when_the_node_is_empty_and_brings_its_guests_back = (
    drains.test_a_drain_by_the_nodes_button_ends_green_when_the_node_is_empty_and_brings_its_guests_back
)
test_the_history_names_who_when_what_and_how_it_ended_with_the_nodes_before_and_after = (
    drains.test_the_history_names_who_when_what_and_how_it_ended_with_the_nodes_before_and_after
)
test_a_plan_that_no_longer_holds_is_refused_in_words = drains.test_a_plan_that_no_longer_holds_is_refused_in_words


@pytest.fixture(autouse=True)
def only_pves_port(stage: Stage) -> Iterator[None]:
    """Each test has asked through pveproxy."""
    stage.passed.clear()
    yield
    assert stage.passed


def test_a_reload_of_pveproxy_whose_old_workers_know_no_such_path_is_not_seen(visit: VisitPve, stage: Stage) -> None:
    page = visit(hash="").page
    refused: list[str] = []

    def old_worker(route: Route) -> None:
        refused.append(route.request.url)
        route.fulfill(status=501, body='{"data":null}')

    page.evaluate("async () => { await PRS.need(); await PRS.Bridge.open(); }")
    page.route("**/api2/json/prs/**", old_worker, times=6)
    menu_entry(page, "Rebalancing").click()
    shown(page, "prsNodesGrid")
    assert len(refused) == 6
    assert "GET /api2/json/prs/cluster" in stage.passed


def test_a_plan_that_takes_longer_than_a_call_may_is_shown_when_it_is_made(visit: VisitPve, stage: Stage) -> None:
    page = visit(hash="").page
    stage.fault(on="GET /cluster/resources", do="slow", seconds=11.0 * stage.speed)
    plan = page.evaluate("async () => { await PRS.need(); return PRS.Api.post('/plans', { kind: 'drain', node: 'pve1' }); }")
    assert plan["node"] == "pve1"
    assert any(call.startswith("GET /api2/json/prs/answers/") for call in stage.passed), stage.passed


def test_an_answer_that_breaks_off_or_is_none_of_the_services_makes_no_sense(visit: VisitPve) -> None:
    page = visit(hash="").page
    body = ""
    page.route("**/api2/json/prs/status*", lambda route: route.fulfill(status=200, body=body))
    for body in ('{"data": {"status": 200, "answer": {"da', "", "7", '{"data": {}}', "<html>"):
        told = page.evaluate("async () => { await PRS.need(); try { await PRS.Api.get('/status'); } catch (err) { return err.kind; } }")
        assert told == "garbage", body


def test_what_pve_itself_refuses_is_told_in_its_words(visit: VisitPve) -> None:
    page = visit(hash="").page
    told = page.evaluate(
        """async () => {
            await PRS.need();
            try { await PRS.Api.get('/jobs?limit=%20'); } catch ({ kind, status, details }) { return { kind, status, details }; }
        }"""
    )
    assert (told["kind"], told["status"]) == ("refused", 400), told
    assert told["details"] == ["query: value does not match the regex pattern"], told
    page.evaluate("document.cookie = 'PVEAuthCookie=PVE%3Aroot%40pam%3A00000000%3A%3AAAAA; path=/'")
    assert page.evaluate("async () => { try { await PRS.Api.get('/jobs'); } catch (err) { return err.kind; } }") == "session"


def test_without_the_service_the_tab_says_so_and_comes_back_with_it(visit: VisitPve, stage: Stage) -> None:
    page = visit().page
    shown(page, "prsNodesGrid")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    stage.stop("web")
    sees(page, "cannot be reached from this browser")
    sees(page, "systemctl status.*pve-proxmox-rebalancing-service-bridge")
    # The service has no port: none is tried, and none is blamed.
    assert page.get_by_text("firewall").count() == 0
    assert {url.split("/")[2] for url in asked} == {stage.page.split("/")[2]}
    stage.start("web")
    shown(page, "prsNodesGrid")
