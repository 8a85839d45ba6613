#!/usr/bin/env python3
"""Answers a benchmark instance through the product's planner: plan_instance.py FILE [--max-moves K | --spread S]; prints a JSON line."""

import argparse
import json
import pathlib
import sys
import time
from typing import Any

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "backend"))

from prs.model import Cluster, Guest, Node, Policy, Rule
from prs.planner.plan import plan_balance, plan_drain

MIB = 2**20


def cluster(instance: dict[str, Any]) -> Cluster:
    """The instance as the product's snapshot."""
    nodes = tuple(Node(n["name"], memory=n["mem"] * MIB, memory_host=n["mem_host"] * MIB, cpu=float(n["cpu"]),
                       cpu_host=float(n.get("cpu_host", 0)), disk=n["disk"] * MIB) for n in instance["nodes"])
    guests = tuple(Guest(g["id"], "", "qemu" if g["type"] == "vm" else "lxc", g["node"], memory=g["mem"] * MIB,
                         memory_max=g["maxmem"] * MIB, cpu=float(g["cpu"]), cpu_max=float(g["vcpu"]), disk=g["disk"] * MIB)
                   for g in instance["guests"])
    rules = [Rule(f"pin-{g['id']}", "nodes", (g["id"],), tuple((name, 0) for name in g["pin"])) for g in instance["guests"] if g.get("pin")]
    rules += [Rule(f"apart-{number}", "apart", tuple(group)) for number, group in enumerate(instance["anti_affinity"])]
    rules += [Rule(f"together-{number}", "together", tuple(group)) for number, group in enumerate(instance["affinity"])]
    return Cluster(nodes=nodes, guests=guests, rules=tuple(rules))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("instance", type=pathlib.Path)
    parser.add_argument("--max-moves", type=int)
    parser.add_argument("--spread", type=float)
    args = parser.parse_args()
    instance = json.loads(args.instance.read_text())
    snapshot = cluster(instance)
    ignored = tuple(str(g["id"]) for g in instance["guests"] if g.get("ignore"))
    policy = Policy(ignore_guests=ignored, containers=True, spread=args.spread or 0.0, max_moves=args.max_moves, aim=1.0, dirty_rate=0.0)
    start = time.process_time()
    if instance["drain"]:
        plan = plan_drain(snapshot, policy, instance["drain"], 0.0)
    else:
        plan = plan_balance(snapshot, policy, 0.0, "spread" if args.spread is not None else "level")
    seconds = round(time.process_time() - start, 4)
    if plan.blockers:
        print(json.dumps({"infeasible": [row.vmid for row in plan.blockers], "seconds": seconds}))
    else:
        print(json.dumps({"moves": [[move.vmid, move.target] for move in plan.moves], "seconds": seconds}))


if __name__ == "__main__":
    main()
