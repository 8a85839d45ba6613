"""From PVE's answers to a plan: read the cluster, plan, look closer at the guests the plan would move, plan again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from prs.errors import PlanError
from prs.model import Cluster, Forecast, Method, Plan, Policy
from prs.planner.chosen import known
from prs.planner.explain.warnings import noted
from prs.planner.ha_choice import kept_by_ha, told
from prs.planner.objective.headroom import headroom, keeping
from prs.planner.plan import Goal, bounded, plan_balance, plan_day, plan_drain
from prs.planner.problem.locations import located, wanted
from prs.planner.problem.riding import riding
from prs.planner.problem.unexamined import in_the_way
from prs.planner.relax import softened
from prs.pve.api import Api
from prs.pve.read.candidates import inspect_guests
from prs.pve.read.locations import with_locations
from prs.pve.read.node_facts import NodeFacts, outside
from prs.pve.read.permissions import SEE, audits, blind, inherited, lacking, lacking_power, lacking_to_move, movable, permissions
from prs.pve.read.snapshot import read_cluster
from prs.pve.read.values import Row
from prs.pve.roster import Roster, listed, scope, unproven, with_hidden

# Each round examines at least one new guest; past this many rounds the rest is left where it is, and the plan says so.
ROUNDS = 25
# What a guest uses of memory and disk hardly changes from sample to sample, its use of CPU does.
MEANS: frozenset[Method] = frozenset({"cpu", "all"})
ASIDE = 40  # guests that are examined for the room which their local disks take where a drain found none
LAZY = 3  # rounds in which only nodes at the ends of planned moves are asked what they are
NOT_EXAMINED = "the best plan found leaves it where it is"
# A plan of examined guests alone is taken when it is this close (spread) to one that would need more of them to be examined.
AS_GOOD = 0.005
AS_CHEAP = 1.1  # and no dearer than this many times the other


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """What to plan: level the cluster (`drain` empty) or empty node `drain`, with its stopped guests or without."""

    drain: str = ""
    stopped: bool = True
    goal: Goal = "spread"
    leave: bool = False  # drain: move what can leave even if something cannot
    maintenance: bool = True  # drain: HA maintenance mode can be switched, which alone keeps some guests from being taken back


def make_plan(
    api: Api, policy: Policy, now: float, request: PlanRequest | None = None, restrict: Callable[[Cluster], Cluster] | None = None,
    roster: Roster | None = None, expect: Callable[[Cluster], Forecast | None] = lambda cluster: None, seen: Cluster | None = None,
) -> tuple[Cluster, Plan]:
    """Read the cluster and plan until every guest that the plan moves has been examined; PlanError, PveError.

    Guests that the caller has no right to move stay; who may move none at all gets the plan that anybody would, and what is lacking to
    start it. `restrict` may mark more; `roster` is the cluster's own list of guests, where there is one.
    `expect` tells what loads are expected over the coming day, for which the plan is made then. `seen` is the cluster as it was read
    for this policy a moment ago.
    """
    request = request or PlanRequest()
    cluster = read_to_plan(api, policy, now, request, roster, seen)
    known(cluster, policy)
    held = permissions(api)
    cluster = _unsure(cluster, held, request, roster, api.user)
    cluster, staying = riding(cluster, policy, request.drain)
    forecast, cluster = None if request.drain else expect(cluster), movable(cluster, api.user, held)
    cluster, plan = _planned(api, cluster, policy, now, request, restrict, not audits(held), forecast)
    words = lacking_to_move(api.user, held, plan.moves) or lacking_power(api.user, held, [stay.vmid for stay in staying])
    told = outside(api, cluster.migration_network, (move.target for move in plan.moves))
    plan = replace(plan, rides=staying, warnings=(*plan.warnings, *told))
    return cluster, replace(plan, lacking=words, warnings=(*plan.warnings, words)) if words else plan


def _planned(
    api: Api, cluster: Cluster, policy: Policy, now: float, request: PlanRequest, restrict: Callable[[Cluster], Cluster] | None, asks: bool,
    forecast: Forecast | None,
) -> tuple[Cluster, Plan]:
    """Plan and examine in turn; with `asks` False the caller may not ask for PVE's preconditions."""
    cluster = narrowed(api, cluster, policy, restrict)
    facts, means = NodeFacts(api), policy.method in MEANS or policy.by_pressure
    if request.drain:
        here = [guest.vmid for guest in cluster.guests if guest.node == request.drain and not guest.template]
        cluster = inspect_guests(api, cluster, here, facts, {request.drain}, means, asks)
    if policy.targets:
        here, ends = [vmid for vmid, _ in policy.targets], {name for _, name in policy.targets}
        cluster = inspect_guests(api, cluster, here, facts, ends, means, asks)
    settled: Plan | None = None
    aside = ASIDE
    for turn in range(ROUNDS):
        plan = what_if(cluster, policy, now, request, forecast)
        # A drain that cannot be done says why of every node, and one that nodes keep refusing looks at all of them.
        every = turn >= LAZY or not plan.feasible
        ends = {node.name for node in cluster.nodes} if every else _ends(plan)
        pending, strange = unexamined(cluster, plan), facts.unknown(ends)
        if not pending and not strange:
            if not plan.blockers or not (pending := in_the_way(cluster, located(cluster, policy), plan)[:aside]):
                return cluster, plan
            aside -= len(pending)
        if settled and (settled.feasible or request.leave) and not facts.unknown(_ends(settled)) and _as_good(settled, plan, policy):
            return cluster, bounded(settled, plan, policy)
        cluster = inspect_guests(api, cluster, pending, facts, ends, means, asks)
        # A closer look changes loads a little, and with them the best plan: the guests at hand mostly make one as good.
        settled = what_if(_examined_only(cluster), policy, now, request, forecast)
    cluster = inspect_guests(api, cluster, (), facts, [node.name for node in cluster.nodes], means)
    return cluster, bounded(what_if(_examined_only(cluster), policy, now, request, forecast), None, policy)


def read_to_plan(
    api: Api, policy: Policy, now: float, request: PlanRequest, roster: Roster | None, seen: Cluster | None = None
) -> Cluster:
    """The cluster as far as it is seen; PlanError where that is not enough for what is asked, PveError."""
    cluster = with_hidden(seen or read_cluster(api, now, policy.method, counts=policy.memory), roster, api.user)
    _not_blind(api, cluster, request, roster)
    return cluster


def narrowed(api: Api, cluster: Cluster, policy: Policy, restrict: Callable[[Cluster], Cluster] | None) -> Cluster:
    """The cluster with what `restrict` marks, and where its nodes stand; PlanError without quorum."""
    cluster = restrict(cluster) if restrict else cluster
    if not cluster.quorate:
        raise PlanError("the cluster has no quorum: nothing can be migrated until a majority of its nodes is online")
    return with_locations(api, cluster) if wanted(cluster, policy) else cluster


def _ends(plan: Plan) -> set[str]:
    """The nodes that take part in the plan's moves."""
    return {name for move in plan.moves for name in (move.source, move.target)}


def _unsure(cluster: Cluster, held: Row | None, request: PlanRequest, roster: Roster | None, user: str) -> Cluster:
    """The cluster with the words that what is seen of it may not be all of it, where nothing lists every guest."""
    words = scope(user, listed(roster, {guest.vmid: guest.node for guest in cluster.guests}))
    if not words:
        return cluster
    problems = []
    if held is not None and not inherited(held, "/vms", SEE):
        problems = [f"{user} does not see every guest ({SEE} on /vms, with propagation): what it does not see counts as load of the nodes"]
    if request.drain:
        problems.append(f"{request.drain} is emptied {words}: {unproven(user)}")
    return replace(cluster, problems=(*cluster.problems, *problems))


def _not_blind(api: Api, cluster: Cluster, request: PlanRequest, roster: Roster | None) -> None:
    """PlanError where so little is seen that what is said about it would not be true."""
    if not cluster.nodes:
        raise PlanError(f"PVE shows {api.user} no node: it needs Sys.Audit on /nodes and VM.Audit on /vms")
    if not any(node.online and not node.problem for node in cluster.nodes) and (words := lacking(api, "/nodes", "Sys.Audit")):
        raise PlanError(f"No node's load is known: {words}")
    if not cluster.guests and (words := blind(api)):
        raise PlanError(f"PVE shows no guest: {words}")
    unlisted = next((node for node in cluster.nodes if node.name == request.drain and node.online and not node.member), None)
    if unlisted:
        raise PlanError(f"{unlisted.name} is not emptied: {unlisted.problem}; look with pvecm status")
    if request.drain and not request.leave:
        hidden = dict(cluster.hidden).get(request.drain, 0)
        if hidden:
            count = "1 guest there is" if hidden == 1 else f"{hidden} guests there are"
            raise PlanError(f"{request.drain} cannot be emptied: {count} hidden from {api.user} (VM.Audit)")
        if scope(api.user, listed(roster, {guest.vmid: guest.node for guest in cluster.guests})) and (words := blind(api)):
            raise PlanError(f"{request.drain} cannot be emptied: {words}")


def _as_good(settled: Plan, plan: Plan, policy: Policy) -> bool:
    level = settled.spread_after <= max(policy.spread, plan.spread_after + AS_GOOD)
    return level and (settled.kind == "drain" or settled.cost <= plan.cost * AS_CHEAP)


def what_if(cluster: Cluster, policy: Policy, now: float, request: PlanRequest, forecast: Forecast | None = None) -> Plan:
    """The plan for a cluster as it was read, without asking PVE anything; with what it warns of.

    With a forecast it levels what is expected over the coming day instead of the loads of the moment.
    """
    known(cluster, policy)
    policy = located(cluster, policy)

    def make(cluster: Cluster) -> Plan:
        if request.drain:
            drained = softened(lambda rules: _drain(cluster, rules, now, request), cluster, policy)
            return replace(drained, stopped=request.stopped)
        if forecast is not None:
            return plan_day(cluster, policy, now, forecast)
        return plan_balance(cluster, policy, now, goal=request.goal)

    plan = make(cluster)
    # Each round keeps at least one guest more where it is.
    while request.drain and (kept := kept_by_ha(cluster, policy, plan, request.maintenance)):
        guests = (replace(one, blockers=(*one.blockers, kept[one.vmid])) if one.vmid in kept else one for one in cluster.guests)
        cluster = replace(cluster, guests=tuple(guests))
        plan = make(cluster)
    if request.drain and request.maintenance:
        plan = replace(plan, warnings=(*plan.warnings, *told(cluster, plan)))
    plan = replace(plan, headroom=headroom(cluster, plan), domains=policy.domains)
    return noted(cluster, policy, keeping(cluster, plan, make) if policy.spare == "require" else plan)


def _drain(cluster: Cluster, policy: Policy, now: float, request: PlanRequest) -> Plan:
    return plan_drain(cluster, policy, request.drain, now, stopped=request.stopped, leave=request.leave)


def unexamined(cluster: Cluster, plan: Plan) -> list[int]:
    """The vmids that the plan moves although PVE has not been asked about them yet, ascending."""
    moved = {move.vmid for move in plan.moves}
    return sorted(guest.vmid for guest in cluster.guests if guest.vmid in moved and not guest.inspected)


def _examined_only(cluster: Cluster) -> Cluster:
    left = tuple(guest if guest.inspected else replace(guest, blockers=(*guest.blockers, NOT_EXAMINED)) for guest in cluster.guests)
    return replace(cluster, guests=left)
