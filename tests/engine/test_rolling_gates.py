"""The gates of a node that is to go down, and Ceph's flag noout around its reboot, on the simulated cluster."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.house import House
from engine.test_rolling import Killed, Site
from prs.engine.journal.lock import signature
from prs.engine.rolling import noout
from prs.engine.rolling.batches.outlook import Outlook
from prs.engine.rolling.gates import closed_gate, gates
from prs.engine.rolling.runs import AT_WORK
from simcluster import InProcessApi
from simcluster.ceph import Ceph
from simcluster.process import Steps, Wait
from simcluster.scenes import small
from simcluster.tasks import Task
from simcluster.world import Flavour, World


def with_ceph(site: Site) -> Ceph:
    """Give the cluster a Ceph with an OSD and a monitor on each node."""
    site.world.ceph = ceph = Ceph(osds={"pve1": [0], "pve2": [1], "pve3": [2]}, mons=("pve1", "pve2", "pve3"))
    return ceph


def replicated(world: World, **state: object) -> None:
    """Let a guest of pve2 be replicated to pve1, with this state of the job."""
    guest = next(guest for guest in world.guests.values() if guest.node == "pve2" and not guest.template)
    guest.replicate, guest.replica = ("pve1",), dict(state)


def long(task: Task) -> Steps:
    """The work of a backup that takes an hour."""
    yield Wait(3600.0)


TROUBLES: list[tuple[str, str, Callable[[World], object], str]] = [
    ("services", "services", lambda world: setattr(world.nodes["pve1"], "dead_services", ("pvestatd",)),
     "on pve1 services of PVE do not run: pvestatd (failed)"),
    ("backup", "backups", lambda world: world.tasks.start("pve1", "vzdump", "101", "root@pam", long), "on pve1 runs a backup of 101"),
    ("replication", "replication", lambda world: replicated(world, pid=4711), "replication runs of "),
    ("replica", "fresh replicas", lambda world: replicated(world, fail_count=2, error="no space"), "has failed 2 times (no space)"),
    ("old replica", "fresh replicas",
     lambda world: replicated(world, last_sync=int(world.clock.time()) - 9000, next_sync=int(world.clock.time()) - 8100),
     "is 150 minutes old, and the next one overdue by 135"),
    ("no replica", "fresh replicas", lambda world: replicated(world, last_sync=0), "there is no replica of "),
    ("osd", "Ceph daemons", lambda world: setattr(world, "ceph", Ceph(osds={"pve1": [7]}, unsafe=("osd.7",))),
     "Ceph cannot do without osd.7 (unsafe to stop osd.7 at this time) of pve1 now"),
    ("check", "Ceph", lambda world: setattr(world, "ceph", Ceph("HEALTH_WARN", {"PG_DEGRADED": "3 pgs"})),
     "Ceph reports HEALTH_WARN: PG_DEGRADED (3 pgs)"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "trouble", "words"), [row[1:] for row in TROUBLES], ids=[row[0] for row in TROUBLES])
def test_a_gate_of_the_node(name: str, trouble: Callable[[World], object], words: str, flavour: Flavour) -> None:
    """It is shut by its name and with its reason for the node that is concerned; the others stay open."""
    world = small(flavour)
    trouble(world)
    api = InProcessApi(world, "root@pam")
    gate = closed_gate(api, world.clock.time(), "pve1")
    assert gate is not None
    assert gate.name == name
    assert words in gate.reason
    assert [found.name for found in gates(api, world.clock.time(), "pve1") if found.reason] == [name]
    if name not in ("Ceph", "replication", "fresh replicas"):
        assert closed_gate(api, world.clock.time(), "pve3") is None
    assert not world.schema_errors


def test_a_node_without_ceph_does_not_take_that_of_another_for_none(flavour: Flavour) -> None:
    """PVE answers for the cluster's Ceph on the node that is asked: without its programs there it says that there is none."""
    world = small(flavour)
    world.ceph = Ceph(osds={"pve1": [0], "pve2": [1]}, unsafe=("osd.0",), bare=("pve3",))
    found = {}
    for asked in world.nodes:
        for leaving in world.nodes:
            gate = closed_gate(InProcessApi(world, "root@pam", asked), world.clock.time(), leaving)
            found[asked, leaving] = gate.reason if gate else ""
    for leaving in ("pve1", "pve2"):
        blind = f"{leaving} has Ceph, and only a node with Ceph can ask which of its daemons may be stopped (pve1, pve2)"
        assert found.pop(("pve3", leaving)) == blind
    for asked in ("pve1", "pve2"):
        assert found.pop((asked, "pve1")).startswith("Ceph cannot do without osd.0")
    assert set(found.values()) == {""}
    assert not world.schema_errors


def test_guests_that_start_at_boot_are_waited_for_after_it(flavour: Flavour) -> None:
    """Not before the reboot, and not those that do not start by themselves, or that the HA manager starts."""
    world = small(flavour)
    api, guest = InProcessApi(world, "root@pam"), world.guests[105]
    world.life.stop(105)
    world.clock.sleep(20)
    assert closed_gate(api, world.clock.time(), "pve1", back=True) is None
    guest.config["onboot"] = 1
    gate = closed_gate(api, world.clock.time(), "pve1", back=True)
    assert gate is not None
    assert (gate.name, gate.reason) == ("start at boot", "105 (monitor) should have started with pve1 and does not run")
    assert closed_gate(api, world.clock.time(), "pve1") is None
    world.life.start(105)
    world.clock.sleep(20)
    assert closed_gate(api, world.clock.time(), "pve1", back=True) is None


def test_harmless_warnings_and_flags_of_ceph_stop_nothing(ram: Path, flavour: Flavour) -> None:
    site = Site(ram, flavour)
    ceph = with_ceph(site)
    ceph.health, ceph.checks, ceph.flags = "HEALTH_WARN", {"RECENT_CRASH": "1 crash", "OSDMAP_FLAGS": "noscrub flag(s) set"}, {"noscrub"}
    run = site.go(site.begin("pve1"))
    assert (run.state, run.message) == ("done", "")
    assert ceph.flags == {"noscrub"}



def test_noout_is_set_for_the_reboot_only(ram: Path, flavour: Flavour) -> None:
    """Set after the drain, cleared once all gates are open again, for each node."""
    site = Site(ram, flavour)
    ceph = with_ceph(site)
    run = site.go(site.begin("pve1", "pve3"))
    assert run.state == "done", run
    assert ceph.flags == set()
    lines = [line for line in site.world.story() if "flag noout" in line or "told to reboot" in line]
    words = ["set" if "is set" in line else "cleared" if "cleared" in line else "reboot" for line in lines]
    assert words == ["set", "reboot", "cleared"] * 2
    assert site.drive.journal.note(noout.NOTE) == ""


def test_a_flag_of_the_administrator_stays(ram: Path, flavour: Flavour) -> None:
    site = Site(ram, flavour)
    ceph = with_ceph(site)
    ceph.flags = {"noout"}
    assert site.go(site.begin("pve1")).state == "done"
    assert ceph.flags == {"noout"}
    assert not [line for line in site.world.story() if "flag noout" in line]


def test_a_node_that_stays_away_leaves_no_flag(ram: Path, flavour: Flavour) -> None:
    """Then its data has to be copied elsewhere."""
    site = Site(ram, flavour)
    ceph = with_ceph(site)
    site.world.life.revive = lambda name: None  # type: ignore[method-assign]
    run = site.go(site.begin("pve1"))
    assert run.message.startswith("pve1 was told to reboot and is not back")
    assert ceph.flags == set()


def test_killed_while_the_node_reboots_the_flag_is_known_to_be_ours(ram: Path, flavour: Flavour) -> None:
    """Who comes next takes it back: the run that goes on, or the service."""
    site = Site(ram, flavour)
    ceph, run_id = with_ceph(site), site.begin("pve1")

    def killed(name: str, reboot: bool) -> None:
        raise Killed

    power_off = site.world.life.power_off
    site.world.life.power_off = killed  # type: ignore[method-assign]
    with pytest.raises(Killed):
        site.go(run_id)
    site.world.life.power_off = power_off  # type: ignore[method-assign]
    assert (ceph.flags, site.drive.journal.note(noout.NOTE)) == ({"noout"}, "pve1")
    assert site.go(run_id).state == "done"
    assert (ceph.flags, site.drive.journal.note(noout.NOTE)) == (set(), "")


def test_who_may_not_set_the_flag_is_told_and_goes_on(ram: Path, flavour: Flavour) -> None:
    site = Site(ram, flavour)
    ceph = with_ceph(site)
    site.world.faults.add({"on": "PUT /cluster/ceph/flags/{flag}", "do": "answer", "status": 403, "words": "Permission check failed"})
    assert site.go(site.begin("pve1")).state == "done"
    assert ceph.flags == set()
    assert any(said.startswith("Ceph's flag noout is not set (") for said in site.said)
    assert site.drive.journal.note(noout.NOTE) == ""


def test_a_ceph_whose_monitors_are_silent_is_not_taken_for_none(ram: Path) -> None:
    """PVE's API answers 500 then, as it does where no Ceph is installed."""
    site = Site(ram, "9")
    site.world.ceph = Ceph(osds={"pve1": [0]}, mons=("pve1", "pve2", "pve3"))
    site.world.nodes["pve2"].alive = site.world.nodes["pve3"].alive = False
    found = {gate.name: gate.reason for gate in gates(InProcessApi(site.world), site.drive.clock.time(), "pve1")}
    assert found["Ceph"] == "Ceph's health is not known: got timeout"


def test_a_turn_is_shown_before_anything_happens(ram: Path, flavour: Flavour) -> None:
    site = Site(ram, flavour)
    site.world.nodes["pve2"].dead_services = ("pveproxy",)
    outlook = Outlook(site.drive.api, site.drive.holds, site.drive.policy, site.drive.clock.time())
    turns = [outlook.turn(node) for node in ("pve1", "pve2")]
    assert [turn.possible for turn in turns] == [True, True]
    assert [[gate.name for gate in turn.shut] for turn in turns] == [[], ["services"]]
    assert all(turn.plan.moves for turn in turns)
    assert not site.world.started


def test_the_service_takes_back_what_a_dead_run_has_left(ram: Path, flavour: Flavour) -> None:
    """It tries until PVE obeys, and leaves the flag alone while the process of the run lives."""
    house = House(ram, flavour)
    house.service._connect = lambda: InProcessApi(house.world)  # type: ignore[method-assign]
    house.world.ceph = ceph = Ceph(flags={"noout"})
    house.journal.note(noout.NOTE, "pve1")
    house.journal.note(AT_WORK, signature(os.getppid()))
    house.live(30)
    assert ceph.flags == {"noout"}
    house.journal.note(AT_WORK, "")
    house.world.faults.add({"on": "PUT /cluster/ceph/flags/{flag}", "do": "answer", "status": 500, "words": "no quorum"})
    house.live(30)
    assert ceph.flags == set()
    assert house.journal.note(noout.NOTE) == ""
