"""Makes plans with the caller's rights and keeps them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from prs.engine.drain.keep_out import keep_out
from prs.engine.execution.arrivals import arrived
from prs.engine.journal.hold import Hold
from prs.engine.loads.link_speeds import with_speeds
from prs.engine.planning import PlanRequest
from prs.engine.supposing import make_supposed
from prs.model import Cluster, Guest, Plan, Policy
from prs.planner.objective.headroom import headroom
from prs.planner.supposed import Suppose
from prs.web.access.actions import refusals, require
from prs.web.access.auth import Caller
from prs.web.access.rights import Rights
from prs.web.api.refusal import Refusal
from prs.web.inbox.desk import Desk
from prs.web.json_of import options, plan_json

_LIMITS = ("containers", "max_moves", "max_bytes")


def make_plan_of_caller(desk: Desk, who: Caller, asked: dict[str, Any]) -> dict[str, Any]:
    """Plan as asked, keep the plan, and give it as JSON; what open jobs are moving counts as arrived, as on the command line."""
    drains = asked["kind"] == "drain" or "without" in asked
    require(refusals(who.rights)["plan_drain" if drains else "plan"])
    if "kill_after" in asked and "rides" not in asked:
        raise Refusal(400, "invalid", "The request is not as described.", ["kill_after: only with rides, the guests that may be shut down"])
    policy = asked_policy(with_speeds(desk.settings.policy, desk.settings.state_dir), asked)
    suppose = _supposed(asked)
    node, goal = asked.get("node", suppose.without), asked.get("goal", "spread")
    request = PlanRequest(node, asked.get("stopped", True), goal, asked.get("leave", False), desk.helper.exists())
    held, jobs = desk.holds.held(), desk.journal.jobs(only_open=True)

    def beside(cluster: Cluster) -> Cluster:
        return arrived(keep_out(cluster, held, node), jobs, node)

    cluster, plan = make_supposed(desk.api(who), policy, desk.now(), request, suppose, beside, desk.holds.roster)
    chosen: dict[str, object] = {"method": policy.asked}
    chosen |= {name: getattr(policy, name) for name in _LIMITS if getattr(policy, name) is not None}
    chosen |= {} if policy.memory == "used" else {"memory": policy.memory}
    chosen["stopped" if request.drain else "goal"] = request.stopped if request.drain else request.goal
    if policy.kill_after:
        chosen["kill after"] = f"{policy.kill_after} s"
    if policy.avoid:
        chosen["avoid"] = ", ".join(policy.avoid)
    plan = complete(plan, cluster, chosen)
    return plan_json(desk.journal.add_plan(plan, policy, who.name), who.name, plan)


def _supposed(asked: dict[str, Any]) -> Suppose:
    """What the caller wants to be supposed; whole numbers may be written as 8.0 in JSON."""
    nodes = tuple((int(one["memory"]), float(one["cores"])) for one in asked.get("add_nodes", ()))
    return Suppose(nodes, float(asked.get("scale", 1.0)), asked.get("without", ""))


def asked_policy(policy: Policy, asked: dict[str, Any]) -> Policy:
    """The administrator's policy with what the caller chose."""
    whole: Any = {name: int(asked[name]) for name in ("max_moves", "max_bytes") if name in asked}
    chosen: Any = {name: asked[name] for name in ("memory", "containers") if name in asked}
    targets = tuple((int(one["vmid"]), str(one["target"])) for one in asked.get("targets", ()))
    policy = policy.levelling(asked.get("method", policy.asked))
    if rides := tuple(sorted(map(int, asked.get("rides", ())))):
        chosen |= {"rides": rides, "kill_after": int(asked.get("kill_after", 0))}
    return replace(policy, **chosen, **whole, relax=tuple(asked.get("relax", ())), avoid=tuple(asked.get("avoid", ())), targets=targets)


def complete(plan: Plan, cluster: Cluster, chosen: dict[str, object]) -> Plan:
    """The plan with what a person wants to see beside it: each move's cpu, kinds, options, and whether one more node may be lost."""
    guests = {guest.vmid: guest for guest in cluster.guests}
    return replace(
        plan,
        moves=tuple(replace(move, cpu=guests[move.vmid].cpu) for move in plan.moves),
        stays=tuple(replace(stay, kind=guests[stay.vmid].kind) for stay in plan.stays),
        blockers=tuple(replace(stay, kind=guests[stay.vmid].kind) for stay in plan.blockers),
        options=plan.options or options(chosen),
        headroom=plan.headroom or headroom(cluster, plan),
    )


def restriction(rights: Rights, held: Mapping[str, Hold], but: str = "") -> Callable[[Cluster], Cluster]:
    """Marks the guests that the caller has no right to migrate, and the nodes that are kept empty, except `but`."""

    def mark(guest: Guest) -> Guest:
        if rights.may_migrate(guest.vmid):
            return guest
        return replace(guest, blockers=(*guest.blockers, f"you have no right to migrate it (VM.Migrate on /vms/{guest.vmid})"))

    def restrict(cluster: Cluster) -> Cluster:
        return keep_out(replace(cluster, guests=tuple(mark(guest) for guest in cluster.guests)), held, but)

    return restrict
