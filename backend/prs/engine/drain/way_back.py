"""The way back: a plan that returns the guests of an ended job to where they were, as far as they still fit. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from prs.engine.journal.jobs import Job, Step
from prs.model import Cluster, Guest, Move, Plan, Policy, Stay
from prs.planner.explain.reasons import broken
from prs.planner.plan import check_plan, plan_balance
from prs.planner.problem.board import Board
from prs.planner.problem.fixed_limits import FixedLimits
from prs.planner.problem.problem import Problem, seconds
from prs.planner.quantities import span
from prs.planner.repair import standing
from prs.pve.read.resources import NO_LOAD_YET

_OF, _TO = "way back of job", "back to"  # options that tell such a plan


def home(job: Job) -> str:
    """The drained node that a way back fills again and so releases, "" for every other job."""
    return dict(job.plan.options).get(_TO, "")


def goes_back(plan: Plan) -> str:
    """What a way back is in words, "" for every other plan."""
    options = dict(plan.options)
    if node := options.get(_TO):
        return f"Release {node}"
    return f"Bring back what job {options[_OF]} moved" if _OF in options else ""


def known_load(guest: Guest, carried: Move | Step) -> Guest:
    """A guest that moves or has just moved, with the memory that was known of it: PVE has no figures of its first minute there."""
    if not (guest.running and guest.problem.endswith(NO_LOAD_YET)):
        return guest
    return replace(guest, problem="", memory=max(guest.memory, carried.memory))


def settled(cluster: Cluster, carried: Iterable[Move | Step]) -> Cluster:
    """The cluster with the load of every guest that PVE has no figures of yet, and that was known when its move was planned."""
    known = {move.vmid: move for move in carried}
    guests = tuple(known_load(guest, known[guest.vmid]) if guest.vmid in known else guest for guest in cluster.guests)
    return replace(cluster, guests=guests)


def left_out(job: Job) -> list[int]:
    """The guests that an ended way back was to bring home, or could not plan to, and that may still go; ascending."""
    settled = ("is already back", "has been moved", "the guest no longer exists", "is already on")
    steps = [step.vmid for step in job.final if step.state != "done" and not step.message.startswith(settled)]
    return sorted({*steps, *(stay.vmid for stay in job.plan.stays if not stay.reason.startswith(settled))})


def undone(job: Job) -> str:
    """The job whose moves a way back turns round, "" for every other job."""
    return dict(job.plan.options).get(_OF, "")


def joined(jobs: Sequence[Job]) -> Job:
    """Several drains of one node, oldest first, as one job with all their steps: what there is to bring back."""
    steps = [step for job in jobs for step in job.steps]
    return replace(jobs[-1], steps=tuple(replace(step, seq=number) for number, step in enumerate(steps, 1)))


def opened(cluster: Cluster, node: str) -> Cluster:
    """The cluster as it will be once the node has left HA maintenance mode."""
    nodes = tuple(replace(one, ha="online") if (one.name, one.ha) == (node, "maintenance") else one for one in cluster.nodes)
    return replace(cluster, nodes=nodes)


def plan_back(cluster: Cluster, policy: Policy, job: Job, now: float) -> Plan:
    """A plan of kind balance with the job's moves turned round, last one first; guests that cannot go back stay with their reason.

    `policy` limits what each step may do; its limits on the number and size of moves do not apply.
    """
    policy = way_back(policy, job.steps)
    cluster = settled(cluster, (step for step in job.steps if step.state == "done"))
    guests = {guest.vmid: guest for guest in cluster.guests}
    homeward = {step.vmid: _back(step, guests.get(step.vmid), policy) for step in _homeward(job)}
    moves, waiting = list[Move](), _units(cluster, policy, [move for move in homeward.values() if isinstance(move, Move)])
    progress = True
    # A guest may have to wait until another one has made room, so those that do not fit are tried again.
    while progress:
        progress = False
        for unit in list(waiting):
            if not _objections(cluster, policy, [*moves, *unit]):
                moves += [replace(move, round=len(moves) + 1) for move in unit]
                waiting.remove(unit)
                progress = True
    left = {move.vmid: _objections(cluster, policy, [*moves, *unit])[0].partition(": ")[2] for unit in waiting for move in unit}
    stays = [
        Stay(step.vmid, step.name, guests[step.vmid].node if step.vmid in guests else step.target, why, step.kind)
        for step in _homeward(job) if (why := left.get(step.vmid) or (words if isinstance(words := homeward[step.vmid], str) else ""))
    ]  # fmt: skip
    return _finish(cluster, policy, job, now, moves, stays)


def way_back(policy: Policy, steps: Sequence[Step] = ()) -> Policy:
    """The policy of a plan back: what was moved once may move again, stopped guests and containers included.

    Also to a node that is left out of balancing: that it could be emptied says that its guests may leave it for a while.
    """
    back = {there: (here, there) for step in steps for here, there in step.storages}
    lines = {**dict(policy.storages), **back}
    policy = replace(policy, storages=tuple(sorted(lines.items()))) if back else policy
    free = replace(policy, max_moves=None, max_bytes=None, relax=(), relaxed=(), avoid=(), targets=(), ignore_nodes=())
    return replace(free, ignored=True, stopped=True, containers=True)


def _homeward(job: Job) -> list[Step]:
    """One step per guest that the job moved: from its last target to its first source; the last guest to leave comes first."""
    done = [step for step in job.steps if step.state == "done"]
    first = {step.vmid: step.source for step in reversed(done)}
    last = {step.vmid: step for step in done}
    found = [replace(step, source=first[vmid], storages=_landed(done, vmid)) for vmid, step in last.items() if first[vmid] != step.target]
    return sorted(found, key=lambda step: -step.seq)


def _units(cluster: Cluster, policy: Policy, moves: Sequence[Move]) -> list[list[Move]]:
    """The moves, with those of guests that are kept together as one: alone each would break the rule, so that none went home."""
    units = [[move] for move in moves]
    for rule in FixedLimits(cluster, policy).rules:
        bound = [unit for unit in units if any(move.vmid in rule.guests for move in unit)] if rule.kind == "together" else []
        for unit in bound[1:]:
            bound[0].extend(unit)
            units.remove(unit)
    return units


def _landed(done: Sequence[Step], vmid: int) -> tuple[tuple[str, str], ...]:
    """The storages on which the guest's disks were at first, and on which they are after all its moves, where the two differ."""
    found = dict[str, str]()
    for step in (step for step in done if step.vmid == vmid):
        moved = dict(step.storages)
        found = {here: moved.pop(there, there) for here, there in found.items()} | moved
    return tuple(sorted((here, there) for here, there in found.items() if here != there))


def _back(step: Step, guest: Guest | None, policy: Policy) -> Move | str:
    if guest is None:
        return "the guest no longer exists"
    if guest.node != step.target:
        return f"is already back on {guest.node}" if guest.node == step.source else f"has been moved to {guest.node} since"
    return Move(
        guest.vmid, guest.name, guest.kind, guest.node, step.source, guest.running, bool(guest.ha), guest.memory, guest.disk,
        seconds(policy, guest, guest.disk, policy.speed(guest.node, step.source)),
        reason=f"back to {step.source}, where it was before", cpu=guest.cpu,
        storages=tuple(sorted((there, here) for here, there in step.storages)),
    )  # fmt: skip


def _objections(cluster: Cluster, policy: Policy, moves: Sequence[Move]) -> list[str]:
    """What speaks against the moves, those before the last unit's being good."""
    return check_plan(cluster, policy, Plan("balance", policy.method, moves=tuple(moves)))


def _finish(cluster: Cluster, policy: Policy, job: Job, now: float, moves: list[Move], stays: list[Stay]) -> Plan:
    # A policy that calls any cluster balanced makes the planner measure without planning.
    measure = replace(policy, spread=1.0)
    where = {move.vmid: move.target for move in moves}
    later = replace(cluster, guests=tuple(replace(guest, node=where.get(guest.vmid, guest.node)) for guest in cluster.guests))
    before, after = plan_balance(cluster, measure, now), plan_balance(later, measure, now)
    wall = sum(sorted((move.seconds for move in moves), reverse=True)) / max(1, min(policy.parallel_node, len(moves)))
    limits = FixedLimits(later, policy)
    left = standing(Board(Problem(limits)))
    warnings = (*cluster.problems, *limits.cautions(moves), *broken(left, limits, "Bringing guests back repairs no rule."))
    plan = Plan(
        "balance", policy.method, created=now, moves=tuple(moves), stays=tuple(stays), before=before.before, after=after.before,
        spread_before=before.spread_before, spread_after=after.spread_before, seconds=wall, warnings=warnings,
        options=((_OF, job.id), *(((_TO, job.node),) if job.kind == "drain" else ())),
    )  # fmt: skip
    return replace(plan, summary=_summary(plan))


def _summary(plan: Plan) -> str:
    stay = "stays where it is" if len(plan.stays) == 1 else "stay where they are"
    left = f"; {len(plan.stays)} {stay}" if plan.stays else ""
    if not plan.moves:
        return f"Nothing to bring back{left}."
    guests = "guest" if len(plan.moves) == 1 else "guests"
    work = f"{plan.bytes / 2**30:.1f} GiB to copy, about {span(plan.seconds)}"
    return f"{len(plan.moves)} {guests} back to where they were ({work}){left}."
