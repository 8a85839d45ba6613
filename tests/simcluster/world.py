"""The simulated cluster: its state, its time, and what happens in it. Requests are answered by the modules that `answers` registers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from collections.abc import Mapping as Params
from contextlib import contextmanager
from typing import Any, Literal, NamedTuple

from simcluster import gate, history, obstacles
from simcluster.access import Access
from simcluster.ceph import Ceph
from simcluster.clock import Clock
from simcluster.errors import SceneError
from simcluster.faults import Faults
from simcluster.gate import Prepared
from simcluster.ha import Ha
from simcluster.life import Life
from simcluster.nouns import Guest, Mapping, Node, Storage
from simcluster.physics import Links
from simcluster.sessions import Sessions
from simcluster.tasks import Task, Tasks

START = 1_795_000_000.0  # 2026-11-18 11:06:40 UTC
VERSIONS = {"8": "8.4.21", "9": "9.2.11"}
ADDRESS = "10.0.0.{}"
Flavour = Literal["8", "9"]


class Event(NamedTuple):
    """Something that happened, in virtual seconds since the start of the world."""

    time: float
    kind: str
    text: str

    def __str__(self) -> str:
        whole = int(self.time)
        return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02} {self.text}"


class World:
    """One cluster. All figures of its nouns may be changed by tests between requests, best inside `change`."""

    def __init__(
        self,
        nodes: Iterable[Node],
        guests: Iterable[Guest] = (),
        storages: Iterable[Storage] = (),
        flavour: Flavour = "9",
        name: str = "lab",
        start: float = START,
    ) -> None:
        self.flavour, self.name, self.quorate = flavour, name, True
        self.version = VERSIONS[flavour]
        self.clock = Clock(start)
        self.nodes = {node.name: node for node in sorted(nodes, key=lambda node: node.name)}
        self.guests = {guest.vmid: guest for guest in sorted(guests, key=lambda guest: guest.vmid)}
        self.storages = {storage.name: storage for storage in sorted(storages, key=lambda storage: storage.name)}
        self.fingerprint = ":".join(["00"] * 32)
        self.cpu_models: dict[str, str] = {}  # custom CPU model -> the model of QEMU that it reports
        self.qdevice = ""  # State of the QDevice: Connected or another word of corosync-qdevice, "" = there is none
        self._ceph: Ceph | None = None
        self.mappings: dict[str, Mapping] = {}
        self.options: dict[str, Any] = {}  # datacenter.cfg, property strings parsed as the API gives them
        self.requests: Counter[str] = Counter()  # "METHOD /path/{template}" -> how often
        self.backup_jobs: list[dict[str, object]] = []  # rows of /cluster/backup
        self.schema_errors: list[str] = []  # requests that PVE's API schema does not allow
        self.events: list[Event] = []
        self.overfilled: list[Event] = []  # a node held more memory than it has
        self.unlike: list[Event] = []  # a VM went on with a CPU on which it may crash
        self.dropped: list[Event] = []  # a firewalled VM lost its connections
        self.clashes: list[Event] = []  # two guests met on a node that HA rules keep apart
        self.started: Counter[int] = Counter()  # vmid -> migration tasks begun
        self.migrations: Counter[int] = Counter()  # vmid -> arrivals on another node
        self.links = Links(self.clock, lambda node: self.nodes[node].link)
        self.metrics = history.Metrics(self.clock)
        self.access = Access(flavour)
        self.tasks: Tasks = Tasks(self)
        self.ha: Ha = Ha(self)
        self.sessions: Sessions = Sessions(self)
        self.life: Life = Life(self)
        self.faults: Faults = Faults(self)
        self._settle_in()

    @property
    def ceph(self) -> Ceph | None:
        """Ceph on the nodes themselves, None where there is none."""
        return self._ceph

    @ceph.setter
    def ceph(self, value: Ceph | str | None) -> None:
        self._ceph = (Ceph(value) if value else None) if isinstance(value, str) else value

    def _settle_in(self) -> None:
        for index, node in enumerate(self.nodes.values(), 1):
            node.id = index
            node.address = node.address or ADDRESS.format(index)
            node.version = node.version or self.version
            node.born = node.born or self.clock.now - 30 * 86400
        for guest in self.guests.values():
            self._check(guest)
            guest.born = guest.born or self.clock.now - 5 * 86400
        for node in self.nodes.values():
            node.overfilled = self.memory_used(node.name) > node.memory

    def adopt(self, guest: Guest) -> None:
        """Take in a guest that has just been created."""
        self._check(guest)
        guest.born = self.clock.now
        self.guests = dict(sorted({**self.guests, guest.vmid: guest}.items()))

    def _check(self, guest: Guest) -> None:
        if guest.node not in self.nodes:
            raise SceneError(f"guest {guest.label}: there is no node {guest.node!r}")
        for index, disk in enumerate(guest.disks):
            if disk.storage not in self.storages:
                raise SceneError(f"guest {guest.label}: there is no storage {disk.storage!r}")
            disk.name = disk.name or guest.volume_name(index)

    # what the nodes hold at this moment

    def on(self, node: str) -> list[Guest]:
        """Give the guests whose configuration is on that node, by vmid."""
        return [guest for guest in self.guests.values() if guest.node == node]

    def memory_used(self, node: str) -> int:
        """Give the bytes of memory in use on a node now, what is arriving included."""
        used = self.nodes[node].memory_host + sum(guest.taken for guest in self.guests.values() if guest.node == node)
        return used + int(self.tasks.arriving(node))

    def cpu_used(self, node: str) -> float:
        """Give the cores in use on a node now."""
        mine = (guest.cpu for guest in self.guests.values() if guest.node == node and guest.status == "running")
        return self.nodes[node].cpu_host + sum(mine)

    def storage_used(self, storage: str, node: str) -> int:
        """Give the bytes in use on a storage as that node sees it."""
        found = self.storages[storage]
        mine = (guest for guest in self.guests.values() if found.shared or guest.node == node)
        return found.used + sum(disk.size for guest in mine for disk in guest.disks if disk.storage == storage)

    def online(self) -> list[str]:
        """Give the names of the nodes that are up."""
        return [node.name for node in self.nodes.values() if node.alive]

    # changes and what is told about them

    @contextmanager
    def change(self, *nodes: str, guest: Guest | None = None) -> Iterator[None]:
        """Wrap every change to what nodes or a guest use: keeps the metrics of before, the history, and watches for overfilling."""
        for node in nodes:
            self.metrics.before_node(node, self.memory_used(node), self.cpu_used(node))
            self.watch(node)
        if guest is not None:
            self.metrics.before_guest(guest, guest.node)
        yield
        for node in nodes:
            self.watch(node)

    def watch(self, node: str) -> None:
        """Record it when a node holds more memory than it has."""
        found, used = self.nodes[node], self.memory_used(node)
        if used > found.memory and not found.overfilled:
            text = f"{node} overfilled: {used / 2**30:.1f} GiB in use of {found.memory / 2**30:.1f} GiB"
            self.tell("overfilled", text)
            self.overfilled.append(self.events[-1])
        found.overfilled = used > found.memory

    def place(
        self, guest: Guest, target: str, status: str | None = None, task: Task | None = None, conntrack: bool = False
    ) -> None:
        """Put a guest's configuration on another node, where it has the status given (its present one when none is).

        What `task` has sent ahead becomes the guest's own in the same moment.
        """
        source = guest.node
        with self.change(source, target, guest=guest):
            if task is not None:
                self.tasks.settle(task)
            if guest.running and guest.kind == "qemu":
                self._carried(guest, target, conntrack)
            guest.node, guest.lock, guest.shared = target, "", 0
            guest.status = guest.status if status is None else status
            guest.born = self.clock.now if guest.running else guest.born
        self.migrations[guest.vmid] += 1
        self.tell("migration", f"{guest.label} is on {target}, came from {source}")
        for sid in self.ha.rules.partners(guest.sid, "negative"):
            other = self.ha.guest(sid)
            if other is not None and other.node == target and self.ha.managed(guest) and self.ha.managed(other):
                self.tell("clash", f"{guest.label} meets {other.label} on {target}, which an HA rule forbids")
                self.clashes.append(self.events[-1])

    def _carried(self, guest: Guest, target: str, conntrack: bool) -> None:
        """A VM that moves while it runs keeps its machine version, the features of the CPU it was started on, its connections or not."""
        guest.machine = obstacles.machine(self, guest)
        here, there = self.nodes[guest.node], self.nodes[target]
        words = ""
        if guest.config.get("cpu") == "host" and here.cpu_model != there.cpu_model:
            words = f"of CPU type host goes on with a CPU it was not started on ({there.cpu_model}, not {here.cpu_model})"
        elif here.vendor != there.vendor:
            words = f"goes on with a CPU of another maker ({there.cpu_model}, not {here.cpu_model})"
        if words:
            self.tell("cpu", f"{guest.label} {words}")
            self.unlike.append(self.events[-1])
        cards = (value for key, value in guest.config.items() if obstacles.NET.fullmatch(key))
        if not conntrack and any("firewall=1" in str(card) for card in cards):
            self.tell("network", f"{guest.label} loses its connections: the firewall of {target} does not know them")
            self.dropped.append(self.events[-1])

    def tell(self, kind: str, text: str) -> None:
        """Append to the log of what happened."""
        self.events.append(Event(self.clock.now - self.clock.start, kind, text))

    def story(self, *kinds: str) -> list[str]:
        """Give the log as lines of text, all of it or only some kinds."""
        return [str(event) for event in self.events if not kinds or event.kind in kinds]

    # the way in

    def request(self, user: str, method: str, path: str, params: Params[str, object] | None = None, node: str = "") -> Any:
        """Answer an API request of an authenticated user as the API server on `node` would ("" = the first one online).

        Takes the time the answer takes, and raises Refused with PVE's status and words.
        """
        prepared = self.prepare(user, method, path, params, node)
        self.clock.sleep(prepared.delay)
        return self.finish(prepared)

    def prepare(self, user: str, method: str, path: str, params: Params[str, object] | None = None, node: str = "") -> Prepared:
        """Do the part of a request that comes before it takes time: permissions, faults, the way to the node."""
        with self.clock.lock:
            self.clock.catch_up()
            return gate.prepare(self, user, method, path, dict(params or {}), node or (self.online() or list(self.nodes))[0])

    def finish(self, prepared: Prepared) -> Any:
        """Do the rest of a request once its delay is over; raises Refused."""
        with self.clock.lock:
            self.clock.catch_up()
            return gate.finish(self, prepared)

    # what administrators do beside the API

    def ha_maintenance(self, node: str, on: bool) -> None:
        """Do what `ha-manager crm-command node-maintenance enable|disable NODE` does on a node."""
        with self.clock.lock:
            self.ha.maintenance(node, on)
