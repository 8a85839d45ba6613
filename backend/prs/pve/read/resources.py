"""/cluster/resources as nouns, and migrations among /cluster/tasks (pve-manager PVE/API2/Cluster.pm): pure, unknown is never zero."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from prs.model import Guest, Node, Reading, Storage
from prs.pve.read.values import Row, digits, flag, number, text, whole, words

NO_LOAD_YET = "no load known yet"  # how the reason ends for a guest that has just started or come
SETTLING = 60  # seconds after a start or a move in which PVE's first cpu sample is 0 (qemu-server QemuServer.pm vmstatus)
SILENT = "PVE has had no figures for 5 minutes"  # pmxcfs drops older ones (pve-cluster pmxcfs/status.c)
UNTRUE = "PVE's figures of it cannot be true"
OVERHEAD = 4 * 2**30  # bytes that a VM's process may need beside its memory, and far more than it does
MOST_SHARE = 100.0  # of all its cores: more than any guest or node can use, also with QEMU's own threads and a clock that jumps
UNLISTED = "PVE's list of the cluster's members (/cluster/status) does not name it"
LAST_VMID = 999_999_999  # PVE/JSONSchema.pm pve-vmid
NODE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")  # PVE/JSONSchema.pm pve-node
GUEST_STORAGE = ("images", "rootdir")
COPYING = ("qmigrate", "vzmigrate")
MIGRATIONS = (*COPYING, "hamigrate")


@dataclass(frozen=True, slots=True)
class Sample:
    """A node's use as of its last report, at most some seconds old: bytes and cores."""

    memory: float
    cpu: float


def guests(data: list[Row], offline: frozenset[str]) -> tuple[Guest, ...]:
    """The guests, by vmid; `offline` are the nodes that are known to be down."""
    names = _names(data)
    found = [_guest(row, text(row, "node") in offline) for row in data if vmid(row) and placed(row, names)]
    return tuple(sorted(found, key=lambda guest: guest.vmid))


def placed(row: Row, names: Collection[str]) -> bool:
    """True for a guest's row that names a node: of a guest without it nobody knows what it keeps from being empty.

    `names` are the nodes that have rows, if any has. On another one PVE knows of no guest how it is: it is one that has been removed.
    """
    node = row.get("node")
    named = row.get("type") in ("qemu", "lxc") and isinstance(node, str) and bool(NODE.fullmatch(node))
    return named and (not names or node in names or (text(row, "status") or "unknown") == "unknown")


def _names(data: list[Row]) -> set[str]:
    return {text(row, "node") for row in data if row.get("type") == "node"}


def nowhere(data: list[Row]) -> list[str]:
    """The guests whose rows name no node that there can be, or have no number, by what there is of number and name."""
    names = _names(data)
    rows = [row for row in data if _of_guest(row) and not (vmid(row) and placed(row, names))]
    return [f"{text(row, 'vmid')} ({text(row, 'name')})" for row in rows]


def _of_guest(row: Row) -> bool:
    """True for a row that is a guest's by any of its words: one whose type is no word of PVE's has a number all the same."""
    return row.get("type") in ("qemu", "lxc") or "vmid" in row or text(row, "id").startswith(("qemu/", "lxc/"))


def template(row: Row) -> bool:
    """True for a template, which runs nowhere: a row that says both is wrong about that."""
    return flag(row, "template") and text(row, "status") != "running"


def vmid(row: Row) -> int:
    """The number of a row's guest; 0 where PVE gives none that a guest can have."""
    found = whole(row, "vmid")
    return found if 0 < found <= LAST_VMID else 0


def _guest(row: Row, offline: bool) -> Guest:
    status = text(row, "status") or "unknown"
    running = status not in ("stopped", "unknown")
    cores = number(row, "maxcpu") or 0.0
    # memhost is what the host gives to the VM's process, so what a move frees; PVE 8 has none, containers report 0.
    memory = whole(row, "memhost") or whole(row, "mem")
    return Guest(
        vmid=vmid(row),
        name=text(row, "name"),
        kind="lxc" if row.get("type") == "lxc" else "qemu",
        node=text(row, "node"),
        status=status,
        memory=memory if running else 0,
        memory_max=whole(row, "maxmem"),
        cpu=(number(row, "cpu") or 0.0) * cores if running else 0.0,
        cpu_max=cores,
        lock=text(row, "lock"),
        tags=words(text(row, "tags")),
        pool=text(row, "pool"),
        ha=ha_state(row),
        template=template(row),
        problem=_guest_problem(row, status, running, offline),
    )


def _untrue(row: Row) -> bool:
    """True when a running guest's figures are far above what can be, or no figures; what QEMU needs beside the guest's memory counts."""
    if any(row.get(key) is not None and number(row, key) is None for key in ("memhost", "mem", "maxmem", "cpu", "maxcpu")):
        return True
    used = max(whole(row, "memhost"), whole(row, "mem"))
    return used > 2 * whole(row, "maxmem") + OVERHEAD or (number(row, "cpu") or 0.0) > MOST_SHARE


def _guest_problem(row: Row, status: str, running: bool, offline: bool) -> str:
    if offline:
        return "its node is offline"
    if status == "unknown":
        return SILENT
    if not running:
        return ""
    if any(number(row, key) is None for key in ("cpu", "maxcpu", "mem", "maxmem")):
        return "PVE shows no load of it"
    if _untrue(row):
        return UNTRUE
    uptime = number(row, "uptime")
    if uptime is not None and uptime < SETTLING:
        return f"started {uptime:.0f} seconds ago, {NO_LOAD_YET}"
    return ""


def with_present(guest: Guest, row: Row) -> Guest:
    """A guest of a node that reports no figures, with what that node itself lists of it (GET /nodes/{node}/qemu or lxc)."""
    running, cores = text(row, "status") == "running", number(row, "cpus") or 0.0
    return replace(
        guest,
        name=text(row, "name"),
        status=text(row, "status") or "unknown",
        memory=(whole(row, "memhost") or whole(row, "mem")) if running else 0,
        memory_max=whole(row, "maxmem"),
        cpu=(number(row, "cpu") or 0.0) * cores if running else 0.0,
        cpu_max=cores,
        template=flag(row, "template"),
        problem="",
    )


def ha_state(row: Row) -> str:
    """The HA service state of a guest's row; "" when HA does not manage it (a resource set to ignored counts as that)."""
    state = text(row, "hastate")
    return "" if state == "ignored" else state


def nodes(data: list[Row], status: list[Row], version: str = "") -> tuple[Node, ...]:
    """The nodes by name, without their load; `status` is /cluster/status, which alone knows who is online for certain.

    `version` is that of the answering node, the only one whose version a cluster-wide call tells.
    """
    known = {text(row, "name"): row for row in status if row.get("type") == "node"}
    rows = [row for row in data if row.get("type") == "node" and NODE.fullmatch(text(row, "node"))]
    found = [_node(row, known.get(text(row, "node"), {}), version, not known or text(row, "node") in known) for row in rows]
    return tuple(sorted(found, key=lambda node: node.name))


def _node(row: Row, status: Row, version: str, member: bool) -> Node:
    online = flag(status, "online", default=row.get("status") != "offline") and row.get("status") != "offline"
    problem = ""
    if not online:
        problem = "offline"
    elif not member:
        problem = UNLISTED
    elif row.get("status") == "unknown":
        problem = f"{SILENT}: pvestatd is dead there or hangs, mostly on a storage that does not answer; systemctl restart pvestatd on it"
    elif _impossible(row):
        problem = UNTRUE
    elif sample(row) is None:
        problem = "PVE shows no load of it (reading it needs Sys.Audit on the node)"
    return Node(
        name=text(row, "node"), online=online, member=member, memory=whole(row, "maxmem"), cpu=number(row, "maxcpu") or 0.0,
        id=whole(status, "nodeid"), ha=text(row, "hastate"), problem=problem,
        version=version if flag(status, "local") else "",
    )  # fmt: skip


def _impossible(row: Row) -> bool:
    """True for figures far above what a node has; a little over may be a moment between two readings."""
    used, memory, share = whole(row, "mem"), whole(row, "maxmem"), number(row, "cpu") or 0.0
    return bool(memory and used > 2 * memory) or share > MOST_SHARE


def sample(row: Row) -> Sample | None:
    """A node's present use; None if a figure is missing."""
    used, share, cores, memory = (number(row, key) for key in ("mem", "cpu", "maxcpu", "maxmem"))
    if used is None or share is None or not cores or not memory or _impossible(row):
        return None
    return Sample(used, share * cores)


def reading(data: list[Row]) -> Reading:
    """The loads of the moment for the memory of loads; who has no figures is left out, and so is what starts or comes just now."""
    known = {node.name for node in nodes(data, []) if not node.problem}
    found = [guest for guest in guests(data, frozenset()) if guest.running and not guest.problem and guest.node in known]
    used = {text(row, "node"): one for row in data if row.get("type") == "node" and text(row, "node") in known and (one := sample(row))}
    hosts = {name: [one.memory, one.cpu] for name, one in used.items()}
    for guest in found:
        hosts[guest.node][0] -= guest.memory
        hosts[guest.node][1] -= guest.cpu
    return Reading(
        {guest.vmid: (float(guest.memory), guest.cpu) for guest in found},
        {name: (one.memory, one.cpu) for name, one in used.items()},
        {name: (memory, max(0.0, cpu)) for name, (memory, cpu) in hosts.items()},
    )


def fullest(data: list[Row]) -> float:
    """The share of its memory that the fullest node uses just now, fraction."""
    shares = [one.memory / (number(row, "maxmem") or one.memory) for row in data if row.get("type") == "node" and (one := sample(row))]
    return max(shares, default=0.0)


def storages(data: list[Row], defined: Iterable[Row] = ()) -> tuple[Storage, ...]:
    """The storages as each node sees them, by node and name; `defined` are their definitions by GET /storage."""
    chained = {text(row, "storage") for row in defined if flag(row, "snapshot-as-volume-chain")}
    found = [
        Storage(
            name=text(row, "storage"), node=text(row, "node"), shared=flag(row, "shared"), active=row.get("status") == "available",
            total=whole(row, "maxdisk"), used=whole(row, "disk"), plugin=text(row, "plugintype"), content=words(text(row, "content")),
            chains=text(row, "storage") in chained,
        )
        for row in data if row.get("type") == "storage"
    ]  # fmt: skip
    return tuple(sorted(found, key=lambda storage: (storage.node, storage.name)))


def holds_guests(storage: Storage) -> bool:
    """True for a storage of one node only that can hold disks of guests."""
    return not storage.shared and any(kind in storage.content for kind in GUEST_STORAGE)


def uptimes(data: list[Row]) -> dict[str, float]:
    """Seconds that each online node has been up, by rows of /cluster/resources; a node whose figure is missing is left out."""
    return {
        text(row, "node"): up
        for row in data
        if row.get("type") == "node" and text(row, "status") == "online" and (up := number(row, "uptime")) is not None and up > 0
    }


def running_migrations(tasks: list[Row]) -> dict[int, str]:
    """The running migrations among rows of /cluster/tasks, where a running task has no end time."""
    found: dict[int, str] = {}
    for row in sorted(tasks, key=lambda row: text(row, "type") in COPYING):
        vmid = digits(text(row, "id"))
        if text(row, "type") in MIGRATIONS and not whole(row, "endtime") and vmid is not None:
            found[vmid] = text(row, "upid")
    return found
