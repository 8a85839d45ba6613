"""A drain of twenty guests over HTTPS with the real client: the cluster, the engine, and what must be true at the end.

The requests take their true way, the cluster's time is virtual: what comes before what does not depend on how busy this machine is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from drive import Drive, VirtualClock
from prs.endpoint import Endpoint
from prs.engine.execution.executor import TICK, Executor
from prs.engine.journal.jobs import Job
from prs.model import Policy
from prs.pve.http.client import Client, connect
from simcluster.ha_rules import Resource
from simcluster.scenario import from_json
from simcluster.scenes import add_accounts
from simcluster.simserver import SimServer
from simcluster.world import Flavour, World

MOVED = tuple(range(101, 121))
POLICY = Policy(parallel_total=8, parallel_node=8)
POST = "POST /nodes/{node}/qemu/{vmid}/migrate"


def lab(flavour: Flavour, ha: tuple[int, ...] = ()) -> World:
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

    def __init__(self, world: World, server: SimServer, folder: Path, user: str = "prs@pve!daemon", pause: float = TICK) -> None:
        self.world, self.server, self.user, self.pause = world, server, user, pause
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
        self.clock.sleep(self.pause)
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
        failed = Counter(step.vmid for step in job.steps if step.state == "failed" and step.upid)
        assert {vmid: count for vmid, count in self.world.started.items() if count > tries + failed[vmid] and vmid not in others} == {}
        assert sorted(self.world.guests) == sorted(set(self.world.guests) | {201, 202, 203, 204, 205, 206})


def sites(ram: Path, flavour: Flavour) -> Iterator[Callable[..., Site]]:
    """Start a lab: site(ha=..., user=..., pause=...); `pause`: the cluster's seconds between two rounds of the engine."""
    with ExitStack() as stack:

        def start(ha: tuple[int, ...] = (), user: str = "prs@pve!daemon", pause: float = TICK) -> Site:
            world = lab(flavour, ha)
            server = stack.enter_context(SimServer(world, speed=None, auth_delay=0.05))
            found = Site(world, server, ram, user, pause)
            stack.callback(found.close)
            return found

        yield start


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
