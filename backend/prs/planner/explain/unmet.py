"""Rules about guests' company that no plan can keep, and why: too few nodes, no node large enough, or other rules against them. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from prs.model import Cluster, Guest, Plan, Policy, Rule
from prs.planner.problem.counted_memory import counted, label, most
from prs.planner.problem.fixed_limits import FixedLimits
from prs.planner.quantities import gib, listed


def unmet(cluster: Cluster, policy: Policy, plan: Plan) -> dict[str, str]:
    """The rules that no plan can keep, by source and name: why, and who is where after this one."""
    limits = FixedLimits(cluster, policy, plan.node, plan.stopped)
    where = {guest.vmid: guest.node for guest in cluster.guests} | {move.vmid: move.target for move in plan.moves}
    found = dict[str, str]()
    for rule in limits.rules:
        if why := impossible(limits, rule, where):
            found[f"{rule.source} {rule.name}"] = why
    return found


def impossible(limits: FixedLimits, rule: Rule, where: Mapping[int, str]) -> str:
    """Why the rule, which is broken while guests are on these nodes (by vmid), cannot be kept, in a sentence; "" when it is or could be."""
    bound = [limits.guests[vmid] for vmid in sorted(set(rule.guests)) if vmid in limits.guests]
    places: dict[str, list[Guest]] = {}
    for guest in bound:
        places.setdefault(where[guest.vmid], []).append(guest)
    why = _why(limits, rule, bound, places)
    return f"{_named(rule)} cannot be met: {why}." if why else ""


def _why(limits: FixedLimits, rule: Rule, bound: Sequence[Guest], places: Mapping[str, Sequence[Guest]]) -> str:
    """Why the rule, which is broken with guests in these places, cannot be kept, and where they are; "" when it is kept or could be."""
    if rule.kind == "apart":
        together = [f"{', '.join(guest.label for guest in guests)} on {node}" for node, guests in sorted(places.items()) if len(guests) > 1]
        why = (_few(limits, bound) or _opposed(limits, rule) or _pinned(limits, bound)) if together else ""
        return f"{why}; together are {'; '.join(together)}" if why else ""
    if rule.kind == "together" and len(places) > 1:
        why = _too_large(limits, bound) or _opposed(limits, rule) or _parted(limits, bound)
        return f"{why}; its guests are on {', '.join(sorted(places))}" if why else ""
    return ""


def _few(limits: FixedLimits, bound: Sequence[Guest]) -> str:
    return f"it keeps {len(bound)} guests apart on {len(limits.open)} nodes" if len(bound) > len(limits.open) else ""


def _too_large(limits: FixedLimits, bound: Sequence[Guest]) -> str:
    """That no node can hold guests that are to be together, in words; "" when one can."""
    needed, what = sum(counted(limits.policy, guest) for guest in bound), label(limits.policy, "memory")
    largest = max((most(limits.policy, limits.nodes[name].memory) for name in limits.open), default=0.0)
    return f"its guests use {gib(needed)} of {what}, and no node has more than {gib(largest)}" if needed > largest else ""


def _opposed(limits: FixedLimits, rule: Rule) -> str:
    """The rule that wants the opposite of two of the guests, in words; "" when none does."""
    for other in limits.rules:
        both = sorted(set(rule.guests) & set(other.guests) & limits.guests.keys())
        if {rule.kind, other.kind} == {"apart", "together"} and len(both) > 1:
            how = "apart" if other.kind == "apart" else "together"
            return f"{other.source} {other.name} keeps {listed([limits.guests[vmid].label for vmid in both])} {how}"
    return ""


def _choices(limits: FixedLimits, guest: Guest) -> frozenset[str]:
    """The nodes that the rules about nodes leave the guest."""
    return limits.node_rules.permitted(guest) & {*limits.open, guest.node}


def _parted(limits: FixedLimits, bound: Sequence[Guest]) -> str:
    """That no node is open to all guests by the rules that bind each of them, in words; "" when one is."""
    choices = {guest: _choices(limits, guest) for guest in bound}
    if frozenset.intersection(*choices.values()):
        return ""
    tied = [f"{guest.label} to {listed(sorted(names)) or 'no node'}" for guest, names in choices.items() if len(names) < len(limits.nodes)]
    return f"other rules bind {listed(tied)}"


def _pinned(limits: FixedLimits, bound: Sequence[Guest]) -> str:
    """That the rules that bind each guest leave all of them too few nodes, in words; "" when there are enough."""
    choices = {guest.vmid: _choices(limits, guest) for guest in bound}
    held = dict[str, int]()
    if all(_seated(vmid, choices, held, set()) for vmid in choices):
        return ""
    tied = [guest for guest in bound if len(choices[guest.vmid]) < len(limits.nodes)]
    names = sorted(set[str]().union(*(choices[guest.vmid] for guest in tied)))
    left = f"only {listed(names)}" if names else "no node"
    return f"other rules leave {listed([guest.label for guest in tied])} {left}" if tied else ""


def _seated(vmid: int, choices: Mapping[int, Collection[str]], held: dict[str, int], tried: set[str]) -> bool:
    """Give the guest a node of its own, others making way for it; False when there is none."""
    for name in sorted(choices[vmid]):
        if name in tried:
            continue
        tried.add(name)
        if name not in held or _seated(held[name], choices, held, tried):
            held[name] = vmid
            return True
    return False


def _named(rule: Rule) -> str:
    return f"{rule.source[:1].upper()}{rule.source[1:]} {rule.name}"
