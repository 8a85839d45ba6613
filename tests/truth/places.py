"""Holds what a placement claims against what is true of its cluster: where guests to be may go, and which node is the best for one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from random import Random

from prs.model import Cluster, Guest, NewGuest, Node, Placement, Policy
from truth.clusters import GIB, case
from truth.oracle import Placement as Where
from truth.oracle import Truth

NOWHERE = "zz"  # a node that the oracle empties: the guests to be


def question(seed: int) -> tuple[Cluster, Policy, list[NewGuest]]:
    """A small cluster and one to three guests to be, always the same for a number."""
    found, chance = case(seed), Random(-seed - 1)
    guests = [
        NewGuest(f"new{number}", memory=round(chance.choice((1, 2, 4, 8)) * GIB * chance.random()) + 1, pool=chance.choice(("", "", "p")),
                 tags=chance.choice(((), (), ("plb_anti_affinity_b",), ("plb_affinity_a",), ("plb_pin_n1",))))
        for number in range(chance.randint(1, 3))
    ]  # fmt: skip
    return found.cluster, replace(found.policy, max_moves=None, max_bytes=None), guests


def truth_of(cluster: Cluster, policy: Policy, asked: list[NewGuest]) -> Truth:
    """The question as a node to empty while all others stay."""
    stay = tuple(replace(guest, blockers=(*guest.blockers, "stays")) for guest in cluster.guests)
    new = tuple(Guest(-number, one.name, "qemu", NOWHERE, memory=one.memory, memory_max=one.memory, tags=one.tags, pool=one.pool)
                for number, one in enumerate(asked, 1))  # fmt: skip
    free = replace(policy, ignored=True, ignore_guests=(), containers=True, stopped=True)
    return Truth(replace(cluster, nodes=(*cluster.nodes, Node(NOWHERE)), guests=(*stay, *new)), free, NOWHERE)


def false_claims(truth: Truth, found: Placement) -> Iterator[str]:
    """One sentence for each claim that is false."""
    homes = [where for where in truth.reached() if truth.emptied(where)]
    if not found.feasible:
        if homes and "There is no place" in found.summary:
            yield f"there is a place for all: {found.summary}"
        return
    node_of = {-number: guest.node for number, guest in enumerate(found.guests, 1)}
    end: Where = tuple(
        truth.names.index(node_of[bundle.guests[0].vmid]) if bundle.guests[0].vmid in node_of else bundle.home for bundle in truth.bundles
    )
    if end not in homes:
        yield f"the guests cannot go where they are sent: {found.summary}"
        return
    if abs(found.spread_after - truth.spread(end)) > 1e-6:
        yield f"the spread is then {truth.spread(end):.4f}, {found.spread_after:.4f} is shown"
    if len(truth.bundles) == 1 and len(found.guests) == 1:
        yield from _ranks(truth, found, homes)


def _ranks(truth: Truth, found: Placement, homes: list[Where]) -> Iterator[str]:
    """Of one guest: the nodes with a rank are those where it may go, and none has a better spread for no reason that is said."""
    may, best = {truth.names[where[0]]: truth.spread(where) for where in homes}, found.guests[0].candidates[0]
    ranked = {one.node: one for one in found.guests[0].candidates if one.rank}
    if set(ranked) != set(may):
        yield f"it may go to {', '.join(sorted(may))}, ranked are {', '.join(sorted(ranked))}"
        return
    for name, one in ranked.items():
        if abs(one.spread - may[name]) > 1e-6:
            yield f"on {name} the spread is {may[name]:.4f}, {one.spread:.4f} is shown"
        if may[name] < may[best.node] - 1e-9 and not ("takes away room" in one.reason or "rules prefer" in one.reason):
            yield f"{name} leaves the nodes more level than {best.node}, and nothing speaks against it: {one.reason}"
