"""The flows of drains and of what is left of them, clicked as those of the tab in test_flows.py."""

from __future__ import annotations

import json
import re
from typing import Any

from ui.conftest import Picture, VisitPve
from ui.hands import (
    Rows,
    click,
    disabled,
    enabled,
    job_ended,
    label,
    menu_item,
    number,
    rows,
    sees,
    shown,
    tooltip,
    tree_node,
    until,
    words_of,
)  # fmt: skip
from ui.stage import Stage

SCENE = "ha"
NO_WARNINGS = True


def test_a_job_can_be_paused_goes_on_survives_a_reload_and_cancel_asks_what_shall_become_of_running_ones(
    visit: VisitPve, stage: Stage, picture: Picture
) -> None:
    page = visit().page
    shown(page, "prsNodesGrid")
    page.evaluate("PRS.openDrain('pve2')")
    sees(page, "pve2 can be emptied except for 1 guest")
    label(page, "Containers (restart)").click()
    sees(page, r"pve2 can be emptied\. \d+ migrations")
    picture(page, "drain")
    label(page, "HA maintenance mode").click()
    click(page, "Drain")
    click(page, "Yes")
    sees(page, "Drain pve2, .*started by root@pam")

    def large_one_moves() -> bool:
        """The guest with the large local disks takes long enough for all of this."""
        return any(row[0].startswith("109") and row[4].endswith("left") for row in rows(page, "prsStepsGrid"))

    until(page, large_one_moves, "progress")
    stage.pace(1)
    click(page, "Close")
    page.reload()
    sees(page, "Drain pve2, .*started by root@pam")
    click(page, "Pause")
    sees(page, "Drain pve2, paused")
    click(page, "Resume")
    until(page, lambda: "paused" not in words_of(page), "resumed")
    click(page, "Cancel")
    sees(page, r"Nothing more is started\. \d+ migrations? (is|are) running")
    picture(page, "cancel")
    click(page, "Do not cancel")
    click(page, "Cancel")
    click(page, "Stop them too")
    stage.pace(6)
    sees(page, "Drain pve2, cancelled")
    assert any(row[4].startswith("cancelled") for row in rows(page, "prsStepsGrid"))
    released = "async () => (await PRS.Api.get('/cluster')).nodes.every(node => !node.held)"
    until(page, lambda: page.evaluate(released), "a node that is no longer kept empty")
    page.evaluate("PRS.Jobs.obeys = 3600")  # seconds: also a slow machine gets as far as this in time
    stage.maintenance("pve2")  # as it shows for a while after the drain has ended it
    sees(page, r"pve2 \(maintenance\)")
    click(page, "End drain")
    sees(page, "Waiting for the HA manager")
    stage.maintenance("pve2", False)
    sees(page, "Bring the guests back|Nothing to bring back")
    click(page, "No" if "Bring the guests back?" in words_of(page) else "OK")


def test_a_node_left_in_ha_maintenance_mode_can_be_brought_out_of_it(visit: VisitPve, stage: Stage) -> None:
    page = visit().page
    shown(page, "prsNodesGrid")
    stage.maintenance("pve1")
    sees(page, r"pve1 \(maintenance\)")
    click(page, "Drain node")
    menu_item(page, "End HA maintenance mode of pve1").click()
    sees(page, r"End the HA maintenance mode of pve1\?")
    click(page, "Yes")
    until(page, lambda: "maintenance)" not in words_of(page), "the mode has ended")


def test_the_end_of_a_drain_names_ha_maintenance_mode_only_where_it_is_on(visit: VisitPve) -> None:
    page = visit().page
    shown(page, "prsNodesGrid")
    for mode, on in (("maintenance", True), ("online", False), ("", False)):
        node = json.dumps({"name": "pve2", "ha": mode, "held": {"job": "0123456789ab", "maintenance": True}})
        page.evaluate(f"() => {{ PRS.Jobs.endDrain({node}, () => {{}}); }}")
        asked = sees(page, r"End the drain of pve2\? It may have guests again\.(.*)Bring guests back")[1]
        assert ("HA maintenance mode is switched off." in asked) == on
        click(page, "Cancel")


DOES = {101: "running", 105: "stopped"}  # 105 is shut down until the release
# How a drain ended; whether its node is still held (None: the cluster was read before the end); guests there, shown and hidden; the words.
ENDED: tuple[tuple[str, bool | None, list[int], int, str], ...] = (
    ("done", True, [], 0, "pve2 is empty: so it was, 4 of 4 done"),
    ("done", True, [101], 0, "pve2 has guests again, 4 of 4 done"),
    ("done", True, [], 1, "pve2 has guests again, 4 of 4 done"),
    ("done", True, [105], 0, "pve2 is empty: so it was, 4 of 4 done"),
    ("done", False, [], 0, "Drain pve2, done, ended since, 4 of 4 done"),
    ("done", None, [], 0, "Drain pve2, done, 4 of 4 done, at its end: pve2 is empty: so it was"),
    ("partial", True, [101], 0, "pve2 still shows guests, 4 of 4 done, 101 is still there"),
    ("partial", True, [], 0, "no guest is seen on pve2 now, 4 of 4 done, at its end: 101 is still there"),
    ("partial", False, [101], 0, "Drain pve2, ended since, 4 of 4 done, at its end: 101 is still there"),
)


def test_what_a_drain_said_at_its_end_is_shown_as_it_is_only_while_it_is_so(visit: VisitPve) -> None:
    page = visit(hash="").page
    page.evaluate("PRS.need()")
    for state, held, guests, hidden, words in ENDED:
        said = {"done": "pve2 is empty: so it was", "partial": "101 is still there"}[state]
        job = {"id": "0123456789ab", "kind": "drain", "node": "pve2", "state": state, "message": said, "started": 90, "ended": 100,
               "plan": {"method": "memory", "options": []}, "rides": [{"vmid": 105, "state": "stopped"}],
               "progress": {"done": 4, "steps": 4, "failed": 0, "done_bytes": 0, "total_bytes": 0}}  # fmt: skip
        node = {"name": "pve2", "hidden": hidden, "held": {"job": job["id"]} if held else None}
        there = [{"node": "pve2", "vmid": vmid, "status": DOES[vmid]} for vmid in guests]
        found = {"taken": 99 if held is None else 101, "nodes": [node], "guests": there}
        told = page.evaluate("([job, found]) => PRS.JobWords.result(job, PRS.Loads.drained(found, job))", [job, found])
        assert re.sub("<.*?>", "", told).replace(", 0 B of 0 B, took 0:10", "").strip() == words


def test_a_drain_by_the_nodes_button_ends_green_when_the_node_is_empty_and_brings_its_guests_back(
    visit: VisitPve, stage: Stage, picture: Picture
) -> None:
    page = visit().page
    tree_node(page, "pve3").click()
    assert page.locator(".x-toolbar:visible .x-btn-inner").all_text_contents()[-2:] == ["Drain", "Help"]
    click(page, "Drain")
    sees(page, r"pve3 can be emptied except for \d guests?")
    assert disabled(page, "Drain")
    assert "cannot move" in tooltip(page, "Drain")
    label(page, "Containers (restart)").click()
    sees(page, r"pve3 can be emptied\. \d+ migrations")
    guests = rows(page, "prsDrainGrid")
    assert any(row[2] == "restart" for row in guests)
    assert all(row[2] == "stays" or re.search("^pve[12]$", row[1]) for row in guests)
    before = stage.homes()
    click(page, "Drain")
    sees(page, r"Drain node pve3\? Start \d+ migrations.*containers? (is|are) restarted.*HA maintenance mode is switched on")
    click(page, "Yes")
    stage.pace(20)
    sees(page, "pve3 is empty")
    picture(page, "drained")
    for row in rows(page, "prsStepsGrid"):
        assert re.search(r"^seen on pve[12]( after \d+:\d\d|: .*|)$", row[4])
    assert [guest for guest, node in stage.homes().items() if node == "pve3" and guest != "900"] == []
    held = page.evaluate("async () => (await PRS.Api.get('/cluster')).nodes.find(node => node.held).name")
    assert held == "pve3"

    def asked() -> bool:
        """The load of a container that was just restarted is not known at once, and so long it stays."""
        click(page, "End drain")
        sees(page, "pve3.*may have guests again")
        click(page, "Bring guests back")
        sees(page, r"Start \d+ migrations?|Nothing to bring back")
        words = page.locator(".x-message-box:visible").inner_text()
        if re.search(r"Start \d+ migration", words) and "stays" not in words:
            return True
        click(page, "No" if "Start" in words else "OK")
        page.wait_for_timeout(1000)
        return False

    until(page, asked, "a plan for the way back")
    sees(page, r"Bring the guests back\?")
    click(page, "Yes")
    sees(page, "Release pve3, .*started by root@pam|Release pve3, done")
    job_ended(page)

    def all_back() -> bool:
        """What HA itself moved away comes back by HA."""
        now = stage.homes()
        return all(now[guest] == "pve3" for guest, node in before.items() if node == "pve3")

    until(page, all_back, "all guests of pve3 are back on it")
    stage.pace(6)


def test_the_context_menu_of_a_node_has_drain_behind_bulk_migrate(visit: VisitPve) -> None:
    page = visit().page
    tree_node(page, "pve1").click(button="right")
    until(page, lambda: menu_item(page, "Drain").count(), "the menu")
    items = page.locator(".x-menu-item-text:visible").all_text_contents()
    assert items == ["Bulk Start", "Bulk Migrate", "Drain", "Shell"]
    menu_item(page, "Drain").click()
    sees(page, "Drain node pve1")
    page.keyboard.press("Escape")


# A drain of pve2 that is cancelled at once, one of pve3 that is carried out, and its way back, as the buttons would ask for them.
PAST = """async () => {
    await PRS.need();
    let soon = () => new Promise(done => setTimeout(done, 500));
    let ended = async id => {
        for (;;) {
            let job = await PRS.Api.get(`/jobs/${id}`);
            if (job.ended) { return job; }
            await soon();
        }
    };
    let drain = async node => {
        let plan = await PRS.Api.post('/plans', { kind: 'drain', node: node, containers: true });
        return (await PRS.Api.post('/jobs', { plan: plan.id, maintenance: false })).id;
    };
    let id = await drain('pve2');
    await PRS.Api.post(`/jobs/${id}/cancel`, { abort: true });
    await ended(id);
    id = await drain('pve3');
    await ended(id);
    for (;;) {
        let back = await PRS.Api.post(`/jobs/${id}/undo`);
        if (back.moves.length) {
            await ended((await PRS.Api.post('/jobs', { plan: back.id })).id);
            return;
        }
        await soon();  // the load of a container that was just restarted is not known at once
    }
}"""


def test_the_history_names_who_when_what_and_how_it_ended_with_the_nodes_before_and_after(
    visit: VisitPve, stage: Stage, picture: Picture
) -> None:
    page = visit().page
    shown(page, "prsNodesGrid")
    stage.pace(20)
    page.evaluate(PAST)
    stage.pace(6)
    click(page, "History")

    def past_jobs() -> Rows | None:
        found = rows(page, "prsHistoryWindow")
        return found if len(found) >= 3 else None

    jobs: Any = until(page, past_jobs, "past jobs")
    assert all(row[1] == "root@pam" and re.search(r"^\d\d:\d\d$", row[0]) for row in jobs)
    assert any(row[2] == "Drain pve2" and row[3] == "cancelled" for row in jobs)
    assert any(row[2] == "Release pve3" and row[3] == "done" for row in jobs)
    picture(page, "history")
    field = page.locator("[id^=prsHistoryWindow] input[type=text]:visible").first
    field.fill("pve2 cancelled")
    until(page, lambda: all(row[2:3] == ["Drain pve2"] for row in rows(page, "prsHistoryWindow")), "only what fits")
    field.fill("")
    until(page, lambda: len(rows(page, "prsHistoryWindow")) == len(jobs), "all again")
    with page.expect_download() as told:
        click(page, "Export")
        menu_item(page, "CSV").click()
    head, *lines = told.value.path().read_text().splitlines()
    assert head.startswith("job,created,started,ended,user,origin,host,kind,node,method,state,")
    assert len(lines) == len(jobs)
    assert any(",drain,pve2," in line and ",cancelled," in line for line in lines)
    page.locator("[id^=prsHistoryWindow] .x-grid-item:visible", has_text="Drain pve3").first.dblclick()
    nodes = shown(page, "prsNodesAfter")
    assert len(nodes) == 3
    assert any(node[1] != node[2] for node in nodes)
    picture(page, "past-job")


def test_a_plan_that_no_longer_holds_is_refused_in_words(visit: VisitPve, stage: Stage, picture: Picture) -> None:
    page = visit().page
    shown(page, "prsNodesGrid")
    enabled(page, "Plan")
    page.evaluate("PRS.openDrain('pve1')")
    label(page, "Containers (restart)").click()
    sees(page, r"pve1 can be emptied\. \d+ migrations")
    first = next(row for row in rows(page, "prsDrainGrid") if row[1])
    guest = number(first[0])
    home = stage.homes()[guest]
    stage.move(int(guest), first[1])
    click(page, "Drain")
    click(page, "Yes")
    sees(page, "The cluster has changed since the plan was made")
    picture(page, "drift")
    click(page, "OK")
    stage.move(int(guest), home)
    page.keyboard.press("Escape")
