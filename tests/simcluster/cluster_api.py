"""/cluster/resources, status, options and replication (pve-manager PVE/API2/Cluster.pm), and /version, /nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simcluster import view
from simcluster.errors import Refused
from simcluster.gate import may
from simcluster.routes import Call, route

if TYPE_CHECKING:
    from simcluster.world import World

OPEN_OPTIONS = ("console", "tag-style", "allowed-tags")


@route("GET", "/version")
def version(world: World, call: Call) -> dict[str, Any]:
    """Give the release of the answering node."""
    number = world.nodes[call.local].version
    return {"version": number, "release": ".".join(number.split(".")[:2]), "repoid": "0123456789abcdef"}


@route("GET", "/nodes/{node}/version")
def node_version(world: World, call: Call) -> dict[str, Any]:
    """Give the release of one node."""
    number = world.nodes[call.node].version
    return {"version": number, "release": ".".join(number.split(".")[:2]), "repoid": "0123456789abcdef"}


@route("GET", "/cluster/resources")
def resources(world: World, call: Call) -> list[dict[str, Any]]:
    """List guests, nodes and storages with what was reported of them, as far as the user may see them."""
    kind, user = call.values.get("type"), call.user
    rows: list[dict[str, Any]] = []
    if kind in (None, "vm"):
        for guest in world.guests.values():
            if may(world, user, f"/vms/{guest.vmid}", "VM.Audit"):
                row = view.guest_row(world, guest)
                if view.pool_visible(world, user, guest.pool):
                    row["pool"] = guest.pool
                rows.append(row)
    if kind in (None, "node"):
        rows += [view.node_row(world, node, may(world, user, f"/nodes/{node.name}", "Sys.Audit")) for node in world.nodes.values()]
    if kind in (None, "storage"):
        for name, storage in world.storages.items():
            if not storage.disabled and may(world, user, f"/storage/{name}", "Datastore.Audit"):
                rows += [view.storage_row(world, name, node) for node in world.nodes.values() if storage.on(node.name)]
    return rows


@route("GET", "/nodes")
def nodes(world: World, call: Call) -> list[dict[str, Any]]:
    """List the nodes; figures only with Sys.Audit on each."""
    rows = []
    for node in world.nodes.values():
        row = view.node_row(world, node, may(world, call.user, f"/nodes/{node.name}", "Sys.Audit"))
        row.pop("hastate", None)
        row.pop("cgroup-mode", None)
        rows.append({**row, "ssl_fingerprint": world.fingerprint})
    return rows


@route("GET", "/cluster/status")
def status(world: World, call: Call) -> list[dict[str, Any]]:
    """Say whether the cluster is quorate and which nodes are its members."""
    rows: list[dict[str, Any]] = []
    if len(world.nodes) > 1:
        quorate = int(world.quorate)
        rows.append({"type": "cluster", "id": "cluster", "name": world.name, "nodes": len(world.nodes), "quorate": quorate, "version": 3})
    for node in world.nodes.values():
        rows.append({
            "type": "node", "id": f"node/{node.name}", "name": node.name, "nodeid": node.id, "ip": node.address, "level": "",
            "local": int(node.name == call.local), "online": int(view.seems_online(world, node)),
        })  # fmt: skip
    return rows


@route("GET", "/cluster/config/nodes")
def config_nodes(world: World, call: Call) -> list[dict[str, Any]]:
    """List the nodes as corosync.conf has them; its figures are text (pve-cluster PVE/API2/ClusterConfig.pm)."""
    return [
        {"node": node.name, "name": node.name, "nodeid": str(node.id), "quorum_votes": "1", "ring0_addr": node.address}
        for node in world.nodes.values()
    ]  # fmt: skip


@route("GET", "/cluster/config/qdevice")
def qdevice(world: World, call: Call) -> dict[str, Any]:
    """Give what the QDevice's daemon says of itself; nothing where it does not run."""
    if not world.qdevice:
        return {}
    return {"Model": "Net", "QNetd host": "10.0.0.99:5403", "Algorithm": "Fifty-Fifty split", "State": world.qdevice}


@route("GET", "/cluster/options")
def options(world: World, call: Call) -> dict[str, Any]:
    """Give datacenter.cfg, parsed; without Sys.Audit on / only what the web interface needs."""
    known = {"allowed-tags": [], **world.options}
    if may(world, call.user, "/", "Sys.Audit"):
        return known
    return {key: value for key, value in known.items() if key in OPEN_OPTIONS}


@route("GET", "/cluster/replication")
def replication(world: World, call: Call) -> list[dict[str, Any]]:
    """List the replication jobs of the guests the user may see."""
    rows = []
    for guest in world.guests.values():
        if may(world, call.user, f"/vms/{guest.vmid}", "VM.Audit"):
            for number, target in enumerate(guest.replicate):
                rows.append({
                    "id": f"{guest.vmid}-{number}", "guest": guest.vmid, "jobnum": number, "type": "local", "target": target,
                    "source": guest.node, "schedule": "*/15",
                })  # fmt: skip
    return rows


@route("GET", "/cluster/ceph/status")
def ceph(world: World, call: Call) -> dict[str, Any]:
    """Give the health of the cluster's own Ceph, which most scenes do not have."""
    if not world.ceph:
        raise Refused(500, "binary not installed: /usr/bin/ceph-mon")
    return {"health": {"status": world.ceph, "checks": {}, "mutes": []}, "fsid": "9b1f7c3e-0000-4000-8000-000000000000", "quorum_names": []}


@route("GET", "/cluster/nextid")
def nextid(world: World, call: Call) -> str:
    """Give the lowest free vmid."""
    return str(next(vmid for vmid in range(100, 10**9) if vmid not in world.guests))


@route("GET", "/pools")
def pools(world: World, call: Call) -> list[dict[str, Any]]:
    """List the pools the user may see."""
    names = sorted({guest.pool for guest in world.guests.values() if guest.pool})
    return [{"poolid": name} for name in names if may(world, call.user, f"/pool/{name}", "Pool.Audit")]
