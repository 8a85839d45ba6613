"""A closer look at the guests that a plan considers moving: PVE's own preconditions, their configuration and their mean load.

One call for each guest, its configuration; PVE's preconditions too for a VM of which they might say more, and one more where the method
asks for means; two for each node that takes part.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from prs.errors import ApiError, Unreachable
from prs.model import PASSING_LOCKS, Cluster, Guest, Move, Node
from prs.pve.api import Api, quote
from prs.pve.read import rrd
from prs.pve.read.disks import images, mounts
from prs.pve.read.guest_facts import with_config
from prs.pve.read.ha import kept_apart
from prs.pve.read.node_facts import NodeFacts
from prs.pve.read.on_storages import on_storages, with_sizes
from prs.pve.read.preconditions import (
    Preconditions,
    as_configured,
    companions,
    lock_of,
    lxc_preconditions,
    nothing_local,
    qemu_preconditions,
)  # fmt: skip
from prs.pve.read.rrd import GuestMean
from prs.pve.read.tolerant import told
from prs.pve.read.values import Row, number, rows, text

WINDOW = 1800.0  # seconds a guest's load is averaged over
HIDDEN = "Whether other nodes have bridge "
SNAPSHOTS = 50  # of a container that are looked into at the most


@dataclass(frozen=True, slots=True)
class _Look:
    """What was learned of a guest; no configuration or mean where PVE did not tell them."""

    verdict: Preconditions
    config: Row = field(default_factory=dict)
    mean: GuestMean | None = None


def inspect_guests(
    api: Api, cluster: Cluster, vmids: Iterable[int], facts: NodeFacts | None = None, ends: Iterable[str] | None = None, means: bool = True,
    asks: bool = True,
) -> Cluster:
    """The cluster with those guests inspected: what keeps them, where PVE lets them go, what travels, and with `means` their mean load.

    A refusal of PVE (403, no quorum) becomes a blocker in its words, and so does a node that does not answer, which is then not
    asked again; a lock that ends by itself only becomes the guest's lock. LoginFailed passes through. The nodes `ends` (None: all) tell
    what they are, once for all calls with the same `facts`. With `asks` False the caller may
    migrate nothing, which PVE's preconditions need: configurations are judged instead.
    """
    guests, facts = {guest.vmid: guest for guest in cluster.guests}, facts or NodeFacts(api)
    chosen = [vmid for vmid in sorted(set(vmids) & set(guests)) if not guests[vmid].template]
    names = facts.known_with([node.name for node in cluster.nodes] if ends is None else ends)
    cluster = facts.hardware(cluster, names) if chosen or ends is not None else cluster
    nodes = {node.name: node for node in cluster.nodes}
    silent = {name: f"PVE cannot be asked about it: {why}" for name, why in facts.silent.items()}
    silent |= {node.name: "its node is offline" for node in cluster.nodes if not node.online}
    for vmid in chosen:
        guest = guests[vmid]
        try:
            look = _look(api, cluster, guest, silent, facts, means, asks)
        except Unreachable as error:
            facts.silent[guest.node], silent[guest.node] = str(error), f"PVE cannot be asked about it: {error}"
            look = _Look(Preconditions((silent[guest.node],)))
        seen = _inspected(guest, look, nodes.get(guest.node))
        if guest.node in nodes:
            nodes[guest.node] = _without(nodes[guest.node], guest, seen)
        guests[vmid] = seen
    cluster = replace(
        cluster,
        nodes=tuple(nodes[node.name] for node in cluster.nodes),
        guests=tuple(guests[guest.vmid] for guest in cluster.guests),
    )
    return _with_surroundings(facts, cluster, names, [guest for guest in guests.values() if guest.inspected])


def inspect_move(api: Api, cluster: Cluster, move: Move) -> Cluster:
    """The cluster with what the guest of a move is configured to need, and what its two nodes are, as they stand now.

    What cannot be read stays unknown, as in a plan: it is not judged, and PVE's own call has been asked before.
    """
    facts, ends = NodeFacts(api), (move.source, move.target)
    cluster = facts.hardware(cluster, ends, qemu=move.running and move.kind == "qemu")
    short = any(node.squeezes for node in cluster.nodes if node.name == move.source)
    try:
        config = _config(api, f"/nodes/{quote(move.source)}/{move.kind}/{move.vmid}") if move.source not in facts.silent else {}
    except Unreachable:
        config = {}
    guests = tuple(with_config(guest, config, short) if guest.vmid == move.vmid and config else guest for guest in cluster.guests)
    cluster = replace(cluster, guests=guests)
    return _with_surroundings(facts, cluster, ends, [guest for guest in guests if guest.vmid == move.vmid])


def _with_surroundings(facts: NodeFacts, cluster: Cluster, names: Iterable[str], guests: list[Guest]) -> Cluster:
    """The cluster with what the nodes have of what these guests need: bridges, hook scripts, and the carrying of connections."""
    names = list(names)
    if any(guest.bridges for guest in guests):
        cluster = _with_bridges(facts, cluster, names)
    if any(guest.firewalled and guest.running and guest.kind == "qemu" for guest in guests):
        cluster = facts.connections(cluster, names)
    shared = {storage.name for storage in cluster.storages if storage.shared}
    for name in sorted({guest.hookscript.partition(":")[0] for guest in guests if guest.hookscript} - shared):
        there = {storage.node for storage in cluster.storages if storage.name == name}
        cluster = facts.scripts(cluster, name, there & set(names))
    return cluster


def _with_bridges(facts: NodeFacts, cluster: Cluster, names: list[str]) -> Cluster:
    """The cluster with the bridges of its nodes; one sentence names those that the caller may not see."""
    cluster = facts.network(cluster, names)
    shown = {node.name: node.bridges for node in cluster.nodes}
    hidden = {
        bridge for guest in cluster.guests for bridge in guest.bridges
        if (here := shown.get(guest.node)) is not None and bridge not in here
    }  # fmt: skip
    problems = tuple(words for words in cluster.problems if not words.startswith(HIDDEN))
    if hidden:
        which = ", ".join(sorted(hidden))
        problems += (f"{HIDDEN}{which} is not judged: PVE does not show it even where it is in use (seeing it needs SDN.Audit on /sdn)",)
    return replace(cluster, problems=problems)


def _look(
    api: Api, cluster: Cluster, guest: Guest, silent: dict[str, str], facts: NodeFacts, means: bool, asks: bool
) -> _Look:
    if guest.node in silent:
        return _Look(Preconditions((silent[guest.node],)))
    here = f"/nodes/{quote(guest.node)}/{guest.kind}/{guest.vmid}"
    config: Row = {}
    try:
        if guest.kind == "lxc":
            config = told(api, f"{here}/config")
            verdict = _lxc(cluster, guest, config, _former(api, here, config))
        elif asks:
            config = _config(api, here)
            verdict = Preconditions(lock="") if _tells_all(cluster, guest, config) else _qemu(api, cluster, guest, here)
        else:
            config = told(api, f"{here}/config", {"current": 1})
            verdict = _judged(cluster, guest, as_configured(config, _shared(cluster), guest.running))
    except ApiError as error:
        lock = lock_of(error)
        if lock not in PASSING_LOCKS:
            return _Look(Preconditions((f"PVE: {error}",)))
        verdict = replace(_while_locked(cluster, guest, config, lock), lock=lock)
    verdict = on_storages(cluster, guest, config, with_sizes(facts, cluster, guest, verdict))
    return _Look(verdict, config, _mean(api, cluster, here) if means and guest.running else None)


def _tells_all(cluster: Cluster, guest: Guest, config: Row) -> bool:
    """True when PVE's preconditions cannot say more of a VM than its configuration; they are asked in any case right before it moves."""
    shared = {storage.name for storage in cluster.storages if storage.shared and storage.node == guest.node}
    return cluster.quorate and not guest.ha and nothing_local(config, shared)


def _former(api: Api, here: str, config: Row) -> dict[str, str]:
    """The lines of volumes that only a container's snapshots have, which travel too (pve-container LXC/Migrate.pm phase1)."""
    present = {line.partition(",")[0] for line in mounts(config).values()}
    found: dict[str, str] = {}
    seen: list[str] = []
    parent = text(config, "parent")
    while parent and parent not in seen and len(seen) < SNAPSHOTS:
        seen.append(parent)
        snapshot = told(api, f"{here}/snapshot/{quote(parent)}/config")
        for key, line in mounts(snapshot).items():
            if line.partition(",")[0] not in present:
                found[f"{key} of snapshot {parent}"] = line
                present.add(line.partition(",")[0])
        parent = text(snapshot, "parent")
    return found


def _config(api: Api, here: str) -> Row:
    """A guest's configuration as it runs with it; empty, so that nothing is judged by it, if it may not be read."""
    try:
        return told(api, f"{here}/config", {"current": 1})
    except ApiError:
        return {}


def _qemu(api: Api, cluster: Cluster, guest: Guest, here: str) -> Preconditions:
    # PVE answers only while the guest has no lock (qemu-server API2/Qemu.pm).
    return replace(_judged(cluster, guest, told(api, f"{here}/migrate")), lock="")


def _while_locked(cluster: Cluster, guest: Guest, config: Row, lock: str) -> Preconditions:
    """What its configuration says of a VM of which PVE says nothing; not by snapshots of which one is being made or deleted."""
    lines = {key: value for key, value in config.items() if key != "parent" or lock == "backup"}
    return _judged(cluster, guest, as_configured(lines, _shared(cluster), guest.running)) if lines else Preconditions()


def _judged(cluster: Cluster, guest: Guest, data: Row) -> Preconditions:
    replicated = any(job.vmid == guest.vmid for job in cluster.replications)
    chained = frozenset(storage.name for storage in cluster.storages if storage.chains)
    apart = kept_apart(cluster, {guest.vmid, *companions(data)})
    return qemu_preconditions(data, _plugins(cluster), replicated, chained, guest.vmid, apart)


def _lxc(cluster: Cluster, guest: Guest, config: Row, former: dict[str, str]) -> Preconditions:
    """Containers have no useful preconditions call (none on PVE 8, HA only on 9), so their configuration is judged here."""
    return lxc_preconditions(config, _plugins(cluster), _shared(cluster), guest.vmid, former)


def _shared(cluster: Cluster) -> frozenset[str]:
    return frozenset(storage.name for storage in cluster.storages if storage.shared)


def _plugins(cluster: Cluster) -> dict[str, str]:
    return {storage.name: storage.plugin for storage in cluster.storages}


def _mean(api: Api, cluster: Cluster, here: str) -> GuestMean | None:
    """The mean load over the window; None, so that the sample stays, if the history is too short or may not be read."""
    try:
        data = rows(api.get(f"{here}/rrddata", {"timeframe": "hour", "cf": "AVERAGE"}))
    except ApiError:
        return None
    clock = max((number(row, "time") or 0.0 for row in data), default=cluster.taken)
    return rrd.guest_mean(data, clock - WINDOW)


def _inspected(guest: Guest, look: _Look, node: Node | None) -> Guest:
    verdict, mean = look.verdict, look.mean
    seen = replace(
        guest,
        memory=mean.memory if mean else guest.memory,
        cpu=mean.cpu if mean else guest.cpu,
        disk=guest.disk or sum(volume.size for volume in verdict.volumes),
        lock=guest.lock if verdict.lock is None else verdict.lock,
        inspected=True,
        volumes=verdict.volumes,
        targets=verdict.targets,
        refused=(*guest.refused, *verdict.refused),
        unavailable=verdict.unavailable,
        blockers=(*guest.blockers, *verdict.blockers),
        companions=tuple(vmid for vmid in verdict.companions if vmid != guest.vmid),
    )
    if not look.config:
        return seen
    return with_config(replace(seen, images=images(look.config, guest.kind)), look.config, node is not None and node.squeezes)


def _without(node: Node, before: Guest, after: Guest) -> Node:
    """The node's whole use stays what was measured: what the guest is now known to use more or less, the host uses less or more."""
    return replace(
        node,
        memory_host=node.memory_host + before.memory - after.memory,
        cpu_host=max(node.cpu_host + before.cpu - after.cpu, 0.0),
        disk_host=max(node.disk_host + before.disk - after.disk, 0),
    )
