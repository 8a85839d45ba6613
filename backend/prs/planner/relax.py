"""Rules of tags and pools that a drain may break while the node is away: as few as it needs, of those that the user agreed to. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from prs.model import Cluster, Plan, Policy, Rule
from prs.planner.explain.reasons import IMPOSSIBLE
from prs.planner.problem.tags_and_pools import read_tags_and_pools

ANY = "*"  # in Policy.relax: whichever rules of tags and pools are in the way
Make = Callable[[Policy], Plan]


def rule_name(rule: Rule) -> str:
    """The name by which people and `Policy.relax` know a rule: its source and its own name."""
    return f"{rule.source} {rule.name}"


def softened(make: Make, cluster: Cluster, policy: Policy) -> Plan:
    """The drain that `make` gives; where it cannot be done, with the fewest of the allowed rules relaxed that let it be done.

    Guests that are to be together and are not keep no node from being emptied, as long as they are on no more nodes afterwards.
    A refused drain names in `relaxable` the rules of tags and pools without which it could be done, if there are such.
    """
    plan = make(policy)
    if plan.feasible:
        return _told(plan, cluster, policy)
    split = _split(cluster, policy, plan.stopped)
    loose = _fewest(make, policy, tuple(split)) if split else None
    if loose and _no_wider(cluster, loose[1], [split[name] for name in loose[0] if name in split]):
        return _told(loose[1], cluster, replace(policy, relaxed=loose[0]))
    names = soft(cluster, policy, plan)
    allowed = tuple(name for name in names if ANY in policy.relax or name in policy.relax)
    if allowed and (found := _fewest(make, policy, allowed)):
        return _told(found[1], cluster, replace(policy, relaxed=found[0]))
    needed = _fewest(make, policy, names) if names else None
    relaxable = tuple(name for name in needed[0] if name not in policy.relaxed) if needed else ()
    return replace(_told(plan, cluster, policy), relaxable=relaxable, summary=_as_long_as(plan.summary, relaxable))


def _as_long_as(summary: str, relaxable: Sequence[str]) -> str:
    """The refusal of a drain; of one that could be done without some of the rules it claims no more than that."""
    return summary.replace(IMPOSSIBLE, f"{IMPOSSIBLE} with all rules kept", 1) if relaxable else summary


def soft(cluster: Cluster, policy: Policy, plan: Plan) -> tuple[str, ...]:
    """Names of the rules of tags and pools that are not relaxed yet; those that bind a blocker of the plan first."""
    blocked = {stay.vmid for stay in plan.blockers}
    rules = read_tags_and_pools(cluster, policy).rules
    ordered = sorted(rules, key=lambda rule: (blocked.isdisjoint(rule.guests), rule_name(rule)))
    return tuple(dict.fromkeys(rule_name(rule) for rule in ordered))


def _fewest(make: Make, policy: Policy, names: tuple[str, ...]) -> tuple[tuple[str, ...], Plan] | None:
    """Rules none of which can be kept if the drain is to be done, and its plan; None if it cannot be done without all of them either."""
    given = policy.relaxed
    plan = make(replace(policy, relaxed=(*given, *names)))
    if not plan.feasible:
        return None
    left = list(names)
    for name in reversed(names):
        fewer = [other for other in left if other != name]
        kept = make(replace(policy, relaxed=(*given, *fewer)))
        if kept.feasible:
            left, plan = fewer, kept
    return (*given, *left), plan


def _split(cluster: Cluster, policy: Policy, stopped: bool) -> dict[str, tuple[int, ...]]:
    """The guests of each rule of tags and pools that is to keep them together, where they are on several nodes now."""
    where = {guest.vmid: guest.node for guest in cluster.guests}
    rules = {rule_name(rule): rule.guests for rule in read_tags_and_pools(cluster, policy, stopped).rules if rule.kind == "together"}
    return {name: guests for name, guests in rules.items() if len({where[vmid] for vmid in guests}) > 1}


def _no_wider(cluster: Cluster, plan: Plan, rules: Sequence[tuple[int, ...]]) -> bool:
    """Whether after each move of the plan the guests of each rule are on no more nodes than now."""
    where = {guest.vmid: guest.node for guest in cluster.guests}
    most = [len({where[vmid] for vmid in guests}) for guests in rules]
    for move in plan.moves:
        where[move.vmid] = move.target
        if any(len({where[vmid] for vmid in guests}) > count for guests, count in zip(rules, most, strict=True)):
            return False
    return True


def _told(plan: Plan, cluster: Cluster, policy: Policy) -> Plan:
    """The plan with a sentence for each rule that does not bind, and for each name of `relax` that is no rule of a tag or pool."""
    known = {rule_name(rule) for rule in read_tags_and_pools(cluster, replace(policy, relaxed=())).rules}
    broken = [name for name in policy.relaxed if name in known]
    split = _split(cluster, replace(policy, relaxed=()), plan.stopped)
    words = [f"{name[:1].upper()}{name[1:]} is broken now and does not bind while {plan.node} is away." if name in split else
             f"{name[:1].upper()}{name[1:]} does not bind while {plan.node} is away; bringing its guests back mends it." for name in broken]
    hard = {rule.name for rule in cluster.rules}
    for name in policy.relax:
        if name != ANY and name not in known:
            there = f"the rules are: {', '.join(sorted(known))}" if known else "there is none"
            why = "HA rules are never relaxed" if name.removeprefix("HA rule ") in hard else there
            words.append(f"There is no rule of a tag or pool named {name!r} to relax; {why}.")
    return replace(plan, relaxed=policy.relaxed, warnings=(*plan.warnings, *words))
