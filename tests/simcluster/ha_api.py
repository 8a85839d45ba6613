"""/cluster/ha/... (pve-ha-manager PVE/API2/HA)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from simcluster.errors import Refused
from simcluster.ha_rules import Resource, Rule
from simcluster.migrate_api import quorate
from simcluster.routes import Call, route

if TYPE_CHECKING:
    from simcluster.world import World

DIGEST = "0" * 40


def _nodes(nodes: dict[str, int]) -> str:
    return ",".join(f"{node}:{priority}" if priority else node for node, priority in nodes.items())


@route("GET", "/cluster/ha/resources")
def resources(world: World, call: Call) -> list[dict[str, Any]]:
    """List what is under HA."""
    wanted = [item for item in world.ha.resources.values() if call.values.get("type", item.sid[:2]) == item.sid[:2]]
    return [_resource(world, item) for item in sorted(wanted, key=lambda item: item.sid)]


def _resource(world: World, item: Resource) -> dict[str, Any]:
    row: dict[str, Any] = {"sid": item.sid, "type": item.sid[:2], "state": item.state, "digest": DIGEST}
    if item.comment:
        row["comment"] = item.comment
    if world.flavour == "8":
        return {**row, **({"group": item.group} if item.group else {})}
    unset = {**({} if item.failback else {"failback": 0}), **({} if item.auto_rebalance else {"auto-rebalance": 0})}
    return {**row, **unset}  # what is not set is not told


@route("GET", "/cluster/ha/groups")
def groups(world: World, call: Call) -> list[dict[str, Any]]:
    """List the groups of PVE 8; on 9 they have become rules."""
    if world.flavour != "8":
        raise Refused(500, "cannot index groups: ha groups have been migrated to rules")
    return [
        {"group": group.name, "type": "group", "nodes": _nodes(group.nodes), "digest": DIGEST,
         **({"restricted": 1} if group.restricted else {}), **({"nofailback": 1} if group.nofailback else {})}
        for _, group in sorted(world.ha.rules.groups.items())
    ]  # fmt: skip


@route("GET", "/cluster/ha/rules")
def rules(world: World, call: Call) -> list[dict[str, Any]]:
    """List the rules of PVE 9."""
    wanted = [
        rule for rule in world.ha.rules.rules
        if call.values.get("type", rule.type) == rule.type and call.values.get("resource", rule.resources[0]) in rule.resources
    ]  # fmt: skip
    return [_rule(order, rule) for order, rule in enumerate(wanted, 1)]


def _rule(order: int, rule: Rule) -> dict[str, Any]:
    row: dict[str, Any] = {"rule": rule.name, "type": rule.type, "resources": ",".join(rule.resources), "order": order, "digest": DIGEST}
    if rule.nodes:
        row |= {"nodes": _nodes(rule.nodes), "strict": int(rule.strict)}
    if not rule.nodes or rule.affinity != "positive":
        row["affinity"] = rule.affinity
    return {**row, **({"disable": 1} if rule.disabled else {})}


@route("POST", "/cluster/ha/resources/{sid}/migrate")
def migrate(world: World, call: Call) -> dict[str, Any] | None:
    """Queue a move with the HA manager; PVE 8 answers nothing, 9 what moves along and what is in the way."""
    sid = str(call.values["sid"])
    sid = next((known for known in world.ha.resources if sid in (known, known.partition(":")[2])), sid)
    guest = world.ha.guest(sid) if sid in world.ha.resources else None
    if guest is None:
        raise Refused(500, f"resource '{sid}' is not HA managed")
    quorate(world)
    target = str(call.values["node"])
    if world.ha.state(sid) == "error":
        raise Refused(500, f"service '{sid}' in error state, must be disabled and fixed first")
    blocking = world.ha.blocking(guest).get(target, [])
    if not blocking:
        world.ha.queue(sid, target)
    if world.flavour == "8":
        return None
    together = world.ha.dependent(guest)
    more: dict[str, Any] = {"blocking-resources": blocking} if blocking else {"comigrated-resources": together} if together else {}
    return {"sid": sid, "requested-node": target, **more}


@route("GET", "/cluster/ha/status/manager_status")
def manager_status(world: World, call: Call) -> dict[str, Any]:
    """Give the manager's own status, the one for programs."""
    ha, now = world.ha, int(world.clock.now)
    quorum = {"node": call.local, "quorate": int(world.quorate)}
    if not ha.node_status:
        return {"manager_status": {}, "lrm_status": {}, "quorum": quorum}
    requests = {node: {"maintenance": 1} for node in sorted(ha.in_maintenance)}
    lrm: dict[str, Any] = {}
    for node in world.nodes:
        mode = "maintenance" if node in ha.in_maintenance else "active"
        lrm[node] = {"state": _lrm_state(world, node), "mode": mode, "results": {}, "timestamp": now}
    status = {
        "master_node": ha.master, "timestamp": now, "node_status": dict(sorted(ha.node_status.items())),
        "service_status": ha.status(), **({"node_request": requests} if requests else {}),
    }  # fmt: skip
    return {"manager_status": status, "lrm_status": lrm, "quorum": quorum}


def _lrm_state(world: World, node: str) -> str:
    return "active" if any(service.node == node for service in world.ha.services.values()) else "wait_for_agent_lock"


@route("GET", "/cluster/ha/status/current")
def current(world: World, call: Call) -> list[dict[str, Any]]:
    """Give the status as shown to people."""
    ha, now = world.ha, int(world.clock.now)
    when = time.strftime("%a %b %e %H:%M:%S %Y", time.gmtime(now))
    quorum = "OK" if world.quorate else "No quorum on node"
    rows: list[dict[str, Any]] = [
        {"id": "quorum", "type": "quorum", "node": call.local, "status": quorum, "quorate": int(world.quorate)}
    ]
    if not ha.node_status:
        return rows
    rows.append({"id": "master", "type": "master", "node": ha.master, "status": f"{ha.master} (active, {when})", "timestamp": now})
    if world.flavour != "8":
        rows.append({"id": "fencing", "type": "fencing", "node": ha.master, "status": "armed", "armed-state": "armed"})
    for node in world.nodes.values():
        mode = "maintenance mode" if node.name in ha.in_maintenance else _lrm_state(world, node.name).replace("wait_for_agent_lock", "idle")
        mode = mode if node.alive else "old timestamp - dead?"
        status = f"{node.name} ({mode}, {when})"
        rows.append({"id": f"lrm:{node.name}", "type": "lrm", "node": node.name, "status": status, "timestamp": now})
    for sid, service in sorted(ha.services.items()):
        resource = ha.resources[sid]
        rows.append({
            "id": f"service:{sid}", "type": "service", "sid": sid, "node": service.node, "state": service.state, "crm_state": service.state,
            "request_state": resource.state, "max_restart": 1, "max_relocate": 1, "status": f"{sid} ({service.node}, {service.state})",
            **({} if world.flavour == "8" else {"failback": int(resource.failback)}),
        })  # fmt: skip
    return rows
