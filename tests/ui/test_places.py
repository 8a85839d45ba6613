"""Where should it go, and where would a guest be better: asked in the tab and in a guest's own menu, against the real service."""

from __future__ import annotations

from playwright.sync_api import Page

from ui.conftest import Picture, VisitPve
from ui.hands import click, disabled, menu_item, rows, sees, shown, words_of

SCENE = "ha"
NO_WARNINGS = True


def fill(page: Page, name: str, value: object) -> None:
    """Put a value into a field of the form, as typing would."""
    page.evaluate("([name, value]) => Ext.ComponentQuery.query(`prsPlaceWindow field[name=${name}]`)[0].setValue(value)", [name, value])


def test_one_guest_to_be_gets_every_node_ranked_with_the_reason(visit: VisitPve, picture: Picture) -> None:
    page = visit().page
    shown(page, "prsNodesGrid")
    click(page, "Where should it go?")
    fill(page, "name", "web01")
    fill(page, "memory", 2)
    click(page, "Ask")
    sees(page, r"Best: web01 on pve\d")
    found = shown(page, "prsPlacesGrid")
    assert sorted(row[1] for row in found) == ["pve1", "pve2", "pve3"]
    assert next(row[0] for row in found) == "1"
    assert all(row[-1] for row in found), "each node says why"
    picture(page, "place")
    fill(page, "memory", 4000)
    click(page, "Ask")
    sees(page, "There is no place for web01 while no other guest moves")
    assert {row[0] for row in rows(page, "prsPlacesGrid")} == {"-"}


def test_several_guests_together_and_a_mistake_that_is_named(visit: VisitPve) -> None:
    page = visit().page
    shown(page, "prsNodesGrid")
    click(page, "Where should it go?")
    for name, value in (("name", "app"), ("memory", 1), ("count", 2), ("tags", "plb_anti_affinity_app")):
        fill(page, name, value)
    click(page, "Ask")
    found = sees(page, r"Best: app-1 on (pve\d) and app-2 on (pve\d)")
    assert found[1] != found[2]
    assert len(shown(page, "prsPlacesGrid")) == 6
    fill(page, "storage", "nonsense")
    fill(page, "size", 5)
    click(page, "Ask")
    sees(page, r"there is no storage nonsense that can be seen")


def test_a_guests_own_menu_asks_where_it_would_be_better_and_opens_pves_dialog(visit: VisitPve) -> None:
    page = visit(hash="").page
    guest = "{node: 'pve1', vmid: 101, type: 'qemu', name: 'web02', status: 'running'}"
    page.evaluate(f"Ext.create('PVE.qemu.CmdMenu', {{ pveSelNode: {{ data: {guest} }} }}).showAt(300, 200)")
    entries = [text.strip() for text in page.locator(".x-menu-item-text:visible").all_text_contents()]
    assert entries == ["Shutdown", "Migrate", "Where better?", "Rebalancing", "Clone"]
    menu_item(page, "Where better?").click()
    sees(page, r"101 \(\w+\) (would be better on|is best where it is, on) pve\d")
    found = shown(page, "prsPlacesGrid")
    assert disabled(page, "Migrate")
    other = next(row[1] for row in found if row[0] != "-" and row[1] != "pve1")
    page.locator("[id^=prsPlacesGrid] .x-grid-item", has_text=other).first.click()
    click(page, "Migrate")
    sees(page, "Migrate VM 101")
    assert page.locator("input[name=target]").input_value() == other


def test_it_is_not_offered_where_it_makes_no_sense(visit: VisitPve) -> None:
    page = visit(hash="").page
    guest = "{node: 'pve1', vmid: 101, type: 'lxc', name: 'x', status: 'stopped'}"
    page.evaluate(f"Ext.create('PVE.lxc.CmdMenu', {{ pveSelNode: {{ data: {guest} }} }}).showAt(300, 200)")
    assert "Where better?" not in words_of(page)


def test_in_german(visit: VisitPve) -> None:
    page = visit(lang="de").page
    shown(page, "prsNodesGrid")
    click(page, "Wohin mit einem Gast?")
    sees(page, "Geben Sie an, was der Gast braucht.")
    fill(page, "memory", 2)
    click(page, "Fragen")
    shown(page, "prsPlacesGrid")
