#!/usr/bin/env python3
"""Answers a benchmark instance with ProxLB's own balancing rule: rival_proxlb.py FILE BALANCINESS; prints a JSON line of moves.

Runs in a process of its own with the directory that ProxLB was installed into on PYTHONPATH. ProxLB sees the true use of nodes (host
included) and guests; its calculations are called in the order of its main program, and its moves are taken in the order it runs them.
"""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

MIB = 2**20
PRESSURES = ("pressure_some_percent", "pressure_full_percent", "pressure_some_spikes_percent", "pressure_full_spikes_percent")
QUIET = {**dict.fromkeys(PRESSURES, 0.0), "pressure_hot": False}


def node_metric(total: float, used: float) -> dict[str, Any]:
    """One resource of a node as ProxLB keeps it; a node without the resource counts as one unit, free."""
    size = int(total) or 1
    percent = used / size * 100
    return {"total": size, "assigned": 0, "used": used, "free": size - used, "assigned_percent": 0.0, "free_percent": 100 - percent,
            "used_percent": percent, **QUIET}


def nodes(instance: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """ProxLB's nodes, those to drain in maintenance."""
    found = {}
    for node in instance["nodes"]:
        name = node["name"]
        here = [guest for guest in instance["guests"] if guest["node"] == name]
        found[name] = {
            "name": name, "pve_version": "9.0.0", "pressure_hot": False, "maintenance": name == instance["drain"],
            "cpu": node_metric(node["cpu"], node.get("cpu_host", 0) + sum(guest["cpu"] for guest in here)),
            "disk": node_metric(node["disk"] * MIB, sum(guest["disk"] for guest in here) * MIB),
            "memory": node_metric(node["mem"] * MIB, (node["mem_host"] + sum(guest["mem"] for guest in here)) * MIB),
        }
    return found


def groups(instance: dict[str, Any], kind: str, guest: int) -> list[str]:
    """Names of the instance's groups of this kind that the guest is in."""
    return [f"{kind}_{number}" for number, members in enumerate(instance[kind]) if guest in members]


def guests(instance: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """ProxLB's guests, node by node with virtual machines first, as it reads them."""
    place = {node["name"]: number for number, node in enumerate(instance["nodes"])}
    found = {}
    for guest in sorted(instance["guests"], key=lambda one: (place[one["node"]], one["type"] != "vm", one["id"])):
        name = str(guest["id"])
        found[name] = {
            "name": name, "id": guest["id"], "node_current": guest["node"], "node_target": guest["node"], "processed": False,
            "pressure_hot": False, "tags": [], "pools": [], "ha_rules": [], "type": guest["type"], "ignore": bool(guest.get("ignore")),
            "affinity_groups": groups(instance, "affinity", guest["id"]),
            "anti_affinity_groups": groups(instance, "anti_affinity", guest["id"]),
            "node_relationships": list(guest.get("pin") or ()), "node_relationships_strict": True,
            "cpu": {"total": int(guest["vcpu"]), "used": guest["cpu"] / (guest["vcpu"] or 1), **QUIET},  # ProxLB keeps a share of its vCPUs
            "disk": {"total": guest["disk"] * MIB, "used": float(guest["disk"] * MIB), **QUIET},
            "memory": {"total": guest["maxmem"] * MIB, "used": float(guest["mem"] * MIB), **QUIET},
        }
    return found


def answer(instance: dict[str, Any], balanciness: int) -> list[list[Any]]:
    """ProxLB's moves as pairs of guest id and target."""
    data = import_module("proxlb.utils.proxlb_data").ProxLbData
    rule = import_module("proxlb.models.calculations").Calculations
    there = {name: data.Node(**values) for name, values in nodes(instance).items()}
    movers = {name: data.Guest(**values) for name, values in guests(instance).items()}
    meta = data.Meta(proxmox_api={"hosts": ["localhost"], "user": "nobody"}, balancing={"enable": True, "balanciness": balanciness},
                     cluster_non_pve9=False)
    made = import_module("proxlb.models.groups").Groups.get_groups(movers, there)
    state = data(groups=made, guests=movers, ha_rules={}, meta=meta, nodes=there, pools={})
    rule.set_node_assignments(state)
    if rule.get_most_free_node(state) is not None:
        rule.validate_affinity_map(state)
        rule.relocate_guests_on_maintenance_nodes(state)
        rule.get_balanciness(state)
        rule.relocate_guests(state)
    return [[guest.id, guest.node_target] for guest in state.guests.values() if guest.node_target != guest.node_current]


if __name__ == "__main__":
    print(json.dumps({"moves": answer(json.loads(Path(sys.argv[1]).read_text()), int(sys.argv[2]))}))
