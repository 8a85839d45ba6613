"""A closer look at the guests that a plan considers moving: PVE's own preconditions and their mean load, two calls for each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from prs.errors import ApiError, Unreachable
from prs.model import Cluster, Guest, Node
from prs.pve import averages
from prs.pve.api import Api, quote
from prs.pve.averages import GuestMean
from prs.pve.preconditions import Verdict, lxc_verdict, qemu_verdict
from prs.pve.values import number, rows, table, text

WINDOW = 1800.0  # seconds a guest's load is averaged over


def inspect_guests(api: Api, cluster: Cluster, vmids: Iterable[int]) -> Cluster:
    """The cluster with those guests inspected: what keeps them, where PVE lets them go, what travels, and their mean load.

    A refusal of PVE (403, locked, no quorum) becomes a blocker in its words, and so does a node that does not answer, which is then not
    asked again. LoginFailed passes through.
    """
    nodes = {node.name: node for node in cluster.nodes}
    guests = {guest.vmid: guest for guest in cluster.guests}
    silent = {node.name: "its node is offline" for node in cluster.nodes if not node.online}
    for vmid in sorted(set(vmids) & set(guests)):
        guest = guests[vmid]
        if guest.template:
            continue
        try:
            verdict, mean = _look(api, cluster, guest, silent)
        except Unreachable as error:
            silent[guest.node] = f"PVE cannot be asked about it: {error}"
            verdict, mean = Verdict((silent[guest.node],)), None
        seen = _inspected(guest, verdict, mean)
        if guest.node in nodes:
            nodes[guest.node] = _without(nodes[guest.node], guest, seen)
        guests[vmid] = seen
    return replace(
        cluster,
        nodes=tuple(nodes[node.name] for node in cluster.nodes),
        guests=tuple(guests[guest.vmid] for guest in cluster.guests),
    )


def _look(api: Api, cluster: Cluster, guest: Guest, silent: dict[str, str]) -> tuple[Verdict, GuestMean | None]:
    if guest.node in silent:
        return Verdict((silent[guest.node],)), None
    here = f"/nodes/{quote(guest.node)}/{guest.kind}/{guest.vmid}"
    try:
        verdict = _qemu(api, cluster, guest, here) if guest.kind == "qemu" else _lxc(api, cluster, guest, here)
    except ApiError as error:
        return Verdict((f"PVE: {error}",)), None
    return verdict, _mean(api, cluster, here) if guest.running else None


def _qemu(api: Api, cluster: Cluster, guest: Guest, here: str) -> Verdict:
    replicated = any(job.vmid == guest.vmid for job in cluster.replications)
    return qemu_verdict(table(api.get(f"{here}/migrate")), _plugins(cluster), replicated)


def _lxc(api: Api, cluster: Cluster, guest: Guest, here: str) -> Verdict:
    """Containers have no useful preconditions call (none on PVE 8, HA only on 9), so their configuration is judged here."""
    config = table(api.get(f"{here}/config"))
    shared = frozenset(storage.name for storage in cluster.storages if storage.shared)
    verdict = lxc_verdict(config, _plugins(cluster), shared)
    used = {text(config, key).partition(":")[0] for key in config if key == "rootfs" or (key.startswith("mp") and ":" in text(config, key))}
    return replace(verdict, refused=_storage_refusals(cluster, guest.node, used))


def _storage_refusals(cluster: Cluster, source: str, used: set[str]) -> tuple[tuple[str, str], ...]:
    """Nodes that lack a storage the guest uses; a storage that is not even seen on the guest's own node is not judged."""
    where = {name: {storage.node for storage in cluster.storages if storage.name == name} for name in used}
    found = []
    for node in cluster.nodes:
        missing = sorted(name for name, places in where.items() if source in places and node.name not in places)
        if missing:
            found.append((node.name, "; ".join(f"storage {name} is not available there" for name in missing)))
    return tuple(found)


def _plugins(cluster: Cluster) -> dict[str, str]:
    return {storage.name: storage.plugin for storage in cluster.storages}


def _mean(api: Api, cluster: Cluster, here: str) -> GuestMean | None:
    """The mean load over the window; None, so that the sample stays, if the history is too short or may not be read."""
    try:
        data = rows(api.get(f"{here}/rrddata", {"timeframe": "hour", "cf": "AVERAGE"}))
    except ApiError:
        return None
    clock = max((number(row, "time") or 0.0 for row in data), default=cluster.taken)
    return averages.guest_mean(data, clock - WINDOW)


def _inspected(guest: Guest, verdict: Verdict, mean: GuestMean | None) -> Guest:
    return replace(
        guest,
        memory=mean.memory if mean else guest.memory,
        cpu=mean.cpu if mean else guest.cpu,
        disk=guest.disk or sum(volume.size for volume in verdict.volumes),
        inspected=True,
        volumes=verdict.volumes,
        targets=verdict.targets,
        refused=verdict.refused,
        blockers=(*guest.blockers, *verdict.blockers),
        companions=tuple(vmid for vmid in verdict.companions if vmid != guest.vmid),
    )


def _without(node: Node, before: Guest, after: Guest) -> Node:
    """The node's whole use stays what was measured: what the guest is now known to use more or less, the host uses less or more."""
    return replace(
        node,
        memory_host=max(node.memory_host + before.memory - after.memory, 0),
        cpu_host=max(node.cpu_host + before.cpu - after.cpu, 0.0),
        disk_host=max(node.disk_host + before.disk - after.disk, 0),
    )
