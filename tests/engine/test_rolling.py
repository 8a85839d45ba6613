"""Rolling maintenance on the simulated cluster: node after node, gates that stay shut, and processes that die in between."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from drive import Drive
from prs.engine.execution.foreground import Interrupts, carry_out
from prs.engine.journal.jobs import Job
from prs.engine.rolling.rolling import Actions, Rolling
from prs.engine.rolling.runs import RollingRun, RollingRuns
from prs.model import Policy
from simcluster.ha_rules import Resource
from simcluster.scenes import small
from simcluster.world import Flavour, World

NODES = ("pve1", "pve2", "pve3")


class Site:
    """A cluster and one rolling_run over it; every `go` is a new process."""

    def __init__(
        self, folder: Path, flavour: Flavour, ha: tuple[int, ...] = (), helper: bool = True, world: World | None = None
    ) -> None:
        self.world: World = world or small(flavour)
        for vmid in ha:
            self.world.ha.add(Resource(self.world.guests[vmid].sid))
        for guest in self.world.guests.values():
            self.world.life.load(guest.vmid, guest.memory // 2)
        self.world.clock.sleep(1800)
        self.drive = Drive(self.world, folder, Policy(containers=True), "root@pam", self.world.ha_maintenance if helper else None)
        self.runs, self.helper, self.stopped = RollingRuns(self.drive.journal), helper, False
        self.said: list[str] = []
        self.before = {vmid: guest.node for vmid, guest in self.world.guests.items() if not guest.template}

    def begin(self, *nodes: str) -> str:
        """Store a rolling_run."""
        return self.runs.add(nodes or NODES, self.drive.policy, "root@pam", self.drive.clock.time())

    def go(self, run_id: str, work: Callable[[str], Job] | None = None) -> RollingRun:
        """Carry it out, or on."""
        drive = self.drive
        actions = Actions(work or drive.finish, lambda: self.stopped, self.said.append, self.world.ha_maintenance, self.helper, drive.holds)
        return Rolling(self.drive.api, self.runs, self.drive.clock, run_id, actions).go()

    @property
    def rebooted(self) -> list[str]:
        """The nodes that have rebooted, in order."""
        return [line.split()[1] for line in self.world.story("node") if line.endswith("is told to reboot")]

    @property
    def places(self) -> dict[int, str]:
        """Where the guests are, templates left out."""
        return {vmid: guest.node for vmid, guest in self.world.guests.items() if not guest.template}


@pytest.mark.parametrize(("ha", "helper"), [((), False), ((101, 102, 107), True)], ids=["without HA", "with HA and helper"])
def test_every_node_has_its_turn(flavour: Flavour, ha: tuple[int, ...], helper: bool, ram: Path) -> None:
    """Each is empty when it reboots, and at the end every guest runs where it ran before."""
    site = Site(ram, flavour, ha, helper)
    site.world.ceph = "HEALTH_OK"
    rolling_run = site.go(site.begin())
    assert (rolling_run.state, rolling_run.message) == ("done", ""), (rolling_run, site.world.story()[-30:])
    assert [stop.state for stop in rolling_run.stops] == ["done", "done", "done"]
    assert site.rebooted == list(NODES)
    assert site.places == site.before
    assert all(guest.status == "running" for guest in site.world.guests.values() if guest.vmid in ha)
    assert not site.world.ha.in_maintenance
    assert not site.drive.journal.held()
    assert not site.world.overfilled
    # Nobody was on a node that went down: a guest there would have been cut off.
    for line in site.world.story("guest"):
        assert "is stopped" not in line


def test_a_rolling_upgrade_never_goes_from_new_to_old(ram: Path, flavour: Flavour) -> None:
    """Each node comes back with a newer QEMU: guests go to it, and none that runs on it goes to a node yet to be upgraded."""
    site = Site(ram, flavour)
    world, release = site.world, {"8": "9.0.11", "9": "9.3.1"}[flavour]
    for node in world.nodes.values():
        node.qemu = "9.2"
    revive = world.life.revive

    def upgraded(name: str) -> None:
        world.nodes[name].version, world.nodes[name].qemu = release, "10.1"
        revive(name)

    world.life.revive = upgraded  # type: ignore[method-assign]
    rolling_run = site.go(site.begin())
    assert (rolling_run.state, rolling_run.message) == ("done", ""), (rolling_run, world.story()[-30:])
    assert site.rebooted == list(NODES)
    assert site.places == site.before
    assert not [task for task in world.story("task") if "ended" in task and not task.endswith("OK")]


def test_migrations_that_fail_alike_leave_it_to_resume(ram: Path, flavour: Flavour) -> None:
    """The job pauses, the run stays as it is, and goes on where it was when the cause is mended."""
    site = Site(ram, flavour)
    site.world.ceph = "HEALTH_OK"
    site.world.faults.add({"task": "qmigrate", "do": "fail", "words": "can't connect to migration tunnel", "times": 0})
    run_id = site.begin("pve1")

    def work(job_id: str) -> Job:
        return carry_out(site.drive.executor(job_id), Interrupts(site.drive.clock), lambda job: None)  # type: ignore[arg-type]

    rolling_run = site.go(run_id, work)
    assert (rolling_run.state, rolling_run.stops[0].state) == ("running", "draining")
    assert "migrations in a row failed alike" in site.said[-1]
    assert "can't connect to migration tunnel" in site.said[-1]
    site.world.faults.clear()
    site.drive.journal.request(rolling_run.stops[0].job, "")
    rolling_run = site.go(run_id, work)
    assert (rolling_run.state, rolling_run.message) == ("done", "")
    assert site.places == site.before


def shut_gates() -> list[tuple[str, Callable[[World], object], str]]:
    """A trouble before the rolling_run begins, and the words about it."""
    return [
        ("quorum", lambda world: world.life.quorum(False), "before pve1: the cluster has no quorum"),
        ("node", lambda world: world.life.kill("pve3"), "before pve1: without pve1 only 1 of 3 nodes are left, too few for a quorum"),
        ("figures", lambda world: world.life.silence("pve3"), "before pve1: pve3: PVE has had no figures for 5 minutes"),
        ("ha", lambda world: world.ha_maintenance("pve3", True), "before pve1: pve3 is in HA state maintenance"),
        ("ceph", lambda world: setattr(world, "ceph", "HEALTH_WARN"), "before pve1: Ceph reports HEALTH_WARN"),
        ("move", lambda world: world.life.move(108, "pve3"), "before pve1: guests are being migrated (108)"),
    ]


@pytest.mark.parametrize(("what", "trouble", "words"), shut_gates(), ids=[gate[0] for gate in shut_gates()])
def test_a_shut_gate_stops_before_anything_happens(
    what: str, trouble: Callable[[World], object], words: str, ram: Path, flavour: Flavour
) -> None:
    """A person who begins is told at once, and nothing is moved."""
    site = Site(ram, flavour, (107,))
    trouble(site.world)
    site.world.clock.sleep(400 if what == "figures" else 30 if what != "move" else 2)
    rolling_run = site.go(site.begin())
    assert rolling_run.state == "failed"
    assert rolling_run.message.startswith(words)
    assert [stop.state for stop in rolling_run.stops] == ["failed", "planned", "planned"]
    assert not site.rebooted
    assert not site.drive.journal.jobs()


def test_it_stops_at_the_first_gate_that_stays_shut(ram: Path, flavour: Flavour) -> None:
    """Ceph does not recover after the first reboot: the second node is not touched, and the first one is named as still empty."""
    site = Site(ram, flavour)
    site.world.ceph = "HEALTH_OK"
    site.world.faults.add({"on": "POST /nodes/{node}/status", "do": "ceph", "with": {"health": "HEALTH_WARN"}, "after": 30})
    rolling_run = site.go(site.begin())
    assert rolling_run.state == "failed"
    assert rolling_run.message == "after the reboot of pve1: Ceph reports HEALTH_WARN; pve1 is kept empty (release pve1)"
    assert [stop.state for stop in rolling_run.stops] == ["failed", "planned", "planned"]
    assert site.rebooted == ["pve1"]
    assert site.drive.guests_on("pve1") == []


def test_a_gate_that_opens_again_is_waited_for(ram: Path, flavour: Flavour) -> None:
    """Ceph needs some minutes after each reboot."""
    site = Site(ram, flavour)
    site.world.ceph = "HEALTH_OK"
    for number in (1, 2):
        fault = {"on": "POST /nodes/{node}/status", "nth": number, "do": "ceph"}
        site.world.faults.add({**fault, "with": {"health": "HEALTH_WARN"}, "after": 30})
        site.world.faults.add({**fault, "with": {"health": "HEALTH_OK"}, "after": 500})
    rolling_run = site.go(site.begin("pve1", "pve2"))
    assert rolling_run.state == "done", rolling_run
    assert site.places == site.before


def test_a_node_that_does_not_come_back(ram: Path, flavour: Flavour) -> None:
    """It is waited for, then the rolling_run ends and says so; its guests stay where they are."""
    site = Site(ram, flavour)
    site.world.faults.add({"on": "POST /nodes/pve1/status", "do": "kill", "with": {"node": "pve1"}, "after": 21})
    life, revive = site.world.life, site.world.life.revive
    life.revive = lambda name: None  # type: ignore[method-assign]
    rolling_run = site.go(site.begin())
    life.revive = revive  # type: ignore[method-assign]
    assert rolling_run.state == "failed"
    assert rolling_run.message == "pve1 was told to reboot and is not back after 30 minutes; pve1 is kept empty (release pve1)"
    assert site.rebooted == ["pve1"]


@pytest.mark.parametrize("lasts", [300, 7200])
def test_a_guest_that_is_locked_when_its_node_is_back_is_waited_for_and_named_if_that_lasts(ram: Path, lasts: float) -> None:
    """Its run was called done, with the guest elsewhere."""
    site = Site(ram, "9")
    life, revive = site.world.life, site.world.life.revive

    def back(name: str) -> None:
        revive(name)
        life.lock(107, "snapshot")
        site.world.clock.after(lasts, lambda: life.lock(107, ""))

    life.revive = back  # type: ignore[method-assign]
    run = site.go(site.begin("pve2"))
    if lasts < 900:
        assert (run.state, site.places) == ("done", site.before)
        return
    assert run.state == "failed"
    assert run.message.startswith("not every guest is back on pve2: 107 (")
    assert run.message.endswith("): is locked (snapshot)")
    assert {vmid for vmid, node in site.before.items() if site.places[vmid] != node} == {107}


def test_a_node_that_does_not_obey(ram: Path, flavour: Flavour) -> None:
    """Told to reboot, still up with its old uptime."""
    site = Site(ram, flavour)
    site.world.life.power_off = lambda name, reboot: None  # type: ignore[method-assign]
    rolling_run = site.go(site.begin())
    assert rolling_run.message.startswith("pve1 was told to reboot and has not done so within 10 minutes")


def test_a_node_that_cannot_be_emptied_is_not_rebooted(ram: Path, flavour: Flavour) -> None:
    """The blocker is named."""
    site = Site(ram, flavour)
    site.drive.policy = Policy(containers=False)
    rolling_run = site.go(site.begin("pve2"))
    assert rolling_run.state == "failed"
    assert "110 (dns1)" in rolling_run.message
    assert not site.rebooted


class Killed(BaseException):
    """Stands for SIGKILL."""


class Fused(RollingRuns):
    """Dies at the chosen point, counted over all writes and rounds."""

    left = 0

    def stop(self, run_id: str, seq: int, **changes: object) -> None:
        """Write, with a point before and after."""
        self.burn()
        super().stop(run_id, seq, **changes)
        self.burn()

    def burn(self) -> None:
        """One more point has passed."""
        self.left -= 1
        if self.left == 0:
            raise Killed


@pytest.mark.parametrize("point", range(1, 60, 4))
def test_killed_anywhere(point: int, ram: Path, flavour: Flavour) -> None:
    """Whatever the write after which the process dies: called again, the run ends as if nothing had been, one reboot for each node."""
    site = Site(ram, flavour, (101, 102))
    run_id = site.begin("pve1", "pve3")
    site.runs = fused = Fused(site.drive.journal)
    fused.left = point

    def work(job_id: str) -> Job:
        executor = site.drive.executor(job_id)
        while not executor.tick():
            fused.burn()
            site.drive.clock.sleep(2)
        return site.drive.journal.job(job_id)

    try:
        site.go(run_id, work)
    except Killed:
        site.runs = RollingRuns(site.drive.journal)
        for job in site.drive.journal.jobs(only_open=True):
            site.drive.finish(job.id)
        assert site.go(run_id).state == "done"
    rolling_run = site.runs.get(run_id)
    assert rolling_run.state == "done", rolling_run
    assert site.places == site.before
    assert sorted(set(site.rebooted)) == ["pve1", "pve3"]
    assert len(site.rebooted) <= 3  # a death between the request and the note of it sends it once more, to an empty node
    assert not site.drive.journal.held()


def test_stopped_by_the_user_and_gone_on_with(ram: Path, flavour: Flavour) -> None:
    """Ctrl-C while a node reboots: the end is true, names what is left behind, and `release` is all that is missing."""
    site = Site(ram, flavour)
    run_id = site.begin("pve1", "pve2")
    power_off = site.world.life.power_off

    def interrupt(name: str, reboot: bool) -> None:
        site.stopped = True
        power_off(name, reboot)

    site.world.life.power_off = interrupt  # type: ignore[method-assign]
    rolling_run = site.go(run_id)
    assert (rolling_run.state, rolling_run.message) == ("cancelled", "stopped by the user; pve1 is kept empty (release pve1)")
    assert [stop.state for stop in rolling_run.stops] == ["rebooting", "planned"]
    assert site.drive.guests_on("pve1") == []


@pytest.mark.parametrize("which", [1, 2], ids=["while it is emptied", "while it is filled again"])
def test_nothing_begins_after_ctrl_c(ram: Path, flavour: Flavour, which: int) -> None:
    """The job at work may still come to its end, as all of it was under way; what would follow it does not begin."""
    site = Site(ram, flavour)
    jobs = list[str]()

    def work(job_id: str) -> Job:
        jobs.append(job_id)
        site.stopped = len(jobs) == which
        return site.drive.finish(job_id)

    rolling_run = site.go(site.begin("pve1", "pve2"), work)
    assert rolling_run.state == "cancelled"
    assert (len(jobs), site.rebooted) == (which, ["pve1"][: which - 1])
    assert [stop.state for stop in rolling_run.stops] == [["rebooting", "done"][which - 1], "planned"]
    assert site.drive.journal.job(jobs[-1]).state == "done"
