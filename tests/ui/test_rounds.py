"""Rolling maintenance in the tab: the round that is in the file is shown, and each click is written there; carrying it is the engine's."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from playwright.sync_api import BrowserContext

from integration.web_house import House
from prs.engine.drain.shared_holds import FOLDER
from prs.engine.rolling.gates import BACKUPS, Gate
from prs.engine.rolling.hooks import Hook
from prs.engine.rolling.stages import Round, RoundOptions, begin, hooked, noted, passed, waits
from prs.engine.rolling.wishes import asked
from prs.helper.client import shared_round
from prs.model import Policy
from ui.browser import visit_pve
from ui.conftest import Picture, VisitPve
from ui.hands import click, disabled, enabled, rows, sees, shown, tooltip, until
from ui.layout import speak
from ui.stage import Stage
from ui.test_accessible import found

SCENE = "small"  # its service has no account, so that a round stays as it was written


def begun(stage: Stage, number: str) -> None:
    """A round over two nodes that rests before its first one, as somebody has asked for that."""
    shared = shared_round(stage._house.pve, stage._house.helper)
    assert shared is not None
    shared.read()
    now = time.time()
    one = begin(number * 12, "root@pam", ("pve2", "pve3"), Policy(), RoundOptions(reboot=False, maintenance=False), "pve1", now)
    shared.put(asked(one, "pause", "", now))


def test_a_round_is_shown_and_steered_by_clicks(visit: VisitPve, stage: Stage, picture: Picture) -> None:
    page = visit().page
    shown(page, "prsNodesGrid")
    click(page, "Maintenance")
    shown(page, "prsRoundNodes")  # there was none yet, so that one can be begun, until somebody else has done that
    begun(stage, "a")
    sees(page, r"The round of root@pam is paused; pve1 carries it\. Nodes done: 0 of 2")
    assert [row[:2] for row in shown(page, "prsRoundGrid")] == [["pve2", "Waiting"], ["pve3", "Waiting"]]
    assert tooltip(page, "Pause after this node") == "the round is paused already"
    assert tooltip(page, "Skip node") == "Choose a node first."
    assert found(page, "prsRoundWindow") == []
    picture(page, "round")
    page.locator("[id^=prsRoundGrid] .x-grid-item", has_text="pve3").click()
    enabled(page, "Skip node")
    click(page, "Skip node")
    sees(page, r"Skip pve3\? What was begun for it is taken back\.")
    click(page, "Yes")
    until(page, lambda: [row[1] for row in rows(page, "prsRoundGrid")] == ["Waiting", "Skipped"], "pve3 skipped")
    click(page, "Resume")
    sees(page, r"These nodes are emptied: pve2")
    click(page, "Yes")
    sees(page, r"The round of root@pam is under way; pve1 carries it")
    enabled(page, "Stop")
    click(page, "Stop")
    sees(page, r"Stop the round for good\?")
    click(page, "Yes")
    sees(page, r"The round of root@pam is being stopped")
    assert disabled(page, "Resume")
    assert tooltip(page, "Pause after this node") == "the round is being stopped"


def written(stage: Stage, change: Callable[[Round], Round]) -> Round:
    """Write into the round's file what whoever carries it would."""
    shared = shared_round(stage._house.pve, stage._house.helper)
    assert shared
    one = shared.read()
    assert one
    return shared.put(change(one))


def test_hooks_and_gates_are_told_in_words_and_a_hook_that_failed_waits_for_somebody(
    visit: VisitPve, stage: Stage, picture: Picture
) -> None:
    begun(stage, "c")
    now = time.time()
    options = RoundOptions(hooks=True, maintenance=False, stages=("before-drain",))
    shut = Gate("backups", "on pve2 runs a backup of 101", BACKUPS)
    written(stage, lambda one: waits(replace(one, request="", options=options), f"before pve2: {shut.reason}", now + shut.limit))
    page = visit().page
    shown(page, "prsNodesGrid")
    click(page, "Maintenance")
    sees(page, r"pve2 Waiting .* before pve2: on pve2 runs a backup of 101 \(at most about [34]\.\d h more\)")
    note = Hook("before-drain", started=now, host="pve1")

    def runs(one: Round) -> Round:
        one = noted(passed(one, now), hooks=(note,))
        return waits(one, "the site's hook before-drain runs for pve2", now + 1800.0)

    written(stage, runs)
    sees(page, r"pve2 Hook of this site .* the site's hook before-drain runs for pve2 \(at most about \d\d min more\)")
    failed = replace(note, state="failed", code=3, output="reading\nE: <b>not</b> signed")

    def fails(one: Round) -> Round:
        turn = one.turn
        assert turn
        return waits(noted(one, hooks=hooked(turn, failed)), f"{failed.trouble} (resume runs it again)")

    written(stage, fails)
    sees(page, r"The round of root@pam is paused")
    sees(page, r"the site's hook before-drain ended with exit status 3: E: <b>not</b> signed \(resume runs it again\)")
    assert found(page, "prsRoundWindow") == []
    picture(page, "round-hook")
    speak(page, "de")
    shown(page, "prsNodesGrid")
    click(page, "Wartung")
    sees(page, r"der Hook before-drain dieses Standorts endete mit Status 3: E: <b>not</b> signed \(Fortsetzen führt ihn noch einmal aus\)")
    picture(page, "round-hook-de")
    click(page, "Fortsetzen")
    sees(page, r"Hook.*pve2.*pve3")
    click(page, "Yes")
    until(page, lambda: not written(stage, lambda one: one).turns[0].hooks, "the hook is to run again")


def test_a_round_is_seen_and_steered_from_another_nodes_tab(
    visit: VisitPve, stage: Stage, browser: BrowserContext, tmp_path: Path
) -> None:
    """The other node has its own services; of what is below /etc/pve they share the round."""
    begun(stage, "d")
    written(stage, lambda one: asked(one, "resume", "", time.time()))
    here = visit().page
    shown(here, "prsNodesGrid")
    click(here, "Maintenance")
    sees(here, r"The round of root@pam is under way; pve1 carries it")
    house = House(tmp_path, stage._house.server, "pve2")
    (house.pve / FOLDER).symlink_to(stage._house.pve / FOLDER)
    other = Stage(house, Path(os.environ["UI_CACHE"]))
    other.open()
    try:
        seen = visit_pve(browser, other)
        there = seen.page
        shown(there, "prsNodesGrid")
        click(there, "Maintenance")
        sees(there, r"The round of root@pam is under way; pve1 carries it\. Nodes done: 0 of 2")
        assert rows(there, "prsRoundGrid") == rows(here, "prsRoundGrid")
        click(there, "Pause after this node")
        click(there, "Yes")
        sees(there, r"The round of root@pam is paused; pve1 carries it")
        sees(here, r"The round of root@pam is paused; pve1 carries it")
        assert seen.errors == []
        seen.close()
    finally:
        other.close()
        house.close()


def test_a_node_that_does_not_answer_is_told_and_asked_again(visit: VisitPve, stage: Stage) -> None:
    begun(stage, "b")
    page = visit().page
    shown(page, "prsNodesGrid")
    click(page, "Maintenance")
    shown(page, "prsRoundGrid")
    stage.stop("web")
    try:
        sees(page, "The node that serves this page may be rebooting")
        assert disabled(page, "Stop")
        assert len(rows(page, "prsRoundGrid")) == 2
    finally:
        stage.start("web")
    enabled(page, "Stop")
