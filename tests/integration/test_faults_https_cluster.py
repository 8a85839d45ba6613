"""Each fault of the cluster or of our own side in the middle of a drain of twenty guests, over HTTPS: where guests end, and the words."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from drive import Drive, VirtualClock
from integration.twenty import MOVED, POLICY, POST, Site, begun, finish, sites, under_way
from prs.endpoint import Endpoint
from prs.engine.execution.executor import TICK
from prs.engine.journal.jobs import STEP_OPEN
from prs.engine.journal.journal import Journal
from prs.errors import JournalError
from simcluster.world import Flavour


@pytest.fixture
def site(ram: Path, flavour: Flavour) -> Iterator[Callable[..., Site]]:
    """Start a lab: site(ha=...)."""
    yield from sites(ram, flavour)


def test_target_dies(site: Callable[..., Site]) -> None:
    """What was on its way there fails and then goes elsewhere, like what was to go there later; the rest is not touched by it."""
    house = site()
    _, executor = begun(house)
    with house.world.clock.lock:
        house.world.clock.catch_up()
        hit = under_way(house, "pve2")
        house.world.life.kill("pve2")
    assert hit
    job = finish(house, executor)
    last = {step.vmid: step for step in job.steps}
    # The cluster needs some seconds to see that a node is gone: what is started in these fails too.
    lost = [step for step in job.steps if step.state == "failed"]
    assert set(hit) <= {step.vmid for step in lost}
    assert job.state == "done"
    for step in lost:
        assert step.target == "pve2"
        assert "migration aborted" in step.message
        assert f"{step.label} went to {last[step.vmid].target} after its migration to pve2 had failed" in job.message
    for vmid in MOVED:
        assert last[vmid].state == "done", last[vmid]
    later = [step for step in job.steps if step.state == "skipped"]
    assert later
    assert all(step.message == "pve2 is excluded: offline" for step in later)
    house.assert_true(job)


def test_source_dies_for_good(site: Callable[..., Site]) -> None:
    """What was under way is unknown and says where to look; the rest is skipped; nothing is claimed."""
    house = site()
    _, executor = begun(house)
    with house.world.clock.lock:
        house.world.clock.catch_up()
        hit = under_way(house)
        house.world.life.kill("pve1")
    job = finish(house, executor)
    there = house.guests_on("pve1")
    states = {step.vmid: step.state for step in job.steps}
    assert set(hit) <= set(there)
    assert job.state in ("failed", "partial")
    assert f"{len(there)} guests are still on pve1" in job.message
    look = "pve1 went offline during the migration: look there for the guest once it is back"
    for step in job.steps:
        if step.vmid in hit:
            assert (step.state, step.message) == ("unknown", look)
        elif step.vmid in there:
            assert (step.state, step.message) == ("skipped", "its node pve1 is offline")
        else:
            assert states[step.vmid] == "done"
    house.assert_true(job)


def test_source_dies_and_comes_back(site: Callable[..., Site]) -> None:
    """Its guests are off then, and those that had not started leave all the same."""
    house = site()
    _, executor = begun(house)
    with house.world.clock.lock:
        house.world.clock.catch_up()
        hit = under_way(house)
        house.world.life.kill("pve1")
        house.world.clock.after(150, lambda: house.world.life.revive("pve1"))
    job = finish(house, executor)
    assert job.state == "partial"
    assert house.guests_on("pve1") == tuple(hit)
    assert {step.vmid for step in job.steps if step.state == "failed"} == set(hit)
    house.assert_true(job)


def test_api_node_dies_and_the_next_host_is_used(site: Callable[..., Site]) -> None:
    """The configuration names several hosts; the job goes on over the next one."""
    house = site()
    house.drive.api = house.client("pve4", "pve3", "pve1")  # type: ignore[assignment]
    _, executor = begun(house, 4)
    house.world.nodes["pve4"].api = "down"
    job = finish(house, executor)
    assert (job.state, job.message.partition(";")[0]) == ("done", "pve1 is empty: the cluster shows no guest on it")
    assert house.guests_on("pve1") == ()
    house.assert_true(job)


@pytest.mark.parametrize("what", ["disabled", "expired"])
def test_the_login_stops_working(what: str, site: Callable[..., Site]) -> None:
    """Nothing more is started; what runs goes on in PVE, and each such step says where to look."""
    house = site()
    if what == "expired":
        endpoint = Endpoint((f"{house.server.host}:{house.server.port}",), "root@pam", ca_file=house.server.ca_file, timeout=10.0,
                            ticket=house.world.sessions.issue("root@pam"), csrf=house.world.sessions.csrf("root@pam"))  # fmt: skip
        house.drive.api = house.connect(endpoint)  # type: ignore[assignment]
    _, executor = begun(house)
    with house.world.clock.lock:
        house.world.clock.catch_up()
        if what == "expired":
            house.world.life.expire()
        else:
            house.world.life.disable("prs@pve")
    job = finish(house, executor)
    house.clock.sleep(120)
    moved = {step.vmid for step in job.steps if house.world.guests[step.vmid].node != "pve1"}
    ours = {step.vmid for step in job.steps if step.state in ("done", "unknown")}
    assert moved == ours
    assert job.state == "failed"
    assert f"PVE refuses the login of {'root@pam' if what == 'expired' else 'prs@pve!daemon'}" in job.message
    for step in job.steps:
        if step.state == "unknown":
            assert step.message.endswith(f"look for the guest on {step.source} and {step.target}")
        else:
            assert step.state in ("done", "skipped")
    assert max(house.world.started.values()) == 1


def test_the_login_works_again_soon(site: Callable[..., Site]) -> None:
    """A key that is being renewed: the job waits, says so, and goes on."""
    house = site()
    job_id, executor = begun(house)
    house.world.life.disable("prs@pve")
    house.tick(executor)
    assert house.drive.journal.job(job_id).message.startswith("waiting for PVE:")
    house.world.life.disable("prs@pve", False)
    assert finish(house, executor).state == "done"
    house.assert_true(house.drive.journal.job(job_id))


def test_two_daemons(site: Callable[..., Site], tmp_path: Path) -> None:
    """Two hosts, two journals, the same node: neither migrates what the other is migrating, and each guest moves once."""
    house = site()
    other = Drive(house.world, tmp_path, POLICY)
    other.api = house.client("pve2", "pve3")  # type: ignore[assignment]
    jobs = [house.drive.queue(house.drive.plan("pve1")), other.queue(other.plan("pve1"))]
    executors = [house.drive.executor(jobs[0]), other.executor(jobs[1])]
    open_jobs = [0, 1]
    while open_jobs:
        open_jobs = [index for index in open_jobs if not executors[index].tick()]
        house.clock.sleep(TICK)
    ended = [house.drive.journal.job(jobs[0]), other.journal.job(jobs[1])]
    assert [job.state for job in ended] == ["done", "done"], [job.message for job in ended]
    assert house.guests_on("pve1") == ()
    for job in ended:
        house.assert_true(job)
        for step in job.steps:
            assert step.state == "done" or step.message.startswith("is already on") or "HA" in step.message
    assert sum(job.count("done") for job in ended) == 20
    other.journal.close()


def test_clock_jumps(site: Callable[..., Site]) -> None:
    """The machine's clock is set a day forward, then a day back: waits and the search for tasks do not depend on it."""

    class Jumping(VirtualClock):
        offset = 0.0

        def time(self) -> float:
            return super().time() + self.offset

    house = site()
    clock = house.drive.clock = Jumping(house.world)
    _, executor = begun(house, 4)
    clock.offset = 86400.0
    house.world.faults.add({"on": POST, "do": "answer", "status": 596, "words": "Connection timed out", "carry_out": True, "times": 2})
    house.until(executor, 14)
    clock.offset = -86400.0
    job = finish(house, executor)
    assert (job.state, job.message.partition(";")[0]) == ("done", "pve1 is empty: the cluster shows no guest on it"), job.steps
    house.assert_true(job)


def test_journal_disk_full(site: Callable[..., Site]) -> None:
    """No write, no request: what runs goes on, nothing new starts, and when there is room again the job ends as planned."""
    house = site()
    _, executor = begun(house)
    before = dict(house.world.requests)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        told = []
        for _ in range(20):
            house.clock.sleep(TICK)
            try:
                executor.tick()
            except JournalError as error:
                told.append(str(error))
        assert len(told) > 10
        assert all("cannot be written" in words for words in told)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert house.world.requests[POST] == before[POST]
    job = finish(house, executor)
    assert (job.state, job.message.partition(";")[0]) == ("done", "pve1 is empty: the cluster shows no guest on it")
    house.assert_true(job)


def test_kill_9_anywhere(site: Callable[..., Site]) -> None:
    """The process dies at any round, again and again: only the journal is left, and each guest is migrated once."""
    house = site()
    job_id = house.drive.queue(house.drive.plan("pve1"))
    for _ in range(200):
        house.drive.journal.close()
        house.drive.journal = Journal(house.drive.path)
        if house.tick(house.drive.executor(job_id)) or not house.drive.journal.job(job_id).count(*STEP_OPEN):
            break
    # That the node is empty takes a second look, 10 s after the first, by one process.
    job = finish(house, house.drive.executor(job_id))
    assert (job.state, job.count("done")) == ("done", 20), job
    house.assert_true(job)


def test_second_drain_of_another_node(site: Callable[..., Site]) -> None:
    """While pve1 is being emptied, pve2 is to be emptied too: both end up empty, and nothing is sent to either."""
    house = site()
    first, one = begun(house)
    second = house.drive.queue(house.drive.plan("pve2"))
    two, executors = house.drive.executor(second), []
    executors = [one, two]
    while executors:
        executors = [executor for executor in executors if not executor.tick()]
        house.clock.sleep(TICK)
    jobs = [house.drive.journal.job(first), house.drive.journal.job(second)]
    assert jobs[0].state == "done", jobs[0].message
    late = [step for step in jobs[0].steps if step.state == "skipped"]
    assert all("pve2 is excluded: kept empty since its drain" in step.message for step in late)
    assert house.guests_on("pve1") == ()
    # A guest that was on its way to pve2 when its drain was planned is found there at the end, and taken along.
    assert jobs[1].state == "done", jobs[1].message
    assert house.guests_on("pve2") == ()
    for job in jobs:
        for step in job.steps:
            assert step.target != "pve2" or step.state in ("skipped", "done")
    assert not house.world.overfilled
