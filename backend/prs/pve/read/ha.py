"""High availability as the planner needs it: rules of PVE 9 and groups of PVE 8, node states, auto-rebalance (pve-ha-manager API2/HA)."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

from prs.errors import ApiError
from prs.model import Cluster, Rule
from prs.pve.api import Api
from prs.pve.read.values import Row, digits, flag, properties, table, text, words

UNKNOWN = "unknown"  # the manager's own word for a node of which it does not know; taken for a state that is no word, too

@dataclass(frozen=True, slots=True)
class Manager:
    """The HA manager's view: `states` by node (a requested maintenance counts as begun), its master, and whether HA is disarmed."""

    master: str = ""
    states: tuple[tuple[str, str], ...] = ()
    disarmed: str = ""  # "", "ignore" (guests move as if not under HA) or "freeze" (nothing moves)


def manager(data: Row) -> Manager:
    """Read /cluster/ha/status/manager_status."""
    status = table(data.get("manager_status"))
    told = table(status.get("node_status"))
    states = {node: text(told, node) or UNKNOWN for node in told}
    for node, request in table(status.get("node_request")).items():
        if flag(table(request), "maintenance") and states.get(node) == "online":
            states[node] = "maintenance"
    disarm = table(status.get("disarm"))
    return Manager(text(status, "master_node"), tuple(sorted(states.items())), text(disarm, "mode"))


def ha_master(api: Api) -> str:
    """The node on which the HA manager works, "" while HA is idle or its status may not be read."""
    try:
        return manager(table(api.get("/cluster/ha/status/manager_status"))).master
    except ApiError:
        return ""


def node_state(api: Api, node: str) -> tuple[str, bool]:
    """The HA manager's state of a node ("" while HA is idle), a requested maintenance included, and whether that has begun. ApiError."""
    data = table(api.get("/cluster/ha/status/manager_status"))
    begun = table(table(data.get("manager_status")).get("node_status")).get(node) == "maintenance"
    return dict(manager(data).states).get(node, ""), begun


def auto_rebalance(options: Row) -> bool:
    """True if PVE itself moves HA guests: /cluster/options crs, which does so with static or dynamic scheduling only."""
    crs = properties(options.get("crs"))
    return flag(crs, "ha-auto-rebalance") and crs.get("ha") in ("static", "dynamic")


def rules(data: Iterable[Row]) -> tuple[Rule, ...]:
    """Read /cluster/ha/rules (PVE 9); rules that are disabled, or that PVE itself ignores for their errors, are left out."""
    found = [rule for row in data if not flag(row, "disable") and not row.get("errors") and (rule := _rule(row))]
    return tuple(sorted(found, key=lambda rule: rule.name))


def _rule(row: Row) -> Rule | None:
    name, guests = text(row, "rule"), vmids(text(row, "resources"))
    negative = text(row, "affinity") == "negative"
    if not guests:
        return None
    if row.get("type") == "resource-affinity":
        return Rule(name, "apart" if negative else "together", guests)
    if row.get("type") == "node-affinity":
        return Rule(name, "nodes", guests, _nodes(text(row, "nodes")), strict=flag(row, "strict"), avoid=negative)
    return None


def binding(found: Iterable[Rule], unmanaged: Collection[int]) -> tuple[Rule, ...]:
    """The rules with the guests that HA manages: of others, such as resources in state ignored, HA looks at none (HA/Config.pm)."""
    left = [replace(rule, guests=tuple(vmid for vmid in rule.guests if vmid not in unmanaged)) for rule in found]
    return tuple(rule for rule in left if len(rule.guests) > (0 if rule.kind == "nodes" else 1))


def kept_apart(cluster: Cluster, bundle: AbstractSet[int]) -> set[int]:
    """The guests that can be seen from which rules keep those of the bundle apart."""
    bound = {vmid for rule in cluster.rules if rule.kind == "apart" and not bundle.isdisjoint(rule.guests) for vmid in rule.guests}
    return bound & {guest.vmid for guest in cluster.guests} - bundle


def groups(data: Iterable[Row], resources: Iterable[Row]) -> tuple[Rule, ...]:
    """Read /cluster/ha/groups and /cluster/ha/resources (PVE 8): a group is a rule about nodes for the guests in it."""
    members: dict[str, list[int]] = {}
    for row in resources:
        if text(row, "group") and text(row, "state") != "ignored":
            members.setdefault(text(row, "group"), []).extend(vmids(text(row, "sid")))
    found = [
        Rule(text(row, "group"), "nodes", tuple(sorted(members[text(row, "group")])), _nodes(text(row, "nodes")),
             strict=flag(row, "restricted"), source="HA group")
        for row in data if text(row, "group") in members
    ]  # fmt: skip
    return tuple(sorted(found, key=lambda rule: rule.name))


@dataclass(frozen=True, slots=True)
class Managed:
    """What a guest's HA resource says of its moves: may PVE's own auto-rebalance move it, does it go back to the nodes it prefers."""

    auto_rebalance: bool = True
    failback: bool = True


def managed(resources: Iterable[Row], groups: Iterable[Row] = ()) -> dict[int, Managed]:
    """Read /cluster/ha/resources by vmid; on PVE 8 failback is up to the group in /cluster/ha/groups. Absent flags are on."""
    staying = {text(row, "group") for row in groups if flag(row, "nofailback")}
    found = {}
    for row in resources:
        back = flag(row, "failback", default=True) and text(row, "group") not in staying
        found.update(dict.fromkeys(vmids(text(row, "sid")), Managed(flag(row, "auto-rebalance", default=True), back)))
    return found


def vmids(resources: str) -> tuple[int, ...]:
    """The vmids of "vm:100,ct:101", ascending."""
    found = (digits(part.rpartition(":")[2]) for part in words(resources))
    return tuple(sorted({vmid for vmid in found if vmid is not None}))


def _nodes(value: str) -> tuple[tuple[str, int], ...]:
    """("n1", 2), ("n2", 0) of "n1:2,n2"; the higher number is preferred."""
    pairs = (part.partition(":") for part in words(value))
    return tuple((name, digits(priority) or 0) for name, _, priority in pairs)
