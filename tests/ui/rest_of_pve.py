"""What a person does in PVE's interface beside our tab."""

from __future__ import annotations

from playwright.sync_api import Page

from ui.hands import menu_entry, menu_item, sees, tree_node, until


def pve_works(page: Page) -> None:
    """The Datacenter view, a node's view and its context menu work, with or without us."""
    menu_entry(page, "Fencing").click()
    tree_node(page, "pve1").click()
    sees(page, "Reboot")
    tree_node(page, "pve1").click(button="right")
    until(page, lambda: menu_item(page, "Bulk Migrate").count(), "the context menu")
    page.keyboard.press("Escape")
    tree_node(page, "Datacenter").click()
    sees(page, "Affinity Rules")


def has_tab(page: Page) -> bool:
    """True if our entry is in the menu."""
    return menu_entry(page, "Rebalancing").count() == 1
