"""Makes instances of the benchmark's families from a seed, in its own format, so that the planner can be tried on ones it never met."""

from __future__ import annotations

from itertools import pairwise
from random import Random
from typing import Any

SIZES = {"s1": (3, 15), "s2": (5, 60), "s3": (8, 200), "s4": (16, 600), "s5": (32, 2000), "s6": (64, 8000)}  # nodes and guests
CASES = ("over", "fresh", "balanced", "tight", "hetero", "constr")
MEMORY = ((0.42, 1792, 1), (0.27, 3584, 2), (0.20, 7168, 4), (0.05, 14336, 8), (0.06, 57344, 16))  # share of guests, MiB, virtual CPUs
HOME = ((0.3, 1024, 1), (0.3, 2048, 2), (0.25, 4096, 2), (0.15, 8192, 4))  # the same for the smallest size, a home lab


def guest(chance: Random, number: int, size: str) -> dict[str, Any]:
    """One guest, not placed yet; in a home lab half of them have local disks."""
    table = HOME if size == "s1" else MEMORY
    _, memory, vcpu = chance.choices(table, [row[0] for row in table])[0]
    disk = chance.randint(8, 64) * 1024 if size == "s1" and chance.random() < 0.5 else 0
    return {"id": number, "type": "vm", "node": "", "mem": round(memory * chance.betavariate(5, 2)), "maxmem": memory,
            "cpu": round(vcpu * chance.betavariate(1.1, 4.5), 3), "vcpu": vcpu, "disk": disk}


def instance(size: str, case: str, seed: int) -> dict[str, Any]:
    """One instance without a drain; the same arguments give the same one."""
    chance = Random(f"{size}-{case}-{seed}")
    count, guests = SIZES[size]
    rows = [guest(chance, 100 + number, size) for number in range(guests)]
    shares = [(1, 2, 4)[number % 3] if case == "hetero" else 1 for number in range(count)]
    total = sum(row["mem"] for row in rows) / (0.85 if case == "tight" else 0.6)
    nodes = []
    for number, share in enumerate(shares, 1):
        memory = max(round(total * share / sum(shares) * 1.03), 1)
        cores = max(4.0, sum(row["cpu"] for row in rows) * share / sum(shares) * 2.5)
        nodes.append({"name": f"n{number:02}", "mem": memory, "mem_host": round(memory * 0.02), "cpu": round(cores), "cpu_host": 0.0,
                      "disk": 2**22 if size == "s1" else 0})
    _place(chance, case, nodes, rows)
    made = {"id": f"own-{size}-{case}-{seed}", "nodes": nodes, "guests": rows, "anti_affinity": [], "affinity": [], "drain": None}
    if case == "constr":
        _bind(chance, made)
    return made


def _place(chance: Random, case: str, nodes: list[dict[str, Any]], rows: list[dict[str, Any]]) -> None:
    """Put every guest on a node where it fits, by a target load for each node."""
    goal = {node["name"]: chance.uniform(0.5, 0.62) for node in nodes}
    if case in ("over", "hetero", "constr"):
        goal[nodes[0]["name"]] = 0.95
    elif case == "fresh":
        goal[nodes[-1]["name"]] = 0.0
    elif case == "tight":
        goal = {name: chance.uniform(0.75, 0.95) for name in goal}
    used = {node["name"]: node["mem_host"] for node in nodes}
    full = {node["name"]: node["mem"] for node in nodes}
    for row in sorted(rows, key=lambda one: -one["mem"]):
        open_to = [name for name in full if goal[name] > 0 and used[name] + row["mem"] <= full[name] * 0.99] or list(full)
        row["node"] = min(open_to, key=lambda name: used[name] / full[name] - goal[name])
        used[row["node"]] += row["mem"]


def _bind(chance: Random, made: dict[str, Any]) -> None:
    """Ignored and pinned guests, groups that must not share a node, one of them broken, and pairs that must."""
    rows, names = made["guests"], [node["name"] for node in made["nodes"]]
    for row in rows:
        if chance.random() < 0.05:
            row["ignore"] = True
        elif chance.random() < 0.1:
            row["pin"] = sorted({row["node"], *chance.sample(names, 2)})
    free = [row for row in rows if not row.get("ignore") and not row.get("pin")]
    first = next((two for two in pairwise(free) if two[0]["node"] == two[1]["node"]), None)
    if first is not None:
        made["anti_affinity"].append([one["id"] for one in first])
    for _ in range(len(rows) // 20):
        places = {row["node"]: row["id"] for row in chance.sample(rows, min(3, len(names)))}
        if len(places) > 1:
            made["anti_affinity"].append(sorted(places.values()))
    taken = {vmid for group in made["anti_affinity"] for vmid in group}
    for name in names:
        pair = [row["id"] for row in free if row["node"] == name and row["id"] not in taken][:2]
        if len(pair) == 2:
            made["affinity"].append(pair)
