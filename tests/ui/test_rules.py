"""The rules that bind guests, in the tab: each with its source and how it stands; broken ones are mended and nothing else moves."""

from __future__ import annotations

import re

from ui.conftest import Picture, VisitPve
from ui.hands import click, disabled, enabled, menu_item, rows, sees, shown, until, words_of
from ui.stage import APART, Stage

SCENE = "apart"
NO_WARNINGS = True


def test_broken_rules_are_named_and_mended_alone(visit: VisitPve, stage: Stage, picture: Picture) -> None:
    page = visit().page
    shown(page, "prsNodesGrid")
    click(page, "Rules")
    sees(page, r"1 rule: 0 broken")
    found = shown(page, "prsRulesGrid")
    assert [row[:4] for row in found] == [["Kept", APART, "Tag", "Apart"]]
    assert disabled(page, "Mend")
    click(page, "Close")
    stage.move(111, "pve1")
    until(page, lambda: stage.homes()["111"] == "pve1", "the guest on the other node")

    def broken() -> bool:
        click(page, "Rules")
        sees(page, r"1 rule: \d broken")
        if "1 broken" in words_of(page):
            return True
        click(page, "Close")
        return False

    until(page, broken, "the broken rule")
    picture(page, "rules")
    assert "102 (web01) and 111 (wiki) are on pve1" in shown(page, "prsRulesGrid")[0][-1]
    click(page, "Mend")
    moves = shown(page, "prsPlanGrid")
    assert len(moves) == 1
    assert f"repairs tag {APART}, which keeps it apart from another guest on pve1" in moves[0][-1]



def test_without_an_answer_nothing_is_said_of_rules_jobs_or_rounds(visit: VisitPve, stage: Stage) -> None:
    page = visit().page
    shown(page, "prsNodesGrid")
    page.route(f"{stage.backend}/api/v1/**", lambda route: route.abort())
    for window in ("prsRulesWindow", "prsHistoryWindow", "prsRoundWindow"):
        page.evaluate("name => { Ext.create(`widget.${name}`, { autoShow: true }); }", window)
        sees(page, "No connection")
        assert not re.search(r"No rule binds|No jobs yet|No node is part|The round goes on", words_of(page)), window
        page.evaluate("name => { Ext.ComponentQuery.query(name)[0].close(); }", window)


def test_how_guests_may_be_moved_is_set_for_several_at_once(visit: VisitPve, stage: Stage, picture: Picture) -> None:
    page = visit().page
    shown(page, "prsNodesGrid")
    click(page, "Rules")
    shown(page, "prsRulesGrid")
    page.locator(".x-tab:visible").filter(has_text="Guests").click()
    shown(page, "prsGuestsGrid")
    assert disabled(page, "May be moved")
    chosen = "grid => grid.setSelection([101, 103].map(vmid => grid.getStore().getById(vmid)))"
    page.evaluate(f"({chosen})(Ext.ComponentQuery.query('prsGuestsGrid')[0])")
    click(page, "May be moved")
    menu_item(page, "Drains only").click()

    def modes() -> list[list[str]]:
        return [row[2:] for row in rows(page, "prsGuestsGrid") if row[0][:3] in ("101", "103")]

    until(page, lambda: modes() == [["Drains only", "Set for this guest"]] * 2, "the guests' new mode")
    picture(page, "guests")
    text = (stage._house.pve / "proxmox-rebalancing-service" / "policy.conf").read_text()
    assert text == "[guests]\n101: drains\n103: drains\n"
    click(page, "May be moved")
    menu_item(page, "As tags, pools and lists say").click()
    until(page, lambda: modes() == [["Automatic", ""]] * 2, "what tags say")


def test_a_guests_own_menu_leads_to_it_alone(visit: VisitPve) -> None:
    page = visit(hash="").page
    guest = "{node: 'pve1', vmid: 101, type: 'qemu', name: 'db01', status: 'running'}"
    page.evaluate(f"Ext.create('PVE.qemu.CmdMenu', {{ pveSelNode: {{ data: {guest} }} }}).showAt(300, 200)")
    menu_item(page, "Rebalancing").click()
    until(page, lambda: [row[:1] for row in rows(page, "prsGuestsGrid") if row] == [["101 (db01)"]], "the guest alone")
    enabled(page, "May be moved")
