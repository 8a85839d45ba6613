"""Rounds of rolling maintenance carried by the services of the nodes: the whole of it, the carrier's own reboot, and its death."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.rounds import Cluster
from prs.engine.drain.holds import Holds
from prs.engine.drain.release import left_by_release
from prs.engine.rolling.stages import RoundOptions
from simcluster.access import Grant
from simcluster.ceph import Ceph
from simcluster.world import Flavour


def sound(site: Cluster) -> None:
    """Nothing is left behind: every guest home, no flag, no node kept empty, no guest cut off."""
    assert site.places == site.before
    assert not site.world.ha.in_maintenance
    assert not list((site.pve / "proxmox-rebalancing-service").glob("*.held"))
    assert not any(host.journal.held() for host in site.hosts.values())
    assert not site.world.overfilled
    assert not [line for line in site.world.story("guest") if "is stopped" in line]
    assert not site.world.schema_errors


@pytest.mark.parametrize("ha", [(), (101, 102, 107)], ids=["without HA", "with HA"])
def test_all_nodes_also_the_one_that_carries_the_round(ram: Path, flavour: Flavour, ha: tuple[int, ...]) -> None:
    site = Cluster(ram, flavour, ha)
    site.world.ceph = ceph = Ceph(osds={"pve1": [0], "pve2": [1], "pve3": [2]}, mons=("pve1", "pve2", "pve3"))
    site.begin("pve2", "pve3", "pve1")
    one = site.finish()
    assert (one.state, one.message) == ("done", ""), (one, site.world.story()[-30:])
    assert [turn.stage for turn in one.turns] == ["done"] * 3
    assert site.rebooted == ["pve2", "pve3", "pve1"]
    assert one.holder != "pve1", "the node that reboots does not carry"
    assert ceph.flags == set()
    site.live(60)
    sound(site)


STEPS = ("gates", "drain", "last-gates", "reboot", "return", "gates-again", "flags", "fill")


def test_a_service_that_crashes_at_every_step_goes_on_where_it_was(ram: Path, flavour: Flavour) -> None:
    """A new process as each step begins, and twice during each: the node reboots once, and everything is as it was."""
    site = Cluster(ram, flavour, (101, 102))
    site.world.ceph = ceph = Ceph(osds={"pve2": [1]}, mons=("pve1",))
    site.begin("pve2")
    steps = list[str]()
    while (turn := site.round().turn) is not None:
        steps.append(turn.step)
        if steps.count(turn.step) <= 2:
            site.service("pve1")
        site.tick()
    one = site.round()
    assert set(steps) == set(STEPS)
    assert (one.state, one.message, one.holder) == ("done", "", "pve1")
    assert site.rebooted == ["pve2"]
    assert ceph.flags == set()
    site.live(60)
    sound(site)


DEATHS = [("8", "drain"), ("8", "return"), ("9", "gates"), ("9", "drain"), ("9", "return"), ("9", "fill")]


@pytest.mark.parametrize(("release", "step"), DEATHS, ids=[f"PVE {release} {step}" for release, step in DEATHS])
def test_when_its_node_dies_another_goes_on_once_pve_shows_it_offline(ram: Path, release: Flavour, step: str) -> None:
    """The carrier is gone for twelve minutes, its guests with it; when it is back it does nothing more for the round."""
    site = Cluster(ram, release)
    site.world.ceph = ceph = Ceph(osds={"pve2": [1]}, mons=("pve3",))
    site.begin("pve2", holder="pve1")
    site.until(step)
    stopped = {vmid for vmid, guest in site.world.guests.items() if guest.node == "pve1" and guest.status == "running"}
    site.world.life.kill("pve1")
    site.live(150)
    assert site.round().holder == "pve1", "not before it has been silent for long enough"
    site.live(570)
    assert site.round().holder in ("pve2", "pve3")
    site.world.life.revive("pve1")
    one = site.finish()
    site.live(120)
    assert (one.state, one.generation > 1) == ("done", True), (one, site.world.story()[-30:])
    assert site.rebooted == ["pve2"]
    assert ceph.flags == set()
    assert site.places == site.before
    assert stopped
    assert not list((site.pve / "proxmox-rebalancing-service").glob("*.held"))
    assert not any(host.journal.held() or host.journal.jobs(only_open=True) for host in site.hosts.values())


def test_nobody_takes_over_from_a_node_that_is_there(ram: Path) -> None:
    """Its service is stopped for an hour: the round waits for it."""
    site = Cluster(ram, "9")
    site.begin("pve2")
    site.until("return")
    site.off.add("pve1")
    site.live(3600)
    one = site.round()
    assert (one.holder, one.generation, one.turns[0].step) == ("pve1", 1, "return")
    site.off.clear()
    assert site.finish().state == "done"
    sound(site)


@pytest.mark.parametrize(("step", "ending"), [("gates", ""), ("drain", "skipped")])
def test_a_round_that_nobody_has_carried_for_a_day_is_taken_back(ram: Path, step: str, ending: str) -> None:
    """The power was off over the weekend, or somebody has put an old file back: nobody counts on reboots any more."""
    site = Cluster(ram, "9")
    site.begin("pve2", "pve3")
    site.until(step)
    site.off.update(site.world.nodes)
    site.live(90_000)
    site.off.clear()
    one = site.finish()
    assert (one.state, site.rebooted, site.places) == ("stopped", [], site.before)
    assert "stopped, as no service has carried it on for a day" in one.message
    assert one.turns[0].ending == ending
    sound(site)


def test_what_is_handed_to_a_service_that_has_died_goes_elsewhere(ram: Path) -> None:
    site = Cluster(ram, "9")
    site.begin("pve1", holder="pve1")
    alive = site.alive
    site.alive = lambda: {"pve1", "pve3"}  # type: ignore[method-assign]
    site.hosts["pve1"].service = service = site.service("pve1")
    service._carrier._alive = lambda now: {"pve1", "pve2", "pve3"}
    site.live(200)
    site.alive = alive  # type: ignore[method-assign]
    one = site.finish()
    assert (one.state, one.holder) == ("done", "pve3")
    sound(site)


def test_without_another_service_its_own_node_does_not_go_down(ram: Path) -> None:
    site = Cluster(ram, "9")
    site.off = {"pve2", "pve3"}
    site.begin("pve1", "pve2")
    one = site.finish()
    assert one.state == "failed"
    assert one.message == "pve1: no service of another node is there to carry the round while pve1 goes down"
    assert not site.rebooted


def test_without_quorum_nothing_begins(ram: Path) -> None:
    """The file cannot be written, so that no node is told to reboot."""
    site = Cluster(ram, "9")
    site.begin("pve2")
    site.until("last-gates")
    site.world.life.quorum(False)
    site.live(600)
    assert not site.rebooted
    site.world.life.quorum(True)
    assert site.finish().state == "done"
    sound(site)


def test_a_node_that_does_not_come_back(ram: Path, flavour: Flavour) -> None:
    """The flag goes, the node stays kept empty and is named, and no further node is touched."""
    site = Cluster(ram, flavour)
    site.world.ceph = ceph = Ceph(osds={"pve2": [1]}, mons=("pve1",))
    revive, site.world.life.revive = site.world.life.revive, lambda name: None  # type: ignore[method-assign]
    site.begin("pve2", "pve3")
    one = site.finish()
    site.world.life.revive = revive  # type: ignore[method-assign]
    assert one.state == "failed"
    assert one.message == "pve2: pve2 was told to reboot and is not back after 30 minutes; pve2 is kept empty (release pve2)"
    assert (site.rebooted, [turn.stage for turn in one.turns]) == (["pve2"], ["failed", "waiting"])
    assert ceph.flags == set()


def test_ceph_that_stays_unsafe_before_a_node(ram: Path, flavour: Flavour) -> None:
    """The node is emptied, is not rebooted for want of safety, and has its guests again; the next is not begun."""
    site = Cluster(ram, flavour, (101, 102))
    site.world.ceph = ceph = Ceph(osds={"pve2": [1]}, mons=("pve1",))
    site.begin("pve2", "pve3")
    site.until("drain")
    while not site.round().turns[0].job:
        site.tick()
    ceph.unsafe = ("osd.1",)
    site.until("last-gates")
    site.live(60)
    turn = site.round().turns[0]
    assert (turn.stage, turn.message.startswith("before the reboot of pve2: Ceph cannot do without osd.1")) == ("rebooting", True)
    assert 800 < turn.until - site.clock.time() <= 900
    one = site.finish()
    assert (one.state, one.turns[0].stage, one.turns[1].stage) == ("failed", "failed", "waiting")
    assert not site.rebooted
    site.live(60)
    sound(site)


def test_ceph_that_stays_unsafe_after_a_node(ram: Path, flavour: Flavour) -> None:
    """The node has its guests again and the flag is gone; the next one is not begun."""
    site = Cluster(ram, flavour, (101, 102))
    site.world.ceph = ceph = Ceph(osds={"pve2": [1]}, mons=("pve1",))
    site.begin("pve2", "pve3")
    site.until("return")
    ceph.health, ceph.checks = "HEALTH_WARN", {"PG_DEGRADED": "3 pgs"}
    one = site.finish()
    assert (one.state, site.rebooted, ceph.flags) == ("failed", ["pve2"], set())
    assert one.message == "pve2: after the reboot of pve2: Ceph reports HEALTH_WARN: PG_DEGRADED (3 pgs)"
    site.live(60)
    sound(site)


def test_pause_after_this_node_and_resume_from_any_node(ram: Path) -> None:
    site = Cluster(ram, "9")
    site.begin("pve2", "pve3")
    site.until("drain")
    site.ask_for("pause", host="pve3")
    site.live(1800)
    one = site.round()
    assert (one.paused, [turn.stage for turn in one.turns]) == (True, ["done", "waiting"])
    site.ask_for("resume", host="pve2")
    assert site.finish().state == "done"
    assert site.rebooted == ["pve2", "pve3"]
    sound(site)


LEAVING = [("stop", "gates"), ("stop", "drain"), ("stop", "return"), ("skip", "drain"), ("skip", "last-gates")]


@pytest.mark.parametrize(("verb", "step"), LEAVING)
def test_stop_and_skip_leave_everything_where_it_was(ram: Path, verb: str, step: str) -> None:
    """What is under way comes to an orderly end; a node that reboots is waited for."""
    site = Cluster(ram, "9", (101, 102))
    site.begin("pve2", "pve3")
    site.until(step)
    late = step in ("return", "fill")
    if verb == "stop":
        site.ask_for("stop")
    elif not late:
        site.ask_for("skip", "pve2")
    one = site.finish()
    site.live(60)
    sound(site)
    assert site.rebooted == (["pve2"] if late else []) + ([] if verb == "stop" else ["pve3"])
    assert one.state == ("stopped" if verb == "stop" else "done")


def test_drained_by_hand(ram: Path) -> None:
    """The node is empty until the user says that it goes on."""
    site = Cluster(ram, "9")
    site.begin("pve2", options=RoundOptions(reboot=False))
    site.until("by-hand")
    site.live(3600)
    assert site.round().turns[0].step == "by-hand"
    assert "pve2" not in site.places.values()
    site.ask_for("resume")
    assert site.finish().state == "done"
    assert not site.rebooted
    sound(site)


def test_a_guest_that_somebody_brings_home_meanwhile_is_home(ram: Path) -> None:
    """The way back leaves it to them, and the round does not say that it is not back."""
    site = Cluster(ram, "9")
    site.begin("pve2", "pve3")
    site.until("flags")
    site.world.life.move(next(vmid for vmid, node in site.places.items() if site.before[vmid] == "pve2" and node != "pve2"), "pve2")
    one = site.finish()
    assert (one.state, one.message) == ("done", ""), (one, site.world.story()[-30:])
    assert site.rebooted == ["pve2", "pve3"]
    assert not [name for name, host in site.hosts.items() if left_by_release(Holds(host.journal, site.clock), "pve2")]
    sound(site)


def test_a_node_that_cannot_be_emptied_keeps_its_guests(ram: Path) -> None:
    site = Cluster(ram, "9")
    site.world.guests[107].config["hostpci0"] = "0000:01:00.0"
    site.begin("pve2")
    one = site.finish()
    assert one.state == "failed"
    assert "107" in one.message
    sound(site)


def test_where_nothing_could_prove_a_node_empty_no_guest_leaves_it(ram: Path) -> None:
    """The services have no list of all guests here, and an account from which some could be hidden: it is told before anything moves."""
    site = Cluster(ram, "9")
    site.user = "prs@pve!daemon"
    site.world.access.grants += [Grant("/", user, "Administrator") for user in ("prs@pve", site.user)]
    site.begin("pve2", options=RoundOptions(maintenance=False))
    one = site.finish()
    assert one.message == (
        "pve2: pve2 is not rebooted: nothing proves that no guest is hidden from prs@pve!daemon: "
        ".vmlist of /etc/pve, which lists all on each node, cannot be read here"
    )  # fmt: skip
    assert not [line for line in site.world.story() if "migrate" in line]
    sound(site)


def test_little_is_written(ram: Path) -> None:
    """/etc/pve is every node's: a sign each minute, and the steps."""
    site = Cluster(ram, "9")
    site.begin("pve2")
    site.finish()
    minutes = (site.round().ended - site.round().created) / 60
    assert site.written < minutes + 30


@pytest.mark.parametrize("state", ["running", "done"])
def test_beside_a_round_that_cannot_be_understood_nothing_is_moved_by_schedule(ram: Path, state: str) -> None:
    """A newer version of the service may carry it; one that has ended stands in nobody's way."""
    site = Cluster(ram, "9")
    site.begin("pve2")
    file = site.pve / "proxmox-rebalancing-service" / "round.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "state": state, "colour": "red"}))
    service = site.service("pve1")
    service.turn()
    assert service._carrier.open == (state == "running")
    assert not site.rebooted
