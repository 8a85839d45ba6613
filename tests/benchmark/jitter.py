"""100 simulated days of hourly runs on loads that jitter by 10 % around balance: how many guests each rule moves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random

from prs.model import Cluster, Guest, Node, Policy
from prs.planner.plan import plan_balance

GIB = 2**30
SIZES = (1.75, 3.5, 7.0, 14.0)
Rule = Callable[[Cluster], dict[int, str]]


def scene(nodes: int = 8, guests: int = 200) -> Cluster:
    """Equal nodes about 65 % full, guests dealt out so that the spread is small."""
    chance, load = Random(7), [0.0] * nodes
    rows = []
    for vmid in range(100, 100 + guests):
        size = chance.choice(SIZES) * chance.uniform(0.4, 0.9)
        place = load.index(min(load))
        load[place] += size
        rows.append(Guest(vmid, "", "qemu", f"n{place + 1}", memory=round(size * GIB), cpu=0.2))
    total = round(sum(load) / nodes / 0.65 * GIB)
    return Cluster(nodes=tuple(Node(f"n{number + 1}", memory=total, cpu=64.0) for number in range(nodes)), guests=tuple(rows))


def jittered(base: Cluster, where: dict[int, str], chance: Random) -> Cluster:
    """The cluster one hour later: each guest somewhere within 10 % of its mean load."""
    return replace(base, guests=tuple(replace(guest, node=where[guest.vmid], memory=round(guest.memory * chance.uniform(0.9, 1.1)))
                                      for guest in base.guests))


def ours(cluster: Cluster) -> dict[int, str]:
    """The product's planner with its defaults."""
    return {move.vmid: move.target for move in plan_balance(cluster, Policy(), 0.0).moves}


def one_pass(cluster: Cluster) -> dict[int, str]:
    """The rule of ProxLB 2.x: over 5 points, one pass over the guests, smallest first, each off the node that is fullest just then."""
    load = {node.name: 0.0 for node in cluster.nodes}
    for guest in cluster.guests:
        load[guest.node] += guest.memory / cluster.nodes[0].memory
    moves: dict[int, str] = {}
    if max(load.values()) - min(load.values()) <= 0.05:
        return moves
    for guest in sorted(cluster.guests, key=lambda one: one.memory):
        fullest, emptiest = max(load, key=lambda name: load[name]), min(load, key=lambda name: load[name])
        if guest.node == fullest and load[fullest] - load[emptiest] > 0.05:
            size = guest.memory / cluster.nodes[0].memory
            load[fullest], load[emptiest] = load[fullest] - size, load[emptiest] + size
            moves[guest.vmid] = emptiest
    return moves


def moves_per_day(rule: Rule, days: int = 100) -> float:
    """Guests moved per 100 guests and day."""
    base, chance = scene(), Random(11)
    where = {guest.vmid: guest.node for guest in base.guests}
    moved = 0
    for _ in range(24 * days):
        wish = rule(jittered(base, where, chance))
        moved += len(wish)
        where.update(wish)
    return moved / days / len(base.guests) * 100
