"""Drains of which it is known beforehand whether they can be done, in the benchmark's format, by size and seed.

A feasible one is made backwards: from a known arrangement without the drained node, guests are taken away one by one, each time into
a state that keeps every limit; the same steps in the other direction empty the node. An infeasible one breaks a sum.
"""

from __future__ import annotations

from random import Random
from typing import Any

from benchmark import generate

Instance = dict[str, Any]
Way = list[tuple[int, str]]
RESOURCES = ("mem", "cpu", "disk")
IMPOSSIBLE = ("memory", "apart", "large", "pin", "together")


def feasible(size: str, seed: int, fill: float = 0.95) -> tuple[Instance, Way]:
    """An instance whose other nodes are filled up to `fill` (0..1 of their memory) once the drain is done, and one way to do it."""
    chance = Random(f"drain-{size}-{seed}")
    made = _frame(size, seed, fill, left=1)
    names = [node["name"] for node in made["nodes"]]
    made["drain"], rest = names[0], names[1:]
    _spread(made, rest)
    _bind(chance, made)
    way: Way = []
    for _ in range(6 * len(made["guests"])):
        if 2 * sum(row["node"] == names[0] for row in made["guests"]) * len(names) > 3 * len(made["guests"]):
            break
        unit, target = _unit(made, chance.choice(made["guests"])), names[0] if chance.random() < 0.6 else chance.choice(rest)
        if unit[0]["node"] not in (names[0], target) and _fits(made, unit, target):
            way += [(row["id"], row["node"]) for row in unit]
            for row in unit:
                row["node"] = target
    return made, way[::-1]


def infeasible(size: str, seed: int, why: str) -> tuple[Instance, set[int]]:
    """An instance that cannot be drained, and the guests of which at least one has to be left; `why` is one of IMPOSSIBLE."""
    if why == "memory":
        made = _frame(size, seed, 0.9, left=0)
        names = [node["name"] for node in made["nodes"]]
        _spread(made, names)
        return {**made, "drain": names[0]}, {row["id"] for row in made["guests"] if row["node"] == names[0]}
    made = feasible(size, seed, 0.6)[0]
    first, *rest = made["nodes"]
    extra = {"id": 90001, "type": "vm", "node": first["name"], "mem": 1, "maxmem": 1, "cpu": 0.0, "vcpu": 1, "disk": 0}
    others: list[dict[str, Any]] = []
    if why == "pin":
        extra["pin"] = [first["name"]]
    elif why == "large":
        extra["mem"] = extra["maxmem"] = max(node["mem"] - node["mem_host"] for node in rest) + 1
        first["mem"] += extra["mem"]
    elif why == "apart":  # as many as there are nodes, and one node fewer to be on
        others = [{**extra, "id": 90001 + number, "node": node["name"]} for number, node in enumerate(rest, 1)]
        made["anti_affinity"].append([extra["id"], *(row["id"] for row in others)])
    elif why == "together":  # the other half may not leave
        others = [{**extra, "id": 90002, "pin": [first["name"]]}]
        made["affinity"].append([extra["id"], 90002])
    made["guests"] += [extra, *others]
    return made, {row["id"] for row in (extra, *others) if row["node"] == first["name"]}


def _frame(size: str, seed: int, fill: float, left: int) -> Instance:
    """Nodes alike and guests that fill all but `left` of them to `fill`, not placed yet."""
    made = generate.instance(size, "over", seed)
    count = len(made["nodes"]) - left
    room = sum(row["mem"] for row in made["guests"]) / count / fill
    for node in made["nodes"]:
        node["mem_host"] = round(room * 0.02)
        node["mem"] = round(room) + node["mem_host"]
    return {**made, "id": f"own-{size}-drain-{seed}"}


def _spread(made: Instance, names: list[str]) -> None:
    """Put every guest on one of these nodes, the large ones first, each where least is."""
    used = dict.fromkeys(names, 0)
    for row in sorted(made["guests"], key=lambda one: -one["mem"]):
        row["node"] = min(names, key=lambda name: used[name])
        used[row["node"]] += row["mem"]


def _bind(chance: Random, made: Instance) -> None:
    """Rules that the arrangement keeps: guests bound to some nodes, groups apart, pairs together."""
    rows, names = made["guests"], [node["name"] for node in made["nodes"]]
    for row in rows:
        if chance.random() < 0.1:
            row["pin"] = sorted({row["node"], names[0], chance.choice(names)})
    for _ in range(max(2, len(rows) // 20)):
        places = {row["node"]: row["id"] for row in chance.sample(rows, min(3, len(names)))}
        if len(places) > 1:
            made["anti_affinity"].append(sorted(places.values()))
    taken = {vmid for group in made["anti_affinity"] for vmid in group}
    for name in names[1:]:
        pair = [row["id"] for row in rows if row["node"] == name and row["id"] not in taken and "pin" not in row][:2]
        if len(pair) == 2:
            made["affinity"].append(pair)


def _unit(made: Instance, row: dict[str, Any]) -> list[dict[str, Any]]:
    """The guest with those it has to be together with."""
    group = next((group for group in made["affinity"] if row["id"] in group), [row["id"]])
    return [one for one in made["guests"] if one["id"] in group]


def _fits(made: Instance, unit: list[dict[str, Any]], target: str) -> bool:
    """True if these guests may be on the target now: room for all resources, no guest there that one of them is kept apart from."""
    node = next(one for one in made["nodes"] if one["name"] == target)
    there = [row for row in made["guests"] if row["node"] == target]
    for name in RESOURCES:
        used = node.get(f"{name}_host", 0) + sum(row[name] for row in (*there, *unit))
        if node[name] and used > node[name]:
            return False
    ids, near = {row["id"] for row in unit}, {row["id"] for row in there}
    apart = any(ids & set(group) and near & set(group) for group in made["anti_affinity"])
    return not apart and all(target in row.get("pin", [target]) for row in unit)
