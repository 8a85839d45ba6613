"""Reads the whole cluster into one Cluster: under 10 calls, one for each node's history, and for disks one for each local storage."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from prs.model import Cluster, Guest, Node, Replication, Rule, Storage
from prs.pve.api import Api, clock_ahead, quote
from prs.pve.read import disks, ha, resources
from prs.pve.read.load import Histories, with_load
from prs.pve.read.node_facts import migration_network
from prs.pve.read.resources import running_migrations
from prs.pve.read.tolerant import Reader
from prs.pve.read.values import Row, flag, number, rows, table, text, whole

HA_RULES_SINCE = 9  # PVE 9 has rules where PVE 8 has groups


def read_cluster(
    api: Api, now: float, method: str = "memory", history: float = 1800.0, counts: str = "used", among: Collection[str] | None = None
) -> Cluster:
    """The cluster at `now`, this machine's time; loads are means over `history` seconds (0: the last report) since the node's last change.

    `counts` "reserved" asks each node (of `among`, None: all) once more, for its VMs' balloons; those of others count in full.
    Without /cluster/resources there is no snapshot (PveError); everything else that cannot be read is named in `problems`.
    """
    reader = Reader(api)
    data = rows(api.get("/cluster/resources"))
    # Without Sys.Audit on / PVE refuses the status but answers options, with most of them left out.
    status = _status(reader)
    options = reader.table("/cluster/options", "Whether PVE balances HA guests itself is not known") or {}
    defined = reader.rows("/storage", "Which storages share space is not known") or []
    tasks = reader.rows("/cluster/tasks", "Migrations under way are not known") or []
    version = text(reader.table("/version", "PVE's version is not known") or {}, "version")
    replicated = reader.rows("/cluster/replication", "Storage replications are not known") or []
    nodes = resources.nodes(data, status, version)
    offline = frozenset(node.name for node in nodes if not node.online)
    guests = resources.guests(data, offline)
    lost = "it is left out, and no node is certainly empty"
    reader.problems += [f"PVE does not say where {guest} is: {lost}" for guest in resources.nowhere(data)]
    nodes, guests = _asked_themselves(reader, nodes, guests)
    if counts == "reserved":
        guests = _with_reserved(reader, guests, [node for node in nodes if among is None or node.name in among])
    storages = resources.storages(data, defined)
    rebalances = ha.auto_rebalance(options)
    view = _read_ha(reader, guests, nodes, version, rebalances)
    rules = ha.binding(view.rules, {guest.vmid for guest in guests if not guest.ha})
    nodes, guests = _under_ha(nodes, guests, view)
    if method in ("disk", "all"):
        guests = _with_disks(reader, guests, storages, offline)
    nodes = _with_capacity(nodes, guests, storages, {text(row, "storage"): row for row in defined})
    # Uptimes, tasks and figures tell PVE's time: against a clock that is a minute off, means would reach back over a guest's arrival.
    past = _histories(reader, nodes, storages, now + clock_ahead(api), history)
    nodes, guests = with_load(nodes, guests, data, tasks, past)
    cluster_row = next((row for row in status if row.get("type") == "cluster"), {})
    return Cluster(
        name=text(cluster_row, "name"),
        taken=now,
        quorate=flag(cluster_row, "quorate", default=True),
        version=version,
        nodes=nodes,
        guests=guests,
        storages=storages,
        rules=rules,
        replications=_replications(replicated),
        auto_rebalance=rebalances,
        migration_network=migration_network(options),
        migrating=tuple(sorted(running_migrations(tasks))),
        problems=(*reader.problems, *past.problems),
    )


def _status(reader: Reader) -> list[Row]:
    """The rows of /cluster/status; one that names no node tells nothing."""
    unknown = "Quorum, node ids and whether PVE balances HA guests itself are not known"
    found = reader.rows("/cluster/status", unknown)
    if found is not None and not any(row.get("type") == "node" for row in found):
        reader.problems.append(f"{unknown}: what PVE answered /cluster/status with names no node")
    return found or []


def _asked_themselves(reader: Reader, nodes: tuple[Node, ...], guests: tuple[Guest, ...]) -> tuple[tuple[Node, ...], tuple[Guest, ...]]:
    """The guests of nodes that are online and report nothing, as those nodes tell them: such a node is the one to be emptied.

    It still takes part as a source only. What a worker of PVE's API says of CPU use is a momentary value, mostly 0.
    """
    found: dict[int, Row] = {}
    sized = dict[str, Node]()
    for node in nodes:
        if not node.online or not node.problem.startswith(resources.SILENT):
            continue
        unknown, before = f"What runs on {node.name}, of which {node.problem}, is not known", len(found)
        for kind in ("qemu", "lxc"):
            found |= {whole(row, "vmid"): row for row in reader.rows(f"/nodes/{quote(node.name)}/{kind}", unknown) or []}
        if len(found) > before:
            here = reader.table(f"/nodes/{quote(node.name)}/status", f"The size of {node.name} is not known") or {}
            total, threads = whole(table(here.get("memory")), "total"), number(table(here.get("cpuinfo")), "cpus")
            sized[node.name] = replace(node, memory=total, cpu=threads or 0.0)
            taken = "Its guests are taken as it tells them itself, their CPU use as of this moment"
            reader.problems.append(f"{node.name}: {node.problem}. {taken}")
    silent = frozenset(sized)
    return tuple(sized.get(node.name, node) for node in nodes), tuple(
        resources.with_present(guest, found[guest.vmid]) if guest.node in silent and guest.vmid in found else guest for guest in guests
    )


def _with_reserved(reader: Reader, guests: tuple[Guest, ...], nodes: list[Node]) -> tuple[Guest, ...]:
    """The VMs with what balloons leave them at least, by their nodes' own lists (qemu-server QemuServer.pm vmstatus)."""
    found = dict[int, int]()
    for node in nodes:
        if node.online and not node.problem and any(guest.kind == "qemu" and guest.node == node.name for guest in guests):
            unknown = f"What memory the balloons of the VMs on {node.name} leave them is not known: all of it counts as reserved"
            listed = reader.rows(f"/nodes/{quote(node.name)}/qemu", unknown) or []
            found |= {whole(row, "vmid"): whole(row, "balloon_min") for row in listed}
    return tuple(replace(guest, reserved=found.get(guest.vmid, 0)) if guest.kind == "qemu" else guest for guest in guests)


def _replications(data: list[Row]) -> tuple[Replication, ...]:
    found = {(whole(row, "guest"), text(row, "target")) for row in data if not flag(row, "disable") and text(row, "remove_job") == ""}
    return tuple(Replication(vmid, target) for vmid, target in sorted(found) if vmid and target)


@dataclass(frozen=True, slots=True)
class _Ha:
    rules: tuple[Rule, ...] = ()
    manager: ha.Manager = ha.Manager()  # noqa: RUF009 - Manager is immutable
    managed: Mapping[int, ha.Managed] = field(default_factory=dict)


def _read_ha(reader: Reader, guests: tuple[Guest, ...], nodes: tuple[Node, ...], version: str, rebalances: bool) -> _Ha:
    """Rules and node states, asked for only if HA manages a guest or has a state for a node, and resources where they matter."""
    if not any(guest.ha for guest in guests) and not any(node.ha for node in nodes):
        return _Ha()
    unknown = "HA rules are not known"
    major = int(version.partition(".")[0]) if version.partition(".")[0].isdecimal() and len(version) < 99 else HA_RULES_SINCE
    resources, groups = list[Row](), list[Row]()
    if major >= HA_RULES_SINCE:
        found = ha.rules(reader.rows("/cluster/ha/rules", unknown) or [])
        if rebalances or any(rule.kind == "nodes" for rule in found):
            resources = reader.rows("/cluster/ha/resources", "Whether HA moves its guests by itself is not known") or []
    else:
        groups, resources = reader.rows("/cluster/ha/groups", unknown) or [], reader.rows("/cluster/ha/resources", unknown) or []
        found = ha.groups(groups, resources)
    # /cluster/resources tells the node states too, but not that maintenance mode has been asked for: the manager needs 10 to 30 s for that
    status = reader.table("/cluster/ha/status/manager_status", "The HA manager's state is not known")
    return _Ha(found, ha.manager(status or {}), ha.managed(resources, groups))


def _under_ha(nodes: tuple[Node, ...], guests: tuple[Guest, ...], view: _Ha) -> tuple[tuple[Node, ...], tuple[Guest, ...]]:
    states = dict(view.manager.states)
    there = tuple(replace(node, ha=states.get(node.name, node.ha)) for node in nodes)
    return there, tuple(_guest_under_ha(guest, view.manager, view.managed.get(guest.vmid)) for guest in guests)


def _guest_under_ha(guest: Guest, manager: ha.Manager, managed: ha.Managed | None) -> Guest:
    if not guest.ha:
        return guest
    if managed:
        guest = replace(guest, auto_rebalance=managed.auto_rebalance, failback=managed.failback)
    if not manager.disarmed:
        return guest
    if manager.disarmed == "ignore":
        return replace(guest, ha="")
    return replace(guest, blockers=(*guest.blockers, "HA is disarmed and keeps its guests where they are"))


def _with_capacity(
    nodes: tuple[Node, ...], guests: tuple[Guest, ...], storages: tuple[Storage, ...], definitions: dict[str, Row]
) -> tuple[Node, ...]:
    """The nodes with the size of their local guest storages, and what is on them beside the known disks of guests."""
    known: Counter[str] = Counter()
    for guest in guests:
        known[guest.node] += guest.disk
    found = []
    for node in nodes:
        local = [storage for storage in storages if storage.node == node.name and resources.holds_guests(storage)]
        total, used = disks.capacity(local, definitions)
        found.append(replace(node, disk=total, disk_host=max(used - known[node.name], 0)))
    return tuple(found)


def _with_disks(
    reader: Reader, guests: tuple[Guest, ...], storages: tuple[Storage, ...], offline: frozenset[str]
) -> tuple[Guest, ...]:
    """The guests with the bytes they have on their node's local storages, from each storage's own listing."""
    found: dict[tuple[int, str], int] = {}
    seen: set[tuple[str, str]] = set()
    for storage in storages:
        if not resources.holds_guests(storage) or not storage.active or storage.node in offline:
            continue
        path = f"/nodes/{quote(storage.node)}/storage/{quote(storage.name)}/content"
        listed = reader.rows(path, f"What is on {storage.name} of {storage.node} is not known") or []
        fresh = [row for row in listed if _once(seen, storage.node, row)]
        for vmid, size in disks.guest_bytes(fresh, storage.used).items():
            found[vmid, storage.node] = found.get((vmid, storage.node), 0) + size
    return tuple(replace(guest, disk=found.get((guest.vmid, guest.node), 0)) for guest in guests)


def _once(seen: set[tuple[str, str]], node: str, row: Row) -> bool:
    """False for a volume that another storage of the node, on the same directory, has listed already (same name and size)."""
    key = (node, f"{text(row, 'volid').partition(':')[2]} {text(row, 'size')}")
    if key in seen:
        return False
    seen.add(key)
    return True


def _histories(reader: Reader, nodes: tuple[Node, ...], storages: tuple[Storage, ...], now: float, history: float) -> Histories:
    """The last hour of each usable node; for a present sample only of nodes with ZFS, whose cache no other call tells."""
    with_zfs = {storage.node for storage in storages if storage.plugin == "zfspool"}
    asked = [node.name for node in nodes if not node.problem and (history > 0 or node.name in with_zfs)]
    found: dict[str, list[Row]] = {}
    for name in asked:
        path = f"/nodes/{quote(name)}/rrddata"
        data = reader.rows(path, f"The load history of {name} is not known", {"timeframe": "hour", "cf": "AVERAGE"})
        if data is not None:
            found[name] = [row for row in data if number(row, "time") is not None]
    return Histories(now, history, found)
