"""No more is said than is seen: hidden guests, lists that come back short, and a node that fills again before its reboot."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from drive import Drive, Patched, vmlist
from prs.engine.planning import PlanRequest, make_plan
from prs.engine.rolling.rolling import Actions, Rolling
from prs.engine.rolling.runs import RollingRun, RollingRuns
from prs.errors import PlanError
from prs.model import Policy
from prs.pve.read.snapshot import read_cluster
from prs.pve.roster import Roster, roster_in
from simcluster.access import User
from simcluster.scenes import small
from simcluster.world import Flavour, World

PATCH = Callable[[str, Any], Any]


def lab(flavour: Flavour) -> World:
    """The small lab, and an account that may migrate and see all but guest 105 of pve1."""
    world = small(flavour)
    world.access.add(User("team@pve", "x"), ("/", "PVEAdmin"), ("/vms/105", "NoAccess"))
    world.access.add(User("pool@pve", "x"), ("/nodes", "PVEAuditor"), ("/vms/101", "PVEVMAdmin"), ("/vms/102", "PVEVMAdmin"))
    world.access.add(User("nobody@pve", "x"))
    world.clock.sleep(660)
    return world


def test_on_a_node_the_clusters_own_list_tells_how_many_are_hidden(ram: Path, flavour: Flavour) -> None:
    """The drain is refused with their number, and any other plan tells it."""
    drive = Drive(lab(flavour), ram, user="team@pve")
    with pytest.raises(PlanError, match=r"pve1 cannot be emptied: 1 guest there is hidden from team@pve"):
        drive.plan("pve1")
    assert "1 guest of pve1 is hidden from team@pve" in drive.plan().warnings


def test_a_drain_that_leaves_hidden_guests_is_never_called_done(ram: Path, flavour: Flavour) -> None:
    """All that can be seen has left; the end says that one is there that cannot be seen."""
    world = lab(flavour)
    drive = Drive(world, ram, Policy(containers=True), user="team@pve")
    _, plan = make_plan(drive.api, drive.policy, drive.clock.time(), PlanRequest("pve1", leave=True), roster=drive.roster)
    job = drive.finish(drive.queue(plan))
    assert drive.guests_on("pve1") == [105]
    assert job.state == "partial"
    assert "leave pve1, and 1 guest that this account may not see stays;" in plan.summary
    assert job.message == "1 guest is still on pve1 by the cluster's own list, hidden from team@pve; all others have left it"


def test_elsewhere_a_role_that_does_not_reach_every_guest_is_enough_for_a_refusal(ram: Path, flavour: Flavour) -> None:
    """The rights themselves say that not every guest is seen."""
    drive = Drive(lab(flavour), ram, user="pool@pve", on_a_node=False)
    with pytest.raises(PlanError, match=r"pve1 cannot be emptied: pool@pve does not see every guest: .* needs VM.Audit on /vms"):
        drive.plan("pve1")
    words = " ".join(drive.plan("pve1", leave=True).warnings)
    assert "pool@pve does not see every guest" in words
    assert "pve1 is emptied as far as pool@pve may see" in words


def test_elsewhere_empty_reaches_as_far_as_the_account_sees(ram: Path, flavour: Flavour) -> None:
    """A NoAccess role hides a guest and nobody says so: the words do not claim more than that."""
    drive = Drive(lab(flavour), ram, Policy(containers=True), user="team@pve", on_a_node=False)
    job = drive.run("pve1")
    assert job.message == (
        "pve1 is empty: the cluster shows no guest on it, as far as team@pve may see; "
        "before a reboot make sure that no guest is hidden from team@pve"
    )
    assert drive.guests_on("pve1") == [105]


def test_an_account_without_rights_is_told_what_it_lacks(ram: Path, flavour: Flavour) -> None:
    """Not that there is nothing to do."""
    drive = Drive(lab(flavour), ram, user="nobody@pve")
    with pytest.raises(PlanError, match=r"needs (Sys.Audit|VM.Audit) on /"):
        drive.plan()


def test_an_answer_without_data_is_no_empty_cluster(ram: Path, flavour: Flavour) -> None:
    """PVE's {"data": null} is nothing to plan with."""
    drive = Drive(lab(flavour), ram)
    drive.api = Patched(drive.api, lambda path, data: None)  # type: ignore[assignment]
    with pytest.raises(PlanError, match="PVE shows prs@pve!daemon no node"):
        drive.plan()


def short(world: World, times: list[float], without: tuple[str, ...] = ("qemu", "lxc")) -> PATCH:
    """The list of resources lacks rows in the given spans of virtual seconds: (from, to, from, to, ...)."""

    def patch(path: str, data: Any) -> Any:
        now = world.clock.time()
        if path == "/cluster/resources" and any(begin <= now < end for begin, end in zip(times[::2], times[1::2], strict=True)):
            return [row for row in data if row["type"] not in without]
        return data

    return patch


@pytest.mark.parametrize("on_a_node", [True, False], ids=["on a node", "elsewhere"])
@pytest.mark.parametrize("after", [0.0, 7.0, 25.0])
def test_one_short_reading_is_not_believed(ram: Path, flavour: Flavour, after: float, on_a_node: bool) -> None:
    """PVE's list comes back without guests for some seconds: no step fails, and the node is not called empty before it is."""
    world = lab(flavour)
    drive = Drive(world, ram, Policy(containers=True), on_a_node=on_a_node)
    job_id = drive.queue(drive.plan("pve1"))
    now = world.clock.time()
    drive.api = Patched(drive.api, short(world, [now + after, now + after + 8.0]))  # type: ignore[assignment]
    job = drive.finish(job_id)
    assert job.state == "done", (job.message, job.steps)
    assert drive.guests_on("pve1") == []
    assert {step.state for step in job.steps} == {"done"}


def without(node: str, since: float = 0.0, until: float = float("inf")) -> Callable[[Drive], PATCH]:
    """Between these seconds from now on /cluster/status does not list the node."""
    def made(drive: Drive) -> PATCH:
        begun = drive.clock.time()
        return lambda path, data: [row for row in data if row.get("name") != node] if (
            path == "/cluster/status" and since <= drive.clock.time() - begun < until) else data
    return made


def test_a_node_that_the_list_of_members_lacks_is_no_target_and_is_not_emptied(ram: Path, flavour: Flavour) -> None:
    """Whether it is there is not known: nobody is sent there, and a drain of it is refused in words."""
    drive = Drive(lab(flavour), ram, Policy(containers=True))
    drive.api = Patched(drive.api, without("pve2")(drive))  # type: ignore[assignment]
    plan = drive.plan("pve1", leave=True)
    assert {move.target for move in plan.moves} == {"pve3"}
    why = "PVE's list of the cluster's members (/cluster/status) does not name it"
    assert f"pve2: {why}. No guest is sent there." in plan.warnings
    assert all(move.source != "pve2" for move in drive.plan().moves)
    with pytest.raises(PlanError, match=r"pve2 is not emptied: PVE's list of the cluster's members .* look with pvecm status"):
        drive.plan("pve2")


@pytest.mark.parametrize(("until", "state"), [(30.0, "done"), (1e9, "partial")])
def test_a_drain_waits_for_its_node_to_be_listed_again(until: float, state: str, ram: Path, flavour: Flavour) -> None:
    """For a moment it waits; for good, its steps are not carried out, and it says why."""
    drive = Drive(lab(flavour), ram, Policy(containers=True))
    job_id = drive.queue(drive.plan("pve1"))
    drive.api = Patched(drive.api, without("pve1", 5, until)(drive))  # type: ignore[assignment]
    job = drive.finish(job_id)
    assert job.state == state, job.message
    assert bool(drive.guests_on("pve1")) == (state != "done")
    if state != "done":
        assert "the cluster's members" in " ".join(step.message for step in job.steps)


def test_a_guest_that_is_gone_for_good_is_believed_in_the_end(ram: Path, flavour: Flavour) -> None:
    """Its step ends, with the reason, and the others go on."""
    world = lab(flavour)
    drive = Drive(world, ram, Policy(containers=True, parallel_total=1))
    job_id = drive.queue(drive.plan("pve1"))
    last = drive.journal.job(job_id).steps[-1]
    world.life.vanish(last.vmid)
    job = drive.finish(job_id)
    assert job.steps[-1].message == "the guest no longer exists"
    assert job.state == "done"


def reboot(drive: Drive, run_id: str) -> RollingRun:
    """Carry rolling maintenance on."""
    said: list[str] = []
    actions = Actions(drive.finish, lambda: False, said.append, lambda node, on: None, False, drive.holds)
    return Rolling(drive.api, RollingRuns(drive.journal), drive.clock, run_id, actions).go()


@pytest.mark.parametrize("interrupted", [False, True], ids=["in one go", "taken up later"])
def test_a_node_that_fills_while_the_gates_are_waited_for_is_not_rebooted(ram: Path, flavour: Flavour, interrupted: bool) -> None:
    """The last look is in the minute of the reboot, also after the run was interrupted."""
    world = lab(flavour)
    for guest in world.guests.values():
        world.life.load(guest.vmid, guest.memory // 4)
    world.clock.sleep(1800)
    drive = Drive(world, ram, Policy(containers=True), "root@pam")
    runs = RollingRuns(drive.journal)
    run_id = runs.add(("pve1",), drive.policy, "root@pam", drive.clock.time())
    if interrupted:
        assert drive.run("pve1").state == "done"
        runs.stop(run_id, 1, state="rebooting", uptime=5000.0, job=drive.journal.jobs()[0].id)
        world.life.move(107, "pve1")
        run = reboot(drive, run_id)
    else:
        world.ceph = "HEALTH_OK"

        def fill() -> bool:
            if drive.guests_on("pve1") == []:
                world.life.move(107, "pve1")
                world.ceph = "HEALTH_OK"
            return False

        work = drive.finish

        def worked(job_id: str) -> Any:
            job = work(job_id)
            world.ceph = "HEALTH_WARN"
            return job

        actions = Actions(worked, fill, lambda words: None, lambda node, on: None, False, drive.holds)
        run = Rolling(drive.api, runs, drive.clock, run_id, actions).go()
    assert run.state == "failed"
    assert "pve1 is not rebooted: 107 (" in run.message, run.message
    assert not any("reboot" in line for line in world.story("node"))


def test_elsewhere_no_node_is_rebooted(ram: Path, flavour: Flavour) -> None:
    """Nothing there proves that no guest is hidden."""
    world = lab(flavour)
    drive = Drive(world, ram, Policy(containers=True), on_a_node=False)
    for guest in world.guests.values():
        world.life.load(guest.vmid, guest.memory // 4)
    world.clock.sleep(1800)
    run = reboot(drive, RollingRuns(drive.journal).add(("pve1",), drive.policy, "x", drive.clock.time()))
    assert run.state == "failed"
    assert "nothing proves that no guest is hidden from prs@pve!daemon" in run.message


def test_another_clusters_list_proves_nothing(ram: Path, flavour: Flavour) -> None:
    """This host may be a node of a cluster of its own, with guests of the same numbers."""
    other = small(flavour)
    for guest in other.guests.values():
        guest.node = {"pve1": "pve2", "pve2": "pve3", "pve3": "pve1"}[guest.node]
    drive = Drive(lab(flavour), ram)
    seen = {guest.vmid: guest.node for guest in read_cluster(drive.api, drive.clock.time()).guests}
    assert Roster(lambda: vmlist(other)).guests(seen) is None


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"ids": []}', '{"ids": {"x": 1, "101": 3}}', "[" * 50_000, "\udcff"])
def test_a_list_that_cannot_be_understood_proves_nothing(tmp_path: Path, text: str) -> None:
    """It is read from a file that another program writes."""
    (tmp_path / ".vmlist").write_text(text, encoding="utf-8", errors="surrogatepass")
    assert not roster_in(tmp_path).guests({101: "pve1"})
