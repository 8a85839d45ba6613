"""The way home of a node's guests in a round: what others do to them meanwhile, and a node that is not there for a while."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from engine.rounds import Cluster
from engine.test_round_batches import site_of
from engine.test_rounds import sound
from prs.engine.drain.holds import Holds
from prs.engine.drain.release import left_by_release
from simcluster.world import Flavour

GUEST = 104  # the only one of pve2


def away(folder: Path, step: str, flavour: Flavour = "9") -> Cluster:
    """A round at a step of pve2's turn; pve4 is the next."""
    site = site_of(folder, flavour)
    site.begin("pve2", "pve4", holder="pve3")
    site.until(step, "pve2")
    return site


@pytest.mark.parametrize(("word", "lasts"), [("snapshot", 120), ("clone", 600), ("backup", 5400)])
def test_a_guest_that_is_locked_when_its_node_is_back_comes_home_once_it_is_not(ram: Path, word: str, lasts: float) -> None:
    site = away(ram, "fill")
    site.world.life.lock(GUEST, word)
    site.world.clock.after(lasts, lambda: site.world.life.lock(GUEST, ""))
    site.live(60)
    turn = site.round().turns[0]
    assert (turn.step, turn.message) == ("fill", f"not home: {GUEST} (vm{GUEST}) is on pve3: is locked ({word})")
    one = site.finish()
    assert (one.state, one.message, site.rebooted) == ("done", "", ["pve2", "pve4"])
    site.live(60)
    sound(site)


def test_those_that_can_go_home_do_not_wait_for_one_that_is_locked(ram: Path) -> None:
    site = site_of(ram, "9")
    site.begin("pve1", holder="pve3")
    site.until("fill")
    site.world.life.lock(101, "backup")
    site.live(900)
    assert (site.places[101] != "pve1", site.places[102], site.round().turns[0].step) == (True, "pve1", "fill")
    site.world.life.lock(101, "")
    assert site.finish().state == "done"
    site.live(60)
    sound(site)


def test_a_stop_ends_the_hours_that_a_backup_is_waited_for(ram: Path) -> None:
    site = away(ram, "fill")
    site.world.life.lock(GUEST, "backup")
    site.live(1200)
    assert site.round().open
    site.ask_for("stop")
    one = site.finish(0.1)
    assert one.state == "failed"
    words = f"pve2: not every guest is back on pve2: not home: {GUEST} (vm{GUEST}) is on pve3: is locked (backup); "
    assert one.message == f"{words}pve2 gets guests again; `release pve2` tries again to bring back what is left"


def test_a_guest_that_somebody_else_is_moving_is_waited_for_and_left_where_they_put_it(ram: Path) -> None:
    site = away(ram, "fill")
    site.world.life.move(GUEST, "pve5")
    one = site.finish()
    assert (one.state, one.message) == ("done", f"pve2: not home: {GUEST} (vm{GUEST}) is on pve5: has been moved to pve5 since")
    assert site.rebooted == ["pve2", "pve4"]


def test_a_node_that_balancing_leaves_alone_has_its_guests_again(ram: Path) -> None:
    site = site_of(ram, "9")
    site.begin("pve2", holder="pve3")
    shared = site.shared("pve3")
    one = shared.read()
    assert one is not None
    shared.put(replace(one, policy=replace(one.policy, ignore_nodes=("pve2",))))
    assert site.finish().state == "done"
    site.live(60)
    sound(site)


def test_a_node_whose_power_fails_as_it_is_to_reboot_has_its_guests_again_once_it_is_back(ram: Path, flavour: Flavour) -> None:
    """It was left in HA maintenance mode, which nobody was told of: the HA manager had another word for it while it was away."""
    site = away(ram, "reboot", flavour)
    site.world.life.kill("pve2")
    site.live(200)
    site.world.life.revive("pve2")
    one = site.finish()
    assert (one.state, site.rebooted) == ("failed", [])
    assert one.message == "pve2: the uptime of pve2 is not known, so nobody could see whether it has rebooted"
    site.live(60)
    sound(site)


@pytest.mark.parametrize("step", ["gates-again", "flags"])
def test_a_node_that_dies_after_its_reboot_stays_empty_and_the_round_says_so(ram: Path, step: str) -> None:
    site = away(ram, step)
    site.world.life.kill("pve2")
    one = site.finish()
    assert (one.state, one.message.endswith("pve2 is excluded: offline; pve2 is kept empty (release pve2)")) == ("failed", True), one
    assert "pve2" in site.hosts["pve3"].journal.held()


@pytest.mark.parametrize("lasts", [300, 3000])
def test_a_node_that_dies_as_its_guests_are_to_come_home_is_waited_for_and_they_stay_known(ram: Path, lasts: float) -> None:
    """PVE shows it as online for some seconds; `release` brings them back later."""
    site = away(ram, "fill")
    site.world.life.kill("pve2")
    site.world.clock.after(lasts, lambda: site.world.life.revive("pve2"))
    one = site.finish()
    if lasts < 900:
        assert (one.state, one.message) == ("done", ""), one
        site.live(60)
        sound(site)
        return
    assert one.state == "failed"
    assert one.message.endswith("pve2 is kept empty (release pve2)"), one


def test_guests_that_do_not_fit_any_more_stay_known_to_release(ram: Path) -> None:
    site = away(ram, "flags")
    pve2 = site.world.nodes["pve2"]
    pve2.memory //= 8
    one = site.finish()
    assert one.state == "failed"
    assert one.message.startswith(f"pve2: not every guest is back on pve2: not home: {GUEST} (vm{GUEST}) is on pve3: "), one
    assert one.message.endswith("; pve2 gets guests again; `release pve2` tries again to bring back what is left"), one
    assert left_by_release(Holds(site.hosts["pve3"].journal, site.clock), "pve2")
