"""/cluster/resources, status, options and replication (pve-manager PVE/API2/Cluster.pm), and /version, /nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simcluster import view
from simcluster.errors import bad_parameter
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
    """List pools, guests, nodes, storages and networks with what was reported of them, as far as the user may see them."""
    kind, user = call.values.get("type"), call.user
    rows: list[dict[str, Any]] = []
    if kind is None:
        seen = (name for name in view.pools(world) if view.pool_visible(world, user, name))
        rows += [{"id": f"/pool/{name}", "pool": name, "type": "pool"} for name in seen]
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
    if kind in (None, "sdn") and may(world, user, "/sdn/zones/localnetwork", "SDN.Audit"):
        rows += [view.network_row(world, node) for node in world.nodes.values()]
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
        {"node": node.name, "name": node.name, "nodeid": str(node.id), "quorum_votes": str(node.votes), "ring0_addr": node.address}
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
    known = {"allowed-tags": [], "mac_prefix": "BC:24:11", "description": "", **world.options}
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


@route("GET", "/cluster/nextid")
def nextid(world: World, call: Call) -> str:
    """Give the lowest free vmid, or the one asked for unless any guest has it, whether or not the caller may see that one."""
    wanted = call.values.get("vmid")
    if wanted is not None:
        if int(wanted) in world.guests:
            raise bad_parameter(vmid=f"VM {wanted} already exists")
        return str(wanted)
    return str(next(vmid for vmid in range(100, 10**9) if vmid not in world.guests))


@route("GET", "/pools")
def pools(world: World, call: Call) -> list[dict[str, Any]]:
    """List the pools the user may see; a nested pool, `parent/child`, has its parents."""
    names = view.pools(world)
    return [{"poolid": name} for name in names if may(world, call.user, f"/pool/{name}", "Pool.Audit")]
