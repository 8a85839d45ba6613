"""Turns a snapshot that a user saved into the folder of a case: what the planner saw, as a cluster that can be played.

What a snapshot does not hold is left at the simulated cluster's defaults: the speed of links, how fast guests write to their memory, and
that a storage of one name is of one size on all nodes (the largest one counts).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from prs import snapshot_file
from prs.model import Cluster, Guest, Node, Rule

GIB = 2**30
CONF = "[proxmox]\napi_host: simulated\napi_token: prs@pve!daemon=x\n\n[balancing]\n"
README = "From a snapshot of cluster {name}: {nodes} nodes, {guests} guests. Say here what is wrong with the plan, and what is right.\n"
EVERYWHERE = "shared"  # the storage of guests of which no local disk is known


def write_case(snapshot: Path, folder: Path) -> None:
    """Write cluster.json, prs.conf, command and README; files that are there already are left alone. UsageError for a bad snapshot."""
    cluster = snapshot_file.read(snapshot)
    words = README.format(name=cluster.name or "(without a name)", nodes=len(cluster.nodes), guests=len(cluster.guests))
    folder.mkdir(parents=True, exist_ok=True)
    files = {"cluster.json": json.dumps(described(cluster), indent=1) + "\n", "prs.conf": CONF, "command": "plan\n", "README": words}
    for name, text in files.items():
        if not (folder / name).exists():
            (folder / name).write_text(text)


def described(cluster: Cluster) -> dict[str, Any]:
    """Give the cluster in the form that simcluster.scenario reads."""
    flavour = "8" if cluster.version.startswith("8") else "9"
    under_ha = [guest for guest in cluster.guests if guest.ha]
    return {
        "flavour": flavour,
        "name": cluster.name or "lab",
        "nodes": {node.name: _node(node) for node in cluster.nodes},
        "storages": _storages(cluster),
        "guests": {str(guest.vmid): _guest(cluster, guest) for guest in cluster.guests},
        **({"ha": {"resources": {_sid(guest): {"failback": guest.failback} for guest in under_ha}, **_rules(cluster, flavour)}}
           if under_ha else {}),
    }  # fmt: skip


def _node(node: Node) -> dict[str, Any]:
    level = next((name for name in reversed(node.cpu_types or ()) if name.startswith("x86-64")), "")
    return {
        "memory": _gib(node.memory or GIB), "cpu": max(int(node.cpu), 1), "host": _gib(max(node.memory_host, 0)), "host_cpu": node.cpu_host,
        **({"version": node.version} if node.version else {}), **({"cpu_model": node.cpu_model} if node.cpu_model else {}),
        **({"cpu_level": level} if node.cpu_types is not None else {}), **({"bridges": list(node.bridges)} if node.bridges else {}),
    }  # fmt: skip


def _storages(cluster: Cluster) -> dict[str, Any]:
    found: dict[str, Any] = {EVERYWHERE: {"type": "rbd", "shared": True, "total": 100000}}
    for storage in cluster.storages:
        seen = found.get(storage.name, {"total": 0})
        places = sorted({other.node for other in cluster.storages if other.name == storage.name})
        found[storage.name] = {
            "type": storage.plugin or "dir", "shared": storage.shared, "total": max(seen["total"], _gib(storage.total)),
            **({"content": list(storage.content)} if storage.content else {}),
            **({"nodes": places} if len(places) < len(cluster.nodes) else {}),
        }  # fmt: skip
    return found


def _guest(cluster: Cluster, guest: Guest) -> dict[str, Any]:
    status = guest.status if guest.status != "unknown" else "running"
    entry: dict[str, Any] = {
        "name": guest.name, "kind": guest.kind, "node": guest.node, "status": status,
        "memory": _gib(guest.memory), "max": _gib(guest.memory_max or guest.memory),
        "cpu": guest.cpu, "cores": max(int(guest.cpu_max), 1), "disks": _disks(cluster, guest),
        "tags": list(guest.tags), "pool": guest.pool, "lock": guest.lock, "template": guest.template,
        "replicate": [job.target for job in cluster.replications if job.vmid == guest.vmid],
    }  # fmt: skip
    return {key: value for key, value in entry.items() if value not in ("", [], False)}


def _disks(cluster: Cluster, guest: Guest) -> dict[str, str]:
    key = "mp" if guest.kind == "lxc" else "scsi"
    if guest.volumes:
        return {f"{key}{index}": f"{volume.storage}:{_gib(volume.size)}" for index, volume in enumerate(guest.volumes)}
    local = (one.name for one in cluster.storages if one.node == guest.node and not one.shared and {"images", "rootdir"} & set(one.content))
    name = next(local, "") if guest.disk else ""
    return {f"{key}0": f"{name}:{_gib(guest.disk)}" if name else f"{EVERYWHERE}:1"}


def _rules(cluster: Cluster, flavour: str) -> dict[str, Any]:
    """HA rules of PVE 9; groups of PVE 8 are told by their guests' rules only, and become none."""
    if flavour == "8":
        return {}
    known = {guest.vmid: guest for guest in cluster.guests}
    return {"rules": {rule.name: _rule(rule, known) for rule in cluster.rules if any(vmid in known for vmid in rule.guests)}}


def _rule(rule: Rule, known: dict[int, Guest]) -> dict[str, Any]:
    resources = [_sid(known[vmid]) for vmid in rule.guests if vmid in known]
    if rule.kind == "nodes":
        side = "negative" if rule.avoid else "positive"
        return {"resources": resources, "nodes": dict(rule.nodes), "strict": rule.strict, "affinity": side}
    return {"resources": resources, "affinity": "negative" if rule.kind == "apart" else "positive"}


def _sid(guest: Guest) -> str:
    return f"{'vm' if guest.kind == 'qemu' else 'ct'}:{guest.vmid}"


def _gib(size: float) -> float:
    return round(size / GIB, 4)
