"""Each fault in the middle of a drain of twenty guests, over HTTPS with the real client: where every guest ends, and the words shown."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from drive import Drive, VirtualClock
from prs.endpoint import Endpoint
from prs.engine.executor import TICK, Executor
from prs.engine.jobs import Job
from prs.engine.journal import Journal
from prs.errors import JournalError
from prs.model import Policy
from prs.pve.client import Client, connect
from simcluster.ha_rules import Resource
from simcluster.scenario import from_json
from simcluster.scenes import add_accounts
from simcluster.simserver import SimServer
from simcluster.world import World

SPEED = 300.0  # the cluster's seconds per second
MOVED = tuple(range(101, 121))
POLICY = Policy(parallel_total=8, parallel_node=8)
POST = "POST /nodes/{node}/qemu/{vmid}/migrate"


def lab(flavour: str = "9", ha: tuple[int, ...] = ()) -> World:
    """Four nodes: twenty guests on pve1 (three of them stopped), two on each other node."""
    guests: dict[str, Any] = {}
    for vmid in MOVED:
        status = "stopped" if vmid > 117 else "running"
        guests[str(vmid)] = {"name": f"g{vmid}", "node": "pve1", "memory": 2, "max": 3, "cpu": 0.2, "status": status, "dirty": 5,
                             "disks": {"scsi0": "ceph:10"}}  # fmt: skip
    for vmid in range(201, 207):
        guests[str(vmid)] = {"name": f"g{vmid}", "node": f"pve{2 + vmid % 3}", "memory": 3, "cpu": 0.2, "disks": {"scsi0": "ceph:10"}}
    nodes = {f"pve{number}": {"memory": 64, "cpu": 16, "host": 2} for number in range(1, 5)}
    storages = {"ceph": {"type": "rbd", "shared": True, "total": 4000}}
    world = add_accounts(from_json({"flavour": flavour, "nodes": nodes, "guests": guests, "storages": storages}))
    for vmid in ha:
        world.ha.add(Resource(f"vm:{vmid}"))
    world.clock.sleep(900)
    return world


class Site:
    """The lab behind HTTPS, and the engine with the real client."""

    def __init__(self, world: World, server: SimServer, folder: Path, user: str = "prs@pve!daemon", speed: float = SPEED) -> None:
        self.world, self.server, self.user, self.speed = world, server, user, speed
        self.clients: list[Client] = []
        self.drive = Drive(world, folder, POLICY, user)
        self.drive.api = self.client(*world.nodes)  # type: ignore[assignment]
        self.clock = VirtualClock(world)

    def client(self, *nodes: str) -> Client:
        """Log in; the nodes' addresses in the order in which they are tried."""
        hosts = tuple(f"{self.server.addresses[name]}:{self.server.port}" for name in nodes)
        name, _, token = self.user.partition("!")
        secret = self.server.logins[self.user]
        login = {"token_name": token, "token_value": secret} if token else {"password": secret}
        return self.connect(Endpoint(hosts, name, ca_file=self.server.ca_file, timeout=10.0, **login))  # type: ignore[arg-type]

    def connect(self, endpoint: Endpoint) -> Client:
        """A client that is closed at the end."""
        self.clients.append(connect(endpoint))
        return self.clients[-1]

    def close(self) -> None:
        """Close what was opened."""
        for client in self.clients:
            client.close()
        self.drive.journal.close()

    def at(self, seconds: float) -> float:
        """The time of a fault so many seconds from now, as faults count it."""
        return self.clock.time() - self.world.clock.start + seconds

    def tick(self, executor: Executor) -> bool:
        """One round and the pause after it."""
        ended = executor.tick()
        self.clock.sleep(TICK)
        return ended

    def until(self, executor: Executor, active: int) -> None:
        """Work until so many migrations are under way at once or over."""
        while sum(step.state != "planned" for step in self.drive.journal.job(executor.job_id).steps) < active:
            self.tick(executor)

    def guests_on(self, node: str) -> tuple[int, ...]:
        """What the cluster itself holds on a node."""
        return tuple(self.drive.guests_on(node))

    def assert_true(self, job: Job, others: tuple[int, ...] = (), tries: int = 1) -> None:
        """Each step's end is what the cluster shows; nothing is overfilled or migrated twice. `others`: moved by other people too."""
        for step in job.steps:
            guest = self.world.guests.get(step.vmid)
            if step.state == "done":
                assert guest, step
                assert guest.node == step.target, step
            elif step.state in ("failed", "cancelled") and guest and step.vmid not in others:
                again = any(later.vmid == step.vmid and later.seq > step.seq for later in job.steps)
                assert again or guest.node == step.source, step
            assert step.message or step.state == "done", step
            assert not step.open
        assert not self.world.overfilled
        assert not self.world.schema_errors
        assert {vmid: count for vmid, count in self.world.started.items() if count > tries and vmid not in others} == {}
        assert sorted(self.world.guests) == sorted(set(self.world.guests) | {201, 202, 203, 204, 205, 206})


@pytest.fixture
def site(ram: Path) -> Iterator[Callable[..., Site]]:
    """Start a lab: site(ha=..., user=..., speed=...)."""
    with ExitStack() as stack:

        def start(flavour: str = "9", ha: tuple[int, ...] = (), user: str = "prs@pve!daemon", speed: float = SPEED) -> Site:
            world = lab(flavour, ha)
            server = stack.enter_context(SimServer(world, speed=speed, auth_delay=0.05))
            found = Site(world, server, ram, user)
            stack.callback(found.close)
            return found

        yield start


@dataclass(frozen=True)
class Case:
    """A fault during the drain of pve1; `words` by vmid (0: the job's), `left`: guests that stay on pve1, `gone`: deleted ones."""

    name: str
    fault: dict[str, Any]
    job: str = "done"
    words: dict[int, str] = field(default_factory=dict)
    left: tuple[int, ...] = ()
    gone: tuple[int, ...] = ()
    states: dict[int, str] = field(default_factory=dict)  # of each guest's last step, where it is not done
    ha: tuple[int, ...] = ()
    others: tuple[int, ...] = ()  # guests that other people move too
    flavour: str = "9"
    speed: float = SPEED


CASES = [
    Case("a task fails", {"task": "qmigrate", "guest": 110, "do": "fail", "words": "no space left on device", "after": 3},
         "partial", {110: "no space left on device", 0: "19 of 20 migrations done; 1 guest is still on pve1: 110 (g110)"}, (110,),
         states={110: "failed"}),
    Case("a task hangs beyond its limit", {"task": "qmigrate", "guest": 110, "do": "hang", "after": 3},
         "partial", {110: "cancelled: no progress for 30 minutes", 0: "1 guest is still on pve1: 110 (g110)"}, (110,),
         states={110: "failed"}, speed=900.0),
    Case("a task is cancelled by someone else", {"task": "qmigrate", "guest": 110, "after": 3, "do": "cancel"},
         "partial", {110: "interrupted by signal", 0: "1 guest is still on pve1: 110 (g110)"}, (110,), states={110: "failed"}),
    Case("migration problems although moved", {"task": "qmigrate", "guest": 110, "do": "problems", "words": "migration problems"},
         "done", {110: "moved, but PVE reported: migration problems", 0: "pve1 is empty: the cluster shows no guest on it"}),
    Case("hamigrate refused silently", {"task": "hamigrate", "guest": 110, "do": "ignore"}, "partial",
         {110: "the HA manager accepted the request and did not carry it out; the guest is still on pve1"}, (110,),
         states={110: "failed"}, ha=(110, 111)),
    Case("a guest is stopped", {"at": 4, "do": "stop", "guest": 117}, "done"),
    Case("a guest is started", {"at": 4, "do": "start", "guest": 119}, "done"),
    Case("a guest is deleted", {"at": 4, "do": "vanish", "guest": 117},
         "done", {117: "the guest no longer exists", 0: "19 of 20 migrations done; pve1 is empty"}, gone=(117,), states={117: "skipped"}),
    Case("a guest is deleted in mid-migration", {"task": "qmigrate", "guest": 110, "after": 3, "do": "vanish"},
         "done", {110: "the guest no longer exists", 0: "19 of 20 migrations done; pve1 is empty"}, gone=(110,), states={110: "failed"}),
    Case("a guest is locked by backup for a while", {"at": 4, "do": "lock", "guest": 117, "word": "backup", "for": 400}, "done"),
    Case("a guest stays locked by backup", {"at": 4, "do": "lock", "guest": 117, "word": "backup", "for": 90000}, "partial",
         {117: "locked (backup)", 0: "1 guest is still on pve1: 117 (g117)"}, (117,), states={117: "skipped"}, speed=1200.0),
    Case("a guest is moved by someone else", {"at": 4, "do": "move", "guest": 117, "target": "pve4"}, "done",
         {117: "is already on pve4: something else moved it"}, states={117: "skipped"}, others=(117,)),
    Case("596 on a POST whose task did start",
         {"on": POST, "guest": 110, "do": "answer", "status": 596, "words": "Connection timed out", "carry_out": True}, "done"),
    Case("quorum lost and regained", {"task": "qmigrate", "nth": 8, "after": 2, "do": "quorum_lost", "for": 200}, "partial"),
    Case("PVE 8: a task fails", {"task": "qmigrate", "guest": 110, "do": "fail", "words": "no space left on device", "after": 3},
         "partial", {110: "no space left on device"}, (110,), states={110: "failed"}, flavour="8"),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_fault(case: Case, site: Callable[..., Site]) -> None:
    """The job ends, and what it says of each guest is what the cluster shows."""
    house = site(case.flavour, case.ha, speed=case.speed)
    plan = house.drive.plan("pve1")
    assert len(plan.moves) == 20
    job_id = house.drive.queue(plan)
    house.world.faults.add({**case.fault, "at": house.at(case.fault["at"])} if "at" in case.fault else case.fault)
    job = house.drive.finish(job_id)
    last = {step.vmid: step for step in job.steps}
    told = {vmid: step.message for vmid, step in last.items()} | {0: job.message}
    assert job.state == case.job, told
    for vmid, words in case.words.items():
        assert words in told[vmid]
    house.assert_true(job, case.others)
    states = {vmid: step.state for vmid, step in last.items() if step.state != "done"}
    if case.name.startswith("quorum"):
        # PVE cannot move the configuration of a guest whose copy ends while there is no quorum; nothing new is started then.
        assert 0 < len(states) <= 8
        assert set(states.values()) == {"failed"}
        assert all("rename failed: Permission denied" in told[vmid] for vmid in states)
        assert house.guests_on("pve1") == tuple(sorted(states))
        return
    assert states == case.states
    assert house.guests_on("pve1") == case.left
    assert not set(case.gone) & set(house.world.guests)


def under_way(house: Site, node: str = "") -> list[int]:
    """The guests that are being migrated now and have not arrived yet, all or those to one node."""
    tasks = house.world.tasks.running("qmigrate", "vzmigrate")
    return sorted(task.vmid for task in tasks if task.vmid and not task.moved and node in ("", task.target))


def begun(house: Site, active: int = 8) -> tuple[str, Executor]:
    """A drain of pve1 with this many migrations under way."""
    job_id = house.drive.queue(house.drive.plan("pve1"))
    executor = house.drive.executor(job_id)
    house.until(executor, active)
    return job_id, executor


def finish(house: Site, executor: Executor) -> Job:
    """Work until the job has ended, with the executor at hand."""
    deadline = house.clock.time() + 4 * 3600
    while not house.tick(executor):
        job = house.drive.journal.job(executor.job_id)
        assert house.clock.time() < deadline, (job.message, [(step.label, step.state, step.message) for step in job.steps])
    return house.drive.journal.job(executor.job_id)


def test_target_dies(site: Callable[..., Site]) -> None:
    """What was on its way there fails and stays; what was to go there later goes elsewhere; the rest is not touched by it."""
    house = site(speed=100.0)
    _, executor = begun(house)
    with house.world.clock.lock:
        house.world.clock.catch_up()
        hit = under_way(house, "pve2")
        house.world.life.kill("pve2")
    assert hit
    job = finish(house, executor)
    last = {step.vmid: step for step in job.steps}
    assert job.state == "partial"
    assert f"{len(hit)} guest" in job.message
    for vmid in MOVED:
        step = last[vmid]
        if vmid in hit:
            assert (step.state, house.world.guests[vmid].node) == ("failed", "pve1")
            assert step.message.startswith("migration aborted")
        else:
            assert step.state == "done", step
    later = [step for step in job.steps if step.state == "skipped"]
    assert later
    assert all(step.message == "pve2 is excluded: offline" for step in later)
    house.assert_true(job)


def test_source_dies_for_good(site: Callable[..., Site]) -> None:
    """What was under way is unknown and says where to look; the rest is skipped; nothing is claimed."""
    house = site(speed=100.0)
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
    house = site(speed=100.0)
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
    house = site(speed=100.0)
    house.drive.api = house.client("pve4", "pve3", "pve1")  # type: ignore[assignment]
    _, executor = begun(house, 4)
    house.world.nodes["pve4"].api = "down"
    job = finish(house, executor)
    assert (job.state, job.message) == ("done", "pve1 is empty: the cluster shows no guest on it")
    assert house.guests_on("pve1") == ()
    house.assert_true(job)


@pytest.mark.parametrize("what", ["disabled", "expired"])
def test_the_login_stops_working(what: str, site: Callable[..., Site]) -> None:
    """Nothing more is started; what runs goes on in PVE, and each such step says where to look."""
    house = site(speed=100.0)
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
    house = site(speed=100.0)
    job_id, executor = begun(house)
    house.world.life.disable("prs@pve")
    house.tick(executor)
    assert house.drive.journal.job(job_id).message.startswith("waiting for PVE:")
    house.world.life.disable("prs@pve", False)
    assert finish(house, executor).state == "done"
    house.assert_true(house.drive.journal.job(job_id))


def test_two_daemons(site: Callable[..., Site], tmp_path: Path) -> None:
    """Two hosts, two journals, the same node: neither migrates what the other is migrating, and each guest moves once."""
    house = site(speed=100.0)
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

    house = site(speed=100.0)
    clock = house.drive.clock = Jumping(house.world)
    _, executor = begun(house, 4)
    clock.offset = 86400.0
    house.world.faults.add({"on": POST, "do": "answer", "status": 596, "words": "Connection timed out", "carry_out": True, "times": 2})
    house.until(executor, 14)
    clock.offset = -86400.0
    job = finish(house, executor)
    assert (job.state, job.message) == ("done", "pve1 is empty: the cluster shows no guest on it"), job.steps
    house.assert_true(job)


def test_journal_disk_full(site: Callable[..., Site]) -> None:
    """No write, no request: what runs goes on, nothing new starts, and when there is room again the job ends as planned."""
    house = site(speed=100.0)
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
    assert (job.state, job.message) == ("done", "pve1 is empty: the cluster shows no guest on it")
    house.assert_true(job)


def test_kill_9_anywhere(site: Callable[..., Site]) -> None:
    """The process dies at any round, again and again: only the journal is left, and each guest is migrated once."""
    house = site(speed=100.0)
    job_id = house.drive.queue(house.drive.plan("pve1"))
    for _ in range(200):
        house.drive.journal.close()
        house.drive.journal = Journal(house.drive.path)
        if house.tick(house.drive.executor(job_id)):
            break
    job = house.drive.journal.job(job_id)
    assert (job.state, job.count("done")) == ("done", 20), job
    house.assert_true(job)


def test_second_drain_of_another_node(site: Callable[..., Site]) -> None:
    """While pve1 is being emptied, pve2 is to be emptied too: both end up empty, and nothing is sent to either."""
    house = site(speed=100.0)
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
