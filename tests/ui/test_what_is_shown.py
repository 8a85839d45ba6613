"""What the tab says is true, whole and found."""

from __future__ import annotations

import re

from playwright.sync_api import Page, Route

from prs.web.api.said import code_of
from ui.conftest import VisitPve
from ui.hands import click, disabled, enabled, label, menu_entry, rows, sees, shown, tooltip, until
from ui.layout import words_in
from ui.rest_of_pve import pve_works
from ui.stage import Stage

SCENE = "ha"


def test_a_language_that_is_not_there_or_not_loaded_is_english_as_a_whole_after_a_second_try(visit: VisitPve) -> None:
    page = visit(lang="pl").page
    shown(page, "prsNodesGrid")
    sees(page, "Rebalance now.*Drain node.*Automatic balancing is on.*Nodes: Memory")
    broken = visit(hash="", lang="de").page
    broken.route("**/prs-lang-de.json*", lambda route: route.fulfill(status=404, body="no"))
    menu_entry(broken, "Lastausgleich").click()
    shown(broken, "prsNodesGrid")
    sees(broken, "Rebalance now.*Drain node.*Nodes: Memory")
    once = visit(hash="", lang="de").page
    once.route("**/prs-lang-de.json*", lambda route: route.abort(), times=1)
    menu_entry(once, "Lastausgleich").click()
    shown(once, "prsNodesGrid")
    sees(once, words_in("de")["Rebalance now"])


def test_sentences_joined_to_one_begin_small_but_for_words_that_are_large_everywhere(visit: VisitPve) -> None:
    page = visit(hash="", lang="de").page
    page.evaluate("PRS.need()")
    texts = (
        "2 of 3 migrations done; HA maintenance mode of pve2 was ended", "2 of 3 migrations done; pve2 takes guests",
        "2 of 3 migrations done; PVE did not answer 3 requests and started nothing",
    )  # fmt: skip
    told = page.evaluate("codes => codes.map(code => PRS.Said.word(code))", [code_of(text) for text in texts])
    assert told[0] == "2 von 3 Migrationen erledigt; der HA-Wartungsmodus von pve2 wurde beendet"
    assert told[1].startswith("2 von 3 Migrationen erledigt; pve2 ")
    assert told[2].startswith("2 von 3 Migrationen erledigt; PVE ")
    for by, end in (("; ", "nichts zu tun"), (". ", "Nichts zu tun")):
        joined = {"by": by, "all": [{"code": "done", "with": {}}, {"code": "Nothing to do", "with": {}}]}
        assert page.evaluate("code => PRS.Said.word(code)", joined) == f"erledigt{by}{end}"


def test_a_panel_that_cannot_be_fetched_is_a_sentence_in_the_tab_and_comes_when_it_can(visit: VisitPve) -> None:
    page = visit(hash="").page
    assert page.evaluate("Ext.ClassManager.get('PRS.Panel')") is None
    page.route("**/prs-panel.js*", lambda route: route.fulfill(status=404, body="no"))
    menu_entry(page, "Rebalancing").click()
    sees(page, r"prs-panel\.js cannot be loaded")
    page.evaluate("PRS.openDrain('pve1')")
    sees(page, r"Error .*prs-panel\.js cannot be loaded")
    click(page, "OK")
    pve_works(page)
    page.unroute("**/prs-panel.js*")
    menu_entry(page, "Rebalancing").click()
    shown(page, "prsNodesGrid")


def test_a_panel_of_another_version_asks_for_a_reload(visit: VisitPve) -> None:
    page = visit(hash="").page

    def newer(route: Route) -> None:
        text = route.fetch().text()
        route.fulfill(body=re.sub(r"PRS\.version !== '[^']+'", "PRS.version !== '99'", text), content_type="text/javascript")

    page.route("**/prs-panel.js*", newer)
    menu_entry(page, "Rebalancing").click()
    sees(page, "was updated on this node: reload this page")
    pve_works(page)


def test_a_plan_says_when_the_cluster_has_changed_since(visit: VisitPve, stage: Stage) -> None:
    page = visit().page
    shown(page, "prsNodesGrid")
    enabled(page, "Plan")
    click(page, "Plan")
    moves = shown(page, "prsPlanGrid")
    sees(page, r"Planned at \d\d:\d\d")
    found = re.search(r"\d+", moves[0][2])
    assert found
    stage.move(int(found[0]), "pve2")
    sees(page, r"The cluster has changed since \d\d:\d\d: plan again")
    stage.move(int(found[0]), moves[0][3])
    sees(page, r"Planned at \d\d:\d\d")


# From now on the answer to each question for a plan waits until `held` of its number lets it in; `come` counts the answers.
HOLD = """() => {
    let { post } = PRS.Api;
    Object.assign(window, { held: [], come: 0 });
    PRS.Api.post = async (...asked) => {
        let turn = new Promise(done => window.held.push(done));
        let answer = await post.apply(PRS.Api, asked);
        window.come++;
        await turn;
        return answer;
    };
}"""


def test_planning_is_shown_and_only_the_newest_question_is_answered(visit: VisitPve) -> None:
    page = visit().page
    shown(page, "prsNodesGrid")
    enabled(page, "Plan")
    page.evaluate(HOLD)
    click(page, "Plan")
    sees(page, "Planning Nodes: Memory")
    page.locator("[id^=prsNodesGrid] .x-grid-item:visible", has_text="pve3").locator("[role=checkbox]").click()
    until(page, lambda: page.evaluate("window.come") == 2, "two answers")
    page.evaluate("window.held[0]()")  # in the order in which they were asked for; no tick says any more what the first was asked
    page.wait_for_timeout(500)
    assert not rows(page, "prsPlanGrid")
    sees(page, "Planning Nodes: Memory")
    page.evaluate("window.held[1]()")
    assert {row[4] for row in shown(page, "prsPlanGrid")} == {"pve2"}
    click(page, "Plan")
    until(page, lambda: page.evaluate("window.come") == 3, "an answer")
    page.evaluate("Ext.ComponentQuery.query('prsPanel #method')[0].setValue('cpu'); window.held[2]()")
    sees(page, "Nodes: CPU")
    page.wait_for_timeout(500)
    assert not rows(page, "prsPlanGrid"), "a plan by another method than is chosen now"
    page.evaluate("Ext.ComponentQuery.query('prsPanel #method')[0].setValue('memory')")
    page.locator("[id^=prsNodesGrid] .x-grid-item:visible", has_text="pve3").locator("[role=checkbox]").click()


def test_a_past_job_that_is_slow_to_come_shows_a_mask(visit: VisitPve) -> None:
    page = visit().page
    silent = "(method, path) => new Promise((done, fail) => { if (path.startsWith('/jobs/')) { window.fail = fail; } })"  # the tab asks too
    page.evaluate(f"PRS.need().then(() => {{ PRS.Api.call = {silent}; }})")
    page.wait_for_function("() => Ext.ClassManager.get('PRS.JobWindow')")
    page.evaluate("() => { Ext.create('PRS.JobWindow', { jobId: '0123456789ab', autoShow: true }); }")
    mask = page.locator("[id^=prsJobWindow] .x-mask-msg:visible")
    until(page, mask.count, "a mask")
    page.evaluate("window.fail(PRS.Api.failure('refused', 'there is no job'))")
    sees(page, "there is no job")
    assert mask.count() == 0
    page.keyboard.press("Escape")


def test_an_auditor_reads_why_nothing_can_be_started(visit: VisitPve) -> None:
    page = visit(user="audit@pve").page
    shown(page, "prsNodesGrid")
    sees(page, "You cannot start migrations here: .*VM.Migrate")
    assert disabled(page, "Rebalance now")


def test_a_drain_that_cannot_be_done_names_the_tick_that_helps(visit: VisitPve) -> None:
    page = visit().page
    shown(page, "prsNodesGrid")
    page.evaluate("PRS.openDrain('pve2')")
    sees(page, r'except for 1 guest\. Nothing moves yet: tick "Containers \(restart\)"')
    assert any(row[2].endswith("cannot move") for row in rows(page, "prsDrainGrid"))
    assert disabled(page, "Drain")
    assert "cannot move" in tooltip(page, "Drain")
    label(page, "Containers (restart)").click()
    sees(page, r"pve2 can be emptied\. \d+ migrations")
    assert not any(row[2].endswith("cannot move") for row in rows(page, "prsDrainGrid"))


def test_a_double_click_goes_to_the_node_or_guest(visit: VisitPve) -> None:
    page = visit().page
    shown(page, "prsNodesGrid")
    page.locator("[id^=prsNodesGrid] .x-grid-item:visible").nth(1).dblclick()
    until(page, lambda: page.title() == "selected node/pve2", "the node's view")


def other_target(page: Page, xtype: str, row: int, node: str) -> None:
    """Choose another node for the guest of a row."""
    cell = page.locator(f"[id^={xtype}] .x-grid-item:visible").nth(row).locator(".x-grid-cell:visible", has=page.locator(".fa-caret-down"))
    cell.click()
    page.locator(f"[id^={xtype}] .x-form-arrow-trigger:visible").click()
    page.locator(".x-boundlist-item:visible", has_text=node).click()


def test_a_node_is_left_out_and_one_guest_goes_elsewhere_checked_at_once(visit: VisitPve, stage: Stage) -> None:
    page = visit().page
    shown(page, "prsNodesGrid")
    enabled(page, "Plan")
    click(page, "Plan")
    free = shown(page, "prsPlanGrid")
    assert "pve3" in {row[4] for row in free}
    tick = page.get_by_role("checkbox", name="pve3: Target")
    tick.click()
    until(page, lambda: {row[4] for row in rows(page, "prsPlanGrid")} == {"pve2"}, "a plan without the node")
    page.reload()
    shown(page, "prsPlanGrid")
    assert tick.get_attribute("aria-checked") == "false"
    other_target(page, "prsPlanGrid", 0, "pve3")
    sees(page, r"pve3: pve3 is left out as a target of this plan")
    click(page, "OK")
    tick.click()
    until(page, lambda: "pve3" in {row[4] for row in rows(page, "prsPlanGrid")}, "a plan with the node")
    before = rows(page, "prsPlanGrid")
    other = "pve2" if before[-1][4] == "pve3" else "pve3"
    page.locator("[id^=prsPlanGrid] .x-grid-checkcolumn").first.click()
    other_target(page, "prsPlanGrid", len(before) - 1, other)
    guest = before[-1][2]
    until(page, lambda: any(row[2] == guest and row[4] == other for row in rows(page, "prsPlanGrid")), "the other node")
    after = {row[2]: row[4] for row in rows(page, "prsPlanGrid")}
    assert after == {row[2]: row[4] for row in before} | {guest: other}
    assert page.locator("[id^=prsPlanGrid] .x-grid-checkcolumn-checked").count() == len(before) - 1


def test_lists_are_sorted_by_what_guests_belong_to_and_keep_their_columns(visit: VisitPve) -> None:
    page = visit().page
    shown(page, "prsNodesGrid")
    enabled(page, "Plan")
    click(page, "Plan")
    shown(page, "prsPlanGrid")
    column = "Ext.ComponentQuery.query('prsPlanGrid')[0].down('gridcolumn[dataIndex={}]')"
    for name in ("name", "tags", "pool"):
        page.evaluate(f"{column.format(name)}.show()")
    page.evaluate(f"{column.format('name')}.sort('DESC')")
    names = [row[3] for row in rows(page, "prsPlanGrid")]
    assert names == sorted(names, reverse=True)
    page.reload()
    shown(page, "prsPlanGrid")
    assert [page.evaluate(f"{column.format(name)}.isVisible()") for name in ("name", "tags", "pool")] == [True] * 3
    for name in ("name", "tags", "pool"):
        page.evaluate(f"{column.format(name)}.hide()")


def test_in_a_drain_nodes_are_left_out_and_a_guest_gets_another_node(visit: VisitPve) -> None:
    page = visit().page
    shown(page, "prsNodesGrid")
    page.evaluate("PRS.openDrain('pve3')")
    label(page, "Containers (restart)").click()
    sees(page, r"pve3 can be emptied\. \d+ migrations")
    going = [row for row in rows(page, "prsDrainGrid") if row[1]]
    guest, other = going[0][0], "pve2" if going[0][1] == "pve1" else "pve1"
    index = [row[0] for row in rows(page, "prsDrainGrid")].index(guest)
    other_target(page, "prsDrainGrid", index, other)
    until(page, lambda: any(row[0] == guest and row[1] == other for row in rows(page, "prsDrainGrid")), "the other node")
    sees(page, r"pve3 can be emptied\. \d+ migrations")
    page.locator("[id^=prsDrainWindow]").get_by_role("checkbox", name=f"{other}: Target").click()
    sees(page, f"{other} is left out as a target of this plan|it is to go to {other}, by choice")
