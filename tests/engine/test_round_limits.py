"""How long a round waits at a gate counts from when its node was looked at, whoever was before it and whatever a carrier's clock says."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.rounds import Cluster
from engine.test_round_batches import PAIR, site_of
from engine.test_rounds import sound
from prs.engine.rolling.stages import RoundOptions
from simcluster.world import Flavour


def test_the_second_nodes_gates_are_waited_for_however_long_the_first_took(ram: Path) -> None:
    site = Cluster(ram, "9")
    site.begin("pve2", "pve3")
    site.until("fill", "pve2")
    site.world.nodes["pve3"].dead_services = ("pvescheduler",)
    site.until("gates", "pve3")
    site.live(600)
    assert site.round().open, site.round()
    site.world.nodes["pve3"].dead_services = ()
    one = site.finish()
    assert (one.state, site.rebooted) == ("done", ["pve2", "pve3"]), one
    site.live(60)
    sound(site)


def test_the_last_look_at_the_first_waits_also_where_the_second_took_long_to_be_emptied(ram: Path) -> None:
    site = site_of(ram, "9")
    site.begin(*PAIR, batches=(PAIR,), holder="pve5")
    site.until("drain", "pve2")
    one = site.round()
    site.off.update(site.world.nodes)
    site.live(1200)
    site.off.clear()
    site.world.nodes["pve1"].dead_services = ("pvescheduler",)
    site.until("last-gates", "pve1")
    site.live(600)
    assert site.round().open, (one, site.round())
    site.world.nodes["pve1"].dead_services = ()
    one = site.finish()
    assert (one.state, site.rebooted) == ("done", [*PAIR]), one
    site.live(60)
    sound(site)


def test_a_round_that_was_paused_for_an_hour_waits_at_its_next_gate(ram: Path) -> None:
    site = Cluster(ram, "9")
    site.begin("pve2", "pve3")
    site.ask_for("pause")
    site.live(3600)
    site.ask_for("resume")
    site.world.nodes["pve2"].dead_services = ("pvescheduler",)
    site.live(600)
    assert site.round().open, site.round()


@pytest.mark.parametrize("hours", [-1, 1])
@pytest.mark.parametrize("back", [True, False], ids=["comes back", "stays away"])
def test_a_carrier_whose_clock_is_an_hour_off_waits_as_long_for_a_node(ram: Path, hours: int, back: bool) -> None:
    """It goes on while the node reboots: what comes back after 20 minutes is well, and what does not is named after 30."""
    site = site_of(ram, "9")
    revive = site.world.life.revive
    site.world.life.revive = lambda name: None  # type: ignore[method-assign]
    site.ahead["pve2"] = hours * 3600.0
    site.begin("pve4", holder="pve1")
    told = site.until("return").turns[0].told
    site.world.life.kill("pve1")
    site.live(1200)
    one = site.round()
    assert (one.holder, one.turns[0].step) == ("pve2", "return"), one
    revive("pve1")
    if back:
        revive("pve4")
        one = site.finish()
        assert (one.state, one.message) == ("done", ""), one
        assert {vmid for vmid, node in site.places.items() if node == "pve4"} == {105}
        return
    one = site.finish()
    assert one.message.startswith("pve4: pve4 was told to reboot and is not back after 30 minutes"), one
    assert 1790 < one.turns[0].since - site.ahead["pve2"] - told < 1900


@pytest.mark.parametrize("late", [0, 400], ids=["", "and reports late"])
def test_a_server_that_needs_seven_minutes_for_its_reboot_has_its_guests_again(ram: Path, flavour: Flavour, late: int) -> None:
    """PVE's history of it shows the hole until its first whole minute has passed; without ZFS no gate looks there."""
    site = site_of(ram, flavour)
    life, nodes, clock = site.world.life, site.world.nodes, site.world.clock
    life.boot_time, revive = 420.0, life.revive

    def back(name: str) -> None:
        revive(name)
        if late:
            nodes[name].silent = nodes[name].died
            clock.after(late, lambda: life.speak(name))

    life.revive = back  # type: ignore[method-assign]
    site.begin("pve4", holder="pve1")
    one = site.finish()
    assert (one.state, one.message) == ("done", ""), one
    site.live(60)
    sound(site)


def test_a_node_that_takes_no_guest_for_a_quarter_of_an_hour_stays_empty_and_the_round_says_so(ram: Path) -> None:
    """Its pvestatd has died: nothing is known of what fits there."""
    site = site_of(ram, "9")
    site.begin("pve4", holder="pve1")
    site.until("flags")
    site.world.nodes["pve4"].silent = 0.0
    one = site.finish()
    assert one.state == "failed"
    assert one.message.startswith("pve4: pve4 is excluded: PVE has had no figures for 5 minutes"), one
    assert one.message.endswith("; pve4 is kept empty (release pve4)"), one
    assert "pve4" in site.hosts["pve1"].journal.held()


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_gate_waits_as_long_where_another_nodes_clock_has_said_when_the_round_goes_on(ram: Path, hours: int) -> None:
    """Whoever resumes it writes their own node's time: of one an hour behind, the next gate had been shut for too long already."""
    site = site_of(ram, "9")
    site.ahead["pve2"] = hours * 3600.0
    site.begin("pve4", holder="pve1", options=RoundOptions(reboot=False))
    site.until("by-hand")
    site.live(60)
    site.world.nodes["pve4"].dead_services = ("pvescheduler",)
    site.ask_for("resume", host="pve2")
    site.live(600)
    assert (site.round().turns[0].step, site.round().open) == ("gates-again", True), site.round()
    site.live(400)
    assert site.round().turns[0].ending == "failed", site.round()
