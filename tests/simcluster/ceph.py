"""Ceph on the nodes themselves: health, flags, which daemons run where, what may be stopped (pve-manager PVE/API2/Ceph.pm)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from simcluster.errors import Refused
from simcluster.routes import Call, route

if TYPE_CHECKING:
    from simcluster.world import World

ALWAYS = ("sortbitwise", "recovery_deletes", "purged_snapdirs", "pglog_hardlimit")
FLAGS = ("nobackfill", "nodeep-scrub", "nodown", "noin", "noout", "norebalance", "norecover", "noscrub", "notieragent", "noup", "pause")


@dataclass
class Ceph:
    """Its state; `checks` are health checks that fire by name, `unsafe` daemons (`osd.3`) that it refuses to have stopped."""

    health: str = "HEALTH_OK"
    checks: dict[str, str] = field(default_factory=dict)
    flags: set[str] = field(default_factory=set)
    osds: dict[str, list[int]] = field(default_factory=dict)  # node -> its OSDs
    mons: tuple[str, ...] = ()
    unsafe: tuple[str, ...] = ()
    bare: tuple[str, ...] = ()  # nodes without Ceph's programs: they know nothing of it (PVE/Ceph/Tools.pm check_ceph_inited)


def _there(world: World, call: Call) -> Ceph:
    if world.ceph is None or call.values.get("node", call.local) in world.ceph.bare:
        raise Refused(500, "binary not installed: /usr/bin/ceph-mon")
    mons = world.ceph.mons
    if mons and sum(world.nodes[name].alive for name in mons) * 2 <= len(mons):
        raise Refused(500, "got timeout")  # librados waits for monitors that have no quorum (PVE::RADOS)
    return world.ceph


@route("GET", "/cluster/ceph/status", "/nodes/{node}/ceph/status")
def status(world: World, call: Call) -> dict[str, Any]:
    """Give health and the maps, which most scenes do not have."""
    ceph = _there(world, call)
    grade = "HEALTH_ERR" if ceph.health == "HEALTH_ERR" else "HEALTH_WARN"
    checks = {name: {"severity": grade, "summary": {"message": words, "count": 1}} for name, words in ceph.checks.items()}
    dead = sum(len(osds) for node, osds in ceph.osds.items() if not world.nodes[node].alive)
    every = sum(len(osds) for osds in ceph.osds.values())
    return {
        "health": {"status": ceph.health, "checks": checks, "mutes": []}, "fsid": "9b1f7c3e-0000-4000-8000-000000000000",
        "quorum_names": [name for name in ceph.mons if world.nodes[name].alive],
        "osdmap": {"num_osds": every, "num_up_osds": every - dead, "num_in_osds": every},
    }  # fmt: skip


@route("GET", "/cluster/ceph/metadata")
def metadata(world: World, call: Call) -> dict[str, Any]:
    """Give which daemons run where; of the versions by node every node tells (PVE/API2/Cluster/Ceph.pm)."""
    installed = [] if world.ceph is None else [name for name in world.nodes if name not in world.ceph.bare]
    if call.values.get("scope") == "versions":
        return {"node": {name: {"version": {"str": "19.2.3", "parts": ["19", "2", "3"]}, "buildcommit": "0"} for name in installed}}
    ceph = _there(world, call)
    return {
        "osd": [{"id": number, "hostname": node} for node, osds in ceph.osds.items() for number in osds],
        "mon": {f"{name}@{name}": {"name": name, "hostname": name} for name in ceph.mons},
        "mgr": {f"{name}@{name}": {"name": name, "hostname": name} for name in ceph.mons}, "mds": {}, "node": {},
    }  # fmt: skip


@route("GET", "/cluster/ceph/flags")
def flags(world: World, call: Call) -> list[dict[str, Any]]:
    """List the flags that can be set, and which are."""
    ceph = _there(world, call)
    return [{"name": name, "value": int(name in ceph.flags), "description": name} for name in FLAGS]


@route("GET", "/cluster/ceph/flags/{flag}")
def flag(world: World, call: Call) -> int:
    """Say whether a flag is set."""
    return int(call.values["flag"] in _there(world, call).flags)


@route("PUT", "/cluster/ceph/flags/{flag}")
def set_flag(world: World, call: Call) -> None:
    """Set or clear a flag (Sys.Modify on /)."""
    ceph, name = _there(world, call), str(call.values["flag"])
    if call.values["value"]:
        ceph.flags.add(name)
    else:
        ceph.flags.discard(name)
    world.tell("ceph", f"Ceph's flag {name} is {'set' if call.values['value'] else 'cleared'}")


@route("GET", "/nodes/{node}/ceph/cmd-safety")
def safety(world: World, call: Call) -> dict[str, Any]:
    """Say whether a daemon can be stopped: not while another node with OSDs or monitors is down, nor what the scene calls unsafe."""
    ceph, daemon = _there(world, call), f"{call.values['service']}.{call.values['id']}"
    holders = ceph.mons if call.values["service"] == "mon" else tuple(ceph.osds)
    dead = [name for name in holders if not world.nodes[name].alive]
    safe = daemon not in ceph.unsafe and not dead
    return {"safe": safe, "status": "" if safe else f"unsafe to stop {daemon} at this time"}
