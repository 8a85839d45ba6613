"""The settings of the whole cluster in the tab: saved, refused, decided by a node's own file, and two people at once."""

from __future__ import annotations

import re
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from prs.config.options import OPTIONS
from ui.conftest import Picture, VisitPve
from ui.hands import click, disabled, enabled, menu_item, sees, shown, tooltip, until, words_of
from ui.layout import words_in
from ui.stage import Stage

SCENE = "small"


@pytest.fixture
def policy(stage: Stage) -> Path:
    path: Path = stage._house.pve / "proxmox-rebalancing-service" / "policy.conf"
    path.parent.mkdir(exist_ok=True)
    path.write_text("# ours\n[balancing]\nspread: 7\n")
    return path


def opened(page: Page) -> None:
    """Open the window, and wait until it has read the policy."""
    shown(page, "prsNodesGrid")
    click(page, "Settings")
    sees(page, "Quiet windows")
    until(page, lambda: value(page, "balancing-spread") != "", "the policy")


def value(page: Page, name: str) -> Any:
    """What a field holds."""
    words = "name => { let field = Ext.ComponentQuery.query(`#set-${name}`)[0]; return field ? field.getValue() : ''; }"
    return page.evaluate(words, name)


def fill(page: Page, name: str, text: object) -> None:
    """Put a value into a field, as typing or picking would."""
    page.evaluate("([name, text]) => Ext.ComponentQuery.query(`#set-${name}`)[0].setValue(text)", [name, text])


def closed(page: Page) -> None:
    until(page, lambda: page.locator("[id^=prsSettingsWindow].x-window:visible").count() == 0, "the window closed")


def test_what_is_saved_stands_in_the_policy_and_in_the_strip(visit: VisitPve, policy: Path, picture: Picture) -> None:
    """A node's own file decides on containers here: grey, with the file's name."""
    page = visit().page
    opened(page)
    sees(page, r"Containers too: Decided on this node: \S+prs\.conf, line \d+")
    assert page.evaluate("Ext.ComponentQuery.query('#set-balancing-containers')[0].isDisabled()")
    picture(page, "settings")
    shows = "name => Ext.ComponentQuery.query(`#set-${name}`)[0].getRawValue()"
    assert page.evaluate(shows, "service-automation") == "Default (On)"
    assert page.evaluate(shows, "balancing-method") == "Default (Memory)"
    for name, text in (
        ("balancing-spread", "8"), ("service-automation", "suggest"), ("service-quiet", "mon..fri 08:00-18:00"),
        ("balancing-memory", "assigned"), ("balancing-weights", "cpu 0.5"), ("balancing-overcommit", "120"), ("balancing-idle_under", "10"),
        ("service-schedule", "sat 03:00"), ("service-keep_days", "30"), ("service-keep_size", "1GiB"),
        ("domains", "Rack1: pve1,pve2\n"),
        ("balancing-ignore_nodes", ["pve3"]), ("balancing-ignore_vms", ["101", "200-299"]), ("pools", ["db"]),
    ):  # fmt: skip
        fill(page, name, text)
    click(page, "Save")
    closed(page)
    text = policy.read_text()
    assert text.startswith("# ours\n[balancing]\nspread: 8\n")
    lists = ("rack1: pve1,pve2", "ignore_nodes: pve3", "ignore_vms: 101,200-299", "[pool db]")
    plain = ("memory: assigned", "weights: cpu 0.5",
             "overcommit: 120", "idle_under: 10", "schedule: sat 03:00", "keep_days: 30", "keep_size: 1GiB")
    for line in ("automation: suggest", "quiet: mon..fri 08:00-18:00", *plain, *lists):
        assert f"\n{line}\n" in text, line
    sees(page, "Automatic balancing suggests plans")
    opened(page)
    assert value(page, "balancing-ignore_vms") == ["101", "200-299"]
    fill(page, "pools", [])
    fill(page, "domains", "")
    click(page, "Save")
    closed(page)
    assert not set(policy.read_text().splitlines()) & {"[pool db]", "ignore: 1", "rack1: pve1,pve2"}


def test_mistakes_are_named_and_two_people_lose_nothing(visit: VisitPve, policy: Path) -> None:
    page = visit().page
    opened(page)
    fill(page, "service-schedule", "fri..mon")
    click(page, "Save")
    sees(page, r"service\.schedule: .*ends before it begins")
    fill(page, "domains", "rack1: pve1\nRack1: pve2")
    click(page, "Save")
    sees(page, "Racks: rack1 has two lines")
    fill(page, "domains", "")
    fill(page, "service-schedule", "sat 03:00")
    policy.write_text("# theirs\n[balancing]\nspread: 9\n")
    click(page, "Save")
    sees(page, "Somebody else has saved meanwhile")
    sees(page, r"Spread \(%\): 9")
    assert (value(page, "service-schedule"), value(page, "balancing-spread")) == ("sat 03:00", "9")
    enabled(page, "Save")
    click(page, "Save")
    closed(page)
    assert policy.read_text() == "# theirs\n[balancing]\nspread: 9\n\n[service]\nschedule: sat 03:00\n"


def test_who_may_only_look_sees_it_grey_and_a_broken_policy_is_said(visit: VisitPve, policy: Path) -> None:
    policy.write_text("[balancing]\nspread: x\n")
    page = visit(user="audit@pve", caps={"dc": {"Sys.Audit": 1}, "vms": {}, "nodes": {}}).page
    opened(page)
    sees(page, "its last good version is in force")
    sees(page, "spread = 'x'")
    until(page, lambda: "Sys.Modify" in tooltip(page, "Save"), "the reason")
    assert disabled(page, "Save")
    assert page.evaluate("Ext.ComponentQuery.query('prsSettingsWindow field').every(field => field.isDisabled())")


def test_a_broken_policy_is_mended_in_the_window(visit: VisitPve, policy: Path) -> None:
    policy.write_text("[balancing]\nspread: x\n")
    page = visit().page
    opened(page)
    sees(page, "spread = 'x'")
    fill(page, "balancing-spread", "6")
    click(page, "Save")
    closed(page)
    assert policy.read_text() == "[balancing]\nspread: 6\n"


def test_an_entry_that_nobody_knows_is_removed_and_what_was_entered_stays(visit: VisitPve, policy: Path) -> None:
    """One of two: the policy has fewer mistakes then, and the last good one stays in force until there is none."""
    policy.write_text("[balancing]\nspread: 7\nspraed: <b>7</b>\n[blancing]\nhot: 90\n")
    page = visit().page
    opened(page)
    sees(page, r"balancing\.spraed: <b>7</b>")
    sees(page, r"policy\.conf, line 3: .*did you mean 'spread'")
    fill(page, "balancing-spread", "6")
    page.get_by_role("button", name="Remove balancing.spraed").click()
    until(page, lambda: policy.read_text() == "[balancing]\nspread: 7\n[blancing]\nhot: 90\n", "the line is out")
    until(page, lambda: page.get_by_role("button", name="Remove balancing.spraed").count() == 0, "the window has seen it")
    sees(page, "its last good version is in force")
    page.get_by_role("button", name="Remove blancing").click()
    until(page, lambda: policy.read_text() == "[balancing]\nspread: 7\n", "the section is out")
    until(page, lambda: page.get_by_text("Entries with mistakes").is_hidden(), "nothing is wrong any more")
    assert value(page, "balancing-spread") == "6"
    click(page, "Save")
    closed(page)
    assert policy.read_text() == "[balancing]\nspread: 6\n"


def test_a_pause_and_its_end(visit: VisitPve, policy: Path) -> None:
    """By the time of the nodes: the browser's clock is five hours slow."""
    page = visit().page
    page.evaluate("() => { let right = Date.now; Date.now = () => right() - 5 * 3600 * 1000; }")
    shown(page, "prsNodesGrid")
    until(page, lambda: "Automatic balancing is on" in words_of(page), "the strip")
    click(page, "Automatic balancing")
    menu_item(page, "Pause for 8 h").click()
    sees(page, r"Paused until \d")
    (until_then,) = re.findall(r"\npaused_until: (.*)Z\n", policy.read_text())
    assert abs(datetime.fromisoformat(f"{until_then}+00:00").timestamp() - time.time() - 8 * 3600) < 1800
    click(page, "Automatic balancing")
    menu_item(page, "End the pause").click()
    until(page, lambda: "Paused until" not in words_of(page), "the end of the pause")
    click(page, "Automatic balancing")
    menu_item(page, "Run by schedule now").click()
    until(page, lambda: "\nrun_at: 20" in policy.read_text(), "the run that is asked for")


def test_what_an_option_means_and_what_is_wrong_is_told_in_the_language_of_the_page(visit: VisitPve, policy: Path) -> None:
    policy.write_text("[balancing]\nspread: 700\n")
    page, words = visit(lang="de").page, words_in("de")
    shown(page, "prsNodesGrid")
    click(page, words["Settings"])
    sees(page, r"spread = '700': erlaubt: Prozentpunkte von 0 bis 100")
    tips = "Ext.ComponentQuery.query('prsSettingsWindow field').map(field => field.getEl().dom.getAttribute('data-qtip')).filter(Boolean)"
    found = until(page, lambda: page.evaluate(tips), "tips")
    docs = [option.doc.rstrip(".") for option in OPTIONS]
    assert {tip for tip in found if tip.rstrip(".") in docs} == set()
    assert f"{words['Let a run by schedule wait until every node has been up for so long']}." in found
