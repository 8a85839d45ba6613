"""Carries a plan out step by step on a benchmark instance, by arithmetic of its own: nothing here knows the planner."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations
from typing import Any

RESOURCES = ("mem", "cpu", "disk")


def walk(instance: dict[str, Any], moves: Iterable[tuple[int, str]]) -> tuple[list[str], dict[int, str]]:
    """What was broken, in words, and where every guest is at the end. A target has to hold a guest before its source has let it go."""
    guests, nodes = {row["id"]: row for row in instance["guests"]}, {node["name"]: node for node in instance["nodes"]}
    where, broken = {vmid: row["node"] for vmid, row in guests.items()}, list[str]()
    apart, together = _meetings(instance, where), _parted(instance, where)
    for vmid, target in moves:
        row, source = guests[vmid], where[vmid]
        if target not in nodes or target in (instance["drain"], source):
            broken.append(f"{vmid} to {target}: no target")
        if row.get("ignore") or target not in row.get("pin", [target]):
            broken.append(f"{vmid} to {target}: bound elsewhere")
        for name in RESOURCES:
            limit, host = nodes[target][name], nodes[target].get(f"{name}_host", 0)
            used = host + sum(guests[other][name] for other, node in where.items() if node == target) + row[name]
            if limit and used > limit + 1e-6:
                broken.append(f"{vmid} to {target}: {used} of {limit} {name}")
        where[vmid] = target
        if new := _meetings(instance, where) - apart:
            broken.append(f"{vmid} to {target}: {sorted(new)} meet")
    broken += [f"{pair} are parted" for pair in sorted(_parted(instance, where) - together)]
    return broken, where


def _meetings(instance: dict[str, Any], where: dict[int, str]) -> set[tuple[int, int]]:
    """The pairs that are to be kept apart and share a node."""
    return {pair for group in instance["anti_affinity"] for pair in combinations(sorted(group), 2) if where[pair[0]] == where[pair[1]]}


def _parted(instance: dict[str, Any], where: dict[int, str]) -> set[tuple[int, int]]:
    """The pairs that are to share a node and do not."""
    return {pair for group in instance["affinity"] for pair in combinations(sorted(group), 2) if where[pair[0]] != where[pair[1]]}
