"""Guests that ride along in rounds of the services: off before the reboot, running after it, whoever carries the round then."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.rounds import Cluster
from engine.test_rounds import sound
from prs.engine.journal.rides import drains_with_rides
from prs.engine.rolling.stages import RoundOptions
from simcluster.ceph import Ceph
from simcluster.world import Flavour

RIDER = 105  # of pve1, bound to its hardware
RIDES = RoundOptions(rides=(RIDER,))


def lab(folder: Path, flavour: Flavour, *ha: int) -> Cluster:
    """The small lab with the rider; no node of it may be told to reboot while a guest runs there."""
    site = Cluster(folder, flavour, ha)
    site.world.guests[RIDER].config["hostpci0"] = "0000:01:00.0"
    site.world.ceph = Ceph(osds={"pve1": [0]}, mons=("pve2",))
    power_off = site.world.life.power_off

    def watched(name: str, reboot: bool) -> None:
        assert not reboot or not [guest.vmid for guest in site.world.on(name) if guest.running]
        power_off(name, reboot)

    site.world.life.power_off = watched  # type: ignore[method-assign]
    return site


def home(site: Cluster) -> None:
    """Everything is as it was, and no journal calls the guest off."""
    site.live(60)
    sound(site)
    assert site.world.guests[RIDER].status == "running"
    assert not [name for name, host in site.hosts.items() if drains_with_rides(host.journal)]
    assert site.world.ceph is not None
    assert site.world.ceph.flags == set()


def test_it_is_off_while_its_node_reboots_and_runs_again(ram: Path, flavour: Flavour) -> None:
    site = lab(ram, flavour)
    site.begin("pve1", "pve3", holder="pve2", options=RIDES)
    while not site.round().turns[0].job:
        site.tick()
    assert site.round().turns[0].rides == (RIDER,), "the file names it first"
    assert site.world.guests[RIDER].running
    one = site.finish()
    assert (one.state, one.message) == ("done", ""), (one, site.world.story()[-30:])
    assert site.rebooted == ["pve1", "pve3"]
    assert any("105 (monitor) is shut down" in line for line in site.world.story("guest"))
    home(site)


def test_one_under_ha_is_started_once_its_node_is_out_of_maintenance_mode(ram: Path, flavour: Flavour) -> None:
    site = lab(ram, flavour, 101, RIDER)
    site.begin("pve1", holder="pve2", options=RIDES, kill_after=60)
    one = site.finish()
    assert (one.state, one.message) == ("done", ""), (one, site.world.story()[-30:])
    assert site.world.ha.resources["vm:105"].state == "started"
    assert not any("is killed" in line for line in site.world.story("guest"))
    home(site)


def test_without_agreement_the_node_keeps_its_guests(ram: Path) -> None:
    """HA's manager kills a VM that does not obey, and that was not agreed to."""
    site = lab(ram, "9", RIDER)
    site.begin("pve1", holder="pve2", options=RIDES)
    one = site.finish()
    assert one.state == "failed"
    assert "105 (monitor): the HA manager kills a VM that does not shut down in time" in one.message
    assert not site.rebooted
    home(site)


def test_one_that_does_not_shut_down_is_not_killed(ram: Path) -> None:
    site = lab(ram, "9")
    site.world.guests[RIDER].stops = False
    site.begin("pve1", "pve3", holder="pve2", options=RIDES)
    one = site.finish()
    assert one.state == "failed"
    assert "105 (monitor) did not shut down" in one.message
    assert not site.rebooted
    home(site)


def test_one_that_was_off_stays_off(ram: Path) -> None:
    site = lab(ram, "9")
    site.world.guests[RIDER].status = "stopped"
    site.begin("pve1", holder="pve2", options=RIDES)
    assert site.finish().state == "done"
    site.live(60)
    assert site.world.guests[RIDER].status == "stopped"
    assert site.rebooted == ["pve1"]


def test_one_that_somebody_starts_keeps_the_node_from_its_reboot(ram: Path) -> None:
    site = lab(ram, "9")
    site.begin("pve1", holder="pve2", options=RIDES)
    site.until("last-gates")
    site.world.guests[RIDER].status = "running"
    one = site.finish()
    assert "pve1 is not rebooted: 105 (monitor) is on it again" in one.message
    assert not site.rebooted
    home(site)


def test_a_service_that_crashes_at_every_step(ram: Path) -> None:
    """A new process as each step begins, and twice during each."""
    site = lab(ram, "8")
    site.begin("pve1", holder="pve2", options=RIDES)
    steps = list[str]()
    while (turn := site.round().turn) is not None:
        steps.append(turn.step)
        if steps.count(turn.step) <= 2:
            site.service("pve2")
        site.tick()
    assert {"shut-down", "start-up"} <= set(steps)
    assert site.round().state == "done"
    assert site.rebooted == ["pve1"]
    home(site)


@pytest.mark.parametrize("step", ["shutting", "return", "fill"])
def test_whoever_takes_over_starts_it_again(ram: Path, step: str) -> None:
    """And its first carrier, when it is back, leaves it as its users have it then."""
    site = lab(ram, "9")
    site.begin("pve1", holder="pve2", options=RIDES)
    if step == "shutting":
        while not drains_with_rides(site.hosts["pve2"].journal):
            site.tick()
    else:
        site.until(step)
    site.world.life.kill("pve2")
    one = site.finish()
    assert one.holder == "pve3"
    site.live(60)
    assert site.world.guests[RIDER].status == "running"
    assert not drains_with_rides(site.hosts["pve3"].journal)
    site.world.guests[RIDER].status = "stopped"  # a user's own wish
    site.world.life.revive("pve2")
    site.live(300)
    assert site.world.guests[RIDER].status == "stopped"
    assert not drains_with_rides(site.hosts["pve2"].journal)
    assert site.world.ceph is not None
    assert site.world.ceph.flags == set()


def test_of_a_node_that_stays_away_it_is_said_and_it_is_started_on_release(ram: Path) -> None:
    """Also where the carrier that has shut it down is gone: the last one knows."""
    site = lab(ram, "9")
    revive, site.world.life.revive = site.world.life.revive, lambda name: None  # type: ignore[method-assign]
    site.begin("pve1", holder="pve2", options=RIDES)
    site.until("return")
    site.hosts["pve2"].service = None
    one = site.finish()
    assert one.message.endswith("pve1 is kept empty (release pve1), and until then shut down: 105"), one.message
    site.world.life.revive = revive  # type: ignore[method-assign]
    revive("pve1")
    site.live(120)
    assert site.world.guests[RIDER].status == "stopped", "the node is kept empty"
    for held in (site.pve / "proxmox-rebalancing-service").glob("*.held"):
        held.unlink()
    site.live(120)
    assert site.world.guests[RIDER].status == "running"
