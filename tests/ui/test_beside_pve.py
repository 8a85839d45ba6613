"""PVE's interface goes on whatever the page lacks or breaks, and the panel costs it little."""

from __future__ import annotations

import pytest
from playwright.sync_api import BrowserContext, Page

from ui.conftest import VisitPve
from ui.hands import click, menu_entry, sees, shown, until
from ui.rest_of_pve import has_tab, pve_works
from ui.stage import FILES

SCENE = "hostile"
FILE = FILES / "prs-rebalancing.js"
BREAKS = {
    "a class of ExtJS is missing": """() => { Ext.ClassManager.classes['Ext.grid.column.Check'] = undefined;
        let get = Ext.ClassManager.get;
        Ext.ClassManager.get = (name) => name === 'Ext.grid.column.Check' ? null : get.call(Ext.ClassManager, name); }""",
    "PVE has no such class": """() => { let get = Ext.ClassManager.get;
        Ext.ClassManager.get = (name) => name === 'PVE.dc.Config' && /prs-rebalancing/.test(new Error().stack)
            ? null : get.call(Ext.ClassManager, name); }""",
    "Ext.define throws": """() => { let define = Ext.define;
        Ext.define = function (name) { if (/^PRS/.test(name)) { throw new Error('no'); } return define.apply(Ext, arguments); }; }""",
    "our file was loaded before": "() => { window.PRS = { mine: true }; }",
}


@pytest.mark.parametrize("before", BREAKS.values(), ids=BREAKS)
def test_what_the_page_lacks_or_breaks_keeps_the_panel_away_and_pve_works(visit: VisitPve, before: str) -> None:
    page = visit(before=before, hash="").page
    assert not has_tab(page)
    pve_works(page)


def test_without_extjs_nothing_happens_at_all(browser: BrowserContext) -> None:
    page = browser.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.set_content("<p>empty</p>")
    page.add_script_tag(path=FILE)
    assert page.evaluate("typeof window.PRS") == "undefined"
    assert errors == []
    page.close()


def test_pves_own_method_throws_as_before_and_we_do_not_add_to_it(visit: VisitPve) -> None:
    page = visit(before="""() => {
        PVE.node.CmdMenu.prototype.initComponent = function () { throw new Error('PVE itself'); }; }""", hash="").page  # fmt: skip
    words = page.evaluate("""() => {
        try { Ext.create('PVE.node.CmdMenu', { nodename: 'pve1' }); return ''; } catch (error) { return error.message; } }""")
    assert words == "PVE itself"
    assert has_tab(page)


def test_a_hook_of_ours_throws_and_pves_method_has_run_all_the_same(visit: VisitPve) -> None:
    found = visit(before="""() => { let get = Ext.state.Manager.get;
        Ext.state.Manager.get = function (name) {
            if (name === 'GuiCap' && /drainAction/.test(new Error().stack)) { throw new Error('ours'); }
            return get.apply(this, arguments); }; }""", hash="")  # fmt: skip
    pve_works(found.page)
    assert any("prs: PVE.node" in text for text in found.warnings)


def test_the_panel_itself_throws_its_card_says_so_and_the_rest_works(visit: VisitPve) -> None:
    page = visit(before="""() => { let create = Ext.define;
        Ext.define = function (name, body) {
            if (name === 'PRS.Panel') { body.initComponent = () => { throw new Error('<b>bug</b>'); }; }
            return create.apply(Ext, arguments); }; }""").page  # fmt: skip
    sees(page, "Error: <b>bug</b>")
    pve_works(page)


def test_the_switch_in_the_address_keeps_the_panel_away(visit: VisitPve) -> None:
    page = visit(query="?prs=off", hash="").page
    assert page.evaluate("typeof window.PRS") == "undefined"
    assert not has_tab(page)
    pve_works(page)


def test_without_sys_audit_there_is_no_tab_and_a_link_to_it_leads_elsewhere(visit: VisitPve) -> None:
    page = visit(caps={"dc": {}, "vms": {}, "nodes": {}}).page
    assert not has_tab(page)
    sees(page, "Search")


def test_it_costs_one_name_12_kib_20_ms_and_no_timer_once_the_tab_is_closed(visit: VisitPve) -> None:
    assert FILE.stat().st_size < 12 * 1024
    without = visit(query="?prs=off", hash="")
    pve_works(without.page)
    usual = set(without.page.evaluate("Object.keys(window)"))
    without.page.close()
    page = visit().page
    shown(page, "prsNodesGrid")
    assert [name for name in page.evaluate("Object.keys(window)") if name not in usual] == ["PRS"]
    assert milliseconds_to_load(page) < 20
    page.reload()
    menu_entry(page, "Rebalancing").click()
    shown(page, "prsNodesGrid")
    click(page, "History")
    until(page, lambda: page.evaluate("PRS.Poller.running") == 2, "two views that poll")
    click(page, "Close")
    menu_entry(page, "Fencing").click()
    assert page.evaluate("PRS.Poller.running") == 0
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/api/v1" in request.url else None)
    page.wait_for_timeout(4000)
    assert asked == []


def milliseconds_to_load(page: Page) -> float:
    """The median time of five runs of our file in the page."""
    times: list[float] = page.evaluate(
        """text => { let found = [];
            for (let round = 0; round < 5; round++) {
                delete window.PRS;
                let begin = performance.now();
                window.eval(text);
                found.push(performance.now() - begin);
            }
            return found.sort((a, b) => a - b); }""",
        FILE.read_text(encoding="utf-8"),
    )
    return times[2]
