"""Holds what a plan claims against what is true of its cluster, and names every claim that is false."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace

from prs.model import RESOURCES, Cluster, Plan, Policy, Resource
from truth.clusters import Case
from truth.oracle import EPSILON, Placement, Truth

POINT = 0.01
ROUNDING = 1e-6  # share of a figure
FREE = re.compile(r"(\S+) has ([\d.]+) GiB(?: of memory)? free")
PROVEN = "proven to be the cheapest way"


def false_claims(case: Case, plan: Plan, again: Callable[[Cluster, Policy], Plan]) -> list[str]:
    """One sentence for each claim of the plan that is false; `again` plans for a later state of the cluster."""
    truth = Truth(case.cluster, case.policy, case.drain)
    end, problems = _played(truth, plan)
    if end is None or problems:
        return problems
    claims = _drain(truth, plan, end) if case.drain else _balance(truth, plan, end, case, again)
    return [*claims, *_figures(truth, plan, end), *_blockers(truth, plan)]


def _played(truth: Truth, plan: Plan) -> tuple[Placement | None, list[str]]:
    """Where the plan's steps lead, each looked at before it is made; guests that move together do so in one step."""
    where, waiting = truth.start, dict[int, set[int]]()
    for number, move in enumerate(plan.moves, 1):
        if move.vmid not in truth.of:
            return None, [f"move {number}: guest {move.vmid} cannot move at all"]
        bundle, target = truth.of[move.vmid], truth.names.index(move.target)
        if bundle in waiting:
            waiting[bundle].discard(move.vmid)
            if not waiting[bundle]:
                del waiting[bundle]
            continue
        if move.source != truth.names[where[bundle]]:
            return None, [f"move {number}: guest {move.vmid} is on {truth.names[where[bundle]]}, not on {move.source}"]
        if not truth.fits(where, truth.loads(where), bundle, target):
            return None, [f"move {number}: guest {move.vmid} does not fit on {move.target}"]
        where = (*where[:bundle], target, *where[bundle + 1:])
        rest = {guest.vmid for guest in truth.bundles[bundle].guests} - {move.vmid}
        if rest:
            waiting[bundle] = rest
    return where, [f"bundle of guest {truth.bundles[one].guests[0].vmid} was torn" for one in waiting]


def _figures(truth: Truth, plan: Plan, end: Placement) -> Iterator[str]:
    """The figures shown: spreads and costs."""
    for what, shown, true in (("before", plan.spread_before, truth.spread(truth.start)), ("after", plan.spread_after, truth.spread(end))):
        if truth.open and abs(shown - true) > 1e-6:
            yield f"spread {what} is {true:.4f}, {shown:.4f} is shown"
    cost = sum(move.seconds for move in plan.moves)
    if abs(plan.cost - cost) > 1e-6:
        yield f"cost is {cost:.2f}, {plan.cost:.2f} is shown"
    if plan.cost_bound is not None and plan.cost_bound > plan.cost * (1 + ROUNDING) + ROUNDING and not plan.blockers and plan.moves:
        yield f"cost bound {plan.cost_bound:.2f} is above the plan's own cost {plan.cost:.2f}"


def _allowed(truth: Truth) -> dict[Placement, float]:
    """The placements within the budget, with the least seconds that each takes."""
    policy = truth.policy
    found = truth.reached()
    if policy.max_moves is not None and not truth.drain:
        guests, limit = truth.reached("guests"), policy.max_moves
        found = {where: cost for where, cost in found.items() if guests[where] <= limit}
    if policy.max_bytes is not None and not truth.drain:
        sizes, most = truth.reached("bytes"), policy.max_bytes
        found = {where: cost for where, cost in found.items() if sizes[where] <= most}
    return found


def _balance(truth: Truth, plan: Plan, end: Placement, case: Case, again: Callable[[Cluster, Policy], Plan]) -> Iterator[str]:
    policy, allowed, every = truth.policy, _allowed(truth), truth.reached()
    start = truth.start
    if end not in allowed:
        yield "the plan does more than its budget allows"
        return
    if plan.spread_reachable is not None and plan.spread_reachable > min(map(truth.spread, every)) + ROUNDING:
        yield f"{min(map(truth.spread, every)):.4f} can be reached, best reachable is said to be {plan.spread_reachable:.4f}"
    if not truth.guarded(end):
        yield "the guard of another resource is not kept"
    if truth.spread(end) > max(truth.spread(start), policy.spread) + ROUNDING and not _idle(truth, end):
        yield f"the spread ends at {truth.spread(end):.4f}, wider than it began"
    yield from _cheapest(truth, plan, end, every)
    yield from _repairs(truth, plan, end, allowed)
    if "(only_over)" in plan.summary or "(idle_under)" in plan.summary:
        yield from _quiet(truth, plan)
    elif not plan.moves and truth.spread(start) > policy.spread:
        yield from _nothing(truth, plan, allowed)
    if policy.max_moves is None and policy.max_bytes is None:
        if not _left_alone(truth, start):
            yield from _aim(truth, end, allowed)
        where = {move.vmid: move.target for move in plan.moves}
        later = replace(case.cluster, guests=tuple(replace(guest, node=where.get(guest.vmid, guest.node)) for guest in case.cluster.guests))
        if plan.moves and (second := again(later, policy)).moves and _guarded_still(truth, end, second):
            yield f"a second run makes {len(second.moves)} moves: {second.summary}"


def _fullest(truth: Truth, where: Placement) -> dict[Resource, float]:
    """The load of the fullest node of each resource that is levelled."""
    return {resource: max(use) for resource in truth.spreads(where) if (use := truth.usage(where, resource))}


def _left_alone(truth: Truth, where: Placement) -> bool:
    """True when the policy wants the cluster left alone but for broken rules."""
    limits, fullest = dict(truth.policy.only_over), _fullest(truth, where)
    return bool(fullest) and (all(use <= limits.get(resource, -1.0) for resource, use in fullest.items())
                              or all(use < truth.policy.idle_under for use in fullest.values()))


def _idle(truth: Truth, end: Placement) -> bool:
    """True when the cluster is left alone and will be: its spread is then nobody's concern, and rules may be repaired at its cost."""
    return _left_alone(truth, truth.start) and _left_alone(truth, end)


def _quiet(truth: Truth, plan: Plan) -> Iterator[str]:
    """That no node is full enough to matter, or that all of them are idle."""
    policy, limits = truth.policy, dict(truth.policy.only_over)
    fullest = _fullest(truth, truth.start)
    if "(only_over)" in plan.summary and any(use > limits.get(resource, 0.0) + ROUNDING for resource, use in fullest.items()):
        yield f"a node is over its limit: {plan.summary}"
    if "(idle_under)" in plan.summary and any(use >= policy.idle_under + ROUNDING for use in fullest.values()):
        yield f"a node is not idle: {plan.summary}"
    if plan.moves and not plan.summary.startswith("Repairs "):
        yield "it is left alone, and guests are moved"


def _guarded_still(truth: Truth, end: Placement, second: Plan) -> bool:
    """True when the first run might have ended where the second one does: guards and bundles count from what each of them found."""
    where = list(end)
    if any("together" in rule or "affinity" in rule or rule.startswith("pool") for rule in truth.broken(truth.start) - truth.broken(end)):
        return False  # guests that were brought together move as one from now on, to nodes where each alone was not to go
    for move in second.moves:
        if move.vmid in truth.of:
            where[truth.of[move.vmid]] = truth.names.index(move.target)
    return truth.guarded(tuple(where))


def _cheapest(truth: Truth, plan: Plan, end: Placement, every: dict[Placement, float]) -> Iterator[str]:
    """The bound of the cost: no plan that levels as far (or to the aim) and repairs as much costs less."""
    if plan.cost_bound is None or not plan.moves:
        return
    aim = truth.policy.spread * truth.policy.aim
    widths = {resource: max(aim, spread) for resource, spread in truth.spreads(end).items()}
    broken = truth.broken(end)
    as_good = [
        (cost, where) for where, cost in every.items()
        if all(spread <= widths[r] + EPSILON for r, spread in truth.spreads(where).items()) and truth.broken(where) <= broken
    ]  # fmt: skip
    least, least_guarded = min(cost for cost, _ in as_good), min(cost for cost, where in as_good if truth.guarded(where))
    if plan.cost_bound > least_guarded * (1 + ROUNDING):
        yield f"a plan as good costs {least_guarded:.2f}, the bound is said to be {plan.cost_bound:.2f} ({plan.summary})"
    elif plan.cost_bound > least * (1 + ROUNDING) and "letting the " not in plan.summary:
        yield f"without the guard a plan as good costs {least:.2f}, which is not said ({plan.summary})"
    if PROVEN in plan.summary and plan.cost > least_guarded * (1 + 0.005) + ROUNDING:
        yield f"a plan as good costs {least_guarded:.2f}, {plan.cost:.2f} is said to be the cheapest"


def _repairs(truth: Truth, plan: Plan, end: Placement, allowed: dict[Placement, float]) -> Iterator[str]:
    """Rules that stay broken are told; those that could be kept within the budget at no wider a spread are repaired."""
    before, after = truth.broken(truth.start), truth.broken(end)
    told = [words.lower() for words in plan.warnings]
    for rule in sorted(after):
        if not any(rule.split(" (")[0].lower() in words for words in told) and not rule.startswith("tag pin of"):
            yield f"{rule} stays broken and no warning says so"
    if after - before:
        yield f"{', '.join(sorted(after - before))} is broken by the plan"
    first, less = plan.summary.split(": ")[0], {rule.split(" (")[0] for rule in before - after}
    if less and not first.startswith("Repairs "):
        yield f"the plan repairs, and its first sentence does not say so: {plan.summary}"
    standing = {rule.split(" (")[0] for rule in after}
    if less and standing and "only in part" not in first and (less & standing or " broken" not in first):
        yield f"the plan repairs in part, and its first sentence does not say so: {plan.summary}"
    widest = max(truth.spread(truth.start), truth.policy.spread)
    theirs = {f"{rule.source} {rule.name}" for rule in truth.cluster.rules if rule.kind == "together"}
    if any(f"{rule} is broken" in text and "no way was found" in text.lower() for rule in theirs for text in plan.warnings):
        yield "no way was looked for to bring guests together that the HA manager binds, and it is said that none was found"
    for rule in theirs:
        del after[rule]
    usable = [where for where in allowed if truth.guarded(where) and (truth.spread(where) <= widest + EPSILON or _idle(truth, where))]
    better = [where for where in usable if truth.broken(where) < after]
    if better and len(truth.open) > 1:
        yield f"{', '.join(sorted(after))} stays broken, though it could be kept (plan: {plan.summary})"


def _nothing(truth: Truth, plan: Plan, allowed: dict[Placement, float]) -> Iterator[str]:
    """That nothing is done above the limit: no placement in reach is more level, or by less than a point where that is said."""
    broken = truth.broken(truth.start)
    best = min(truth.spread(where) for where in allowed if truth.guarded(where) and truth.broken(where) <= broken)
    gain = truth.spread(truth.start) - best
    if len(truth.open) > 1 and gain > (POINT + EPSILON if "less than a point" in plan.summary else EPSILON):
        yield f"the spread can be lowered by {gain * 100:.2f} points, and nothing is done: {plan.summary}"


def _aim(truth: Truth, end: Placement, allowed: dict[Placement, float]) -> Iterator[str]:
    """Where the limit can be reached, it is."""
    broken = truth.broken(end)
    if truth.spread(end) <= truth.policy.spread + EPSILON or len(truth.open) < 2:
        return
    good = [where for where in allowed if truth.guarded(where) and truth.broken(where) <= broken]
    best = min(map(truth.spread, good))
    if best <= truth.policy.spread * truth.policy.aim - EPSILON or best < truth.spread(end) - POINT - 2 * EPSILON:
        yield f"the spread can be {best * 100:.2f} points, the plan ends at {truth.spread(end) * 100:.2f}"


def _drain(truth: Truth, plan: Plan, end: Placement) -> Iterator[str]:
    every = truth.reached()
    empty = {where: cost for where, cost in every.items() if truth.emptied(where)}
    if plan.blockers:
        if empty:
            yield f"the node can be emptied for {min(empty.values()):.1f}: {plan.summary}"
        elif "proven impossible" not in plan.summary and any(row.vmid in truth.of for row in plan.blockers):
            yield f"nothing was left to look at, and the drain is not said to be impossible: {plan.summary}"
        return
    if not truth.emptied(end):
        yield "the node is not empty in the end"
        return
    if plan.cost_bound is not None and plan.cost_bound > min(empty.values()) * (1 + ROUNDING) + ROUNDING:
        yield f"the node can be emptied for {min(empty.values()):.2f}, the bound is said to be {plan.cost_bound:.2f}"
    if truth.open and plan.spread_reachable is not None and plan.spread_reachable > min(map(truth.spread, empty)) + ROUNDING:
        yield f"{min(map(truth.spread, empty)):.4f} can be reached, best reachable is said to be {plan.spread_reachable:.4f}"
    if truth.broken(end) - truth.broken(truth.start):
        yield f"{', '.join(sorted(truth.broken(end) - truth.broken(truth.start)))} is broken by the drain"


def _blockers(truth: Truth, plan: Plan) -> Iterator[str]:
    """A blocker is on the node, and what it says is free on a node is what anybody finds there now."""
    for row in plan.blockers:
        if truth.guests[row.vmid].node != plan.node:
            yield f"blocker {row.vmid} is not on {plan.node}"
        for name, amount in FREE.findall(row.reason):
            if name in truth.names:
                place = truth.names.index(name)
                left = [truth.room(place, r) - truth.loads_at_start[r][place] if truth.total[r][place] else 0.0 for r in RESOURCES[::2]]
                free = {max(0.0, size) / 2**30 for size in (*left, truth.unused(truth.start, place))}
                if not any(abs(float(amount) - one) < 0.06 for one in free):
                    yield f"blocker {row.vmid}: {name} does not have {amount} GiB free now: {row.reason}"
    if plan.blockers and "no place for" in plan.summary:
        stuck = [row.vmid for row in plan.blockers if truth.stays(truth.guests[row.vmid])]
        if any(re.search(rf"no place for [^.:]*\b{vmid}\b", plan.summary) for vmid in stuck):
            yield f"a guest that cannot leave at all is said to have no place: {plan.summary}"
