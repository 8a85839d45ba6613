"""Says when a cluster is left alone although it is uneven (no node is full enough, or waits; all is idle), and what pressure calls for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from prs.model import Policy, Resource
from prs.planner.objective import score
from prs.planner.problem.counted_memory import LABEL, label
from prs.planner.problem.problem import Problem
from prs.planner.quantities import listed

NOBODY: tuple[float, Resource, str] = (0.0, "memory", "")
FELT: tuple[Resource, ...] = ("memory", "cpu")  # moving guests takes no pressure of input and output off a shared storage


def quiet(policy: Policy, fullest: Mapping[Resource, float]) -> str:
    """Why nothing is levelled, in words, by the load of the fullest node of each resource (fraction); "" when something may be."""
    levelled = [resource for resource in score.resources(policy, policy.method) if resource in fullest]
    limits = dict(policy.only_over)
    if levelled and all(resource in limits and fullest[resource] <= limits[resource] for resource in levelled):
        shown = " or ".join(f"more than {limits[resource] * 100:g}% of its {label(policy, resource)}" for resource in levelled)
        return f"Nothing to do: no node uses {shown} (only_over)."
    if levelled and all(fullest[resource] < policy.idle_under for resource in levelled):
        most = " and ".join(f"{fullest[resource] * 100:.1f}% of its {label(policy, resource)}" for resource in levelled)
        return f"Nothing to do: the fullest node uses {most}, and a cluster under {policy.idle_under * 100:g}% is left alone (idle_under)."
    return ""


def pressed(problem: Problem) -> tuple[Policy, str, tuple[str, ...]]:
    """With `by_pressure`: the policy that levels what nodes wait for, why nothing is levelled ("" = something is), and warnings.

    A node above the policy's `hot` share of memory is relieved whatever it waits for.
    """
    policy, nodes = problem.facts.policy, [problem.facts.nodes[problem.names[place]] for place in problem.active]
    shares = {resource: {node.name: share for node in nodes if (share := getattr(node, f"pressure_{resource}")) is not None}
              for resource in FELT}
    silent = [node.name for node in nodes if not all(node.name in shares[resource] for resource in FELT)]
    words = f"{listed(silent)}: no pressure is told (Proxmox VE 9 tells it). Method pressure does not see who waits there."
    doubts = (words,) if silent else ()
    most = [(share, resource, name) for resource in FELT for name, share in shares[resource].items()]
    share, resource, name = max(most, key=lambda one: one[0], default=NOBODY)
    if score.fullest(problem, problem.load).get("memory", 0.0) > policy.hot_over:
        words = f"A node uses more than {policy.hot * 100:g}% of its memory (hot): this plan levels memory, whatever is waited for."
        return replace(policy, method="memory"), "", (*doubts, words)
    if not name:
        return policy, "Nothing to do: no node tells its pressure (Proxmox VE 9 does), and method pressure goes by nothing else.", ()
    waits = f"{name} waits for {LABEL[resource]} {share * 100:.1f}% of the time"
    if share <= policy.pressure_over:
        words = f"no node waits for memory or CPU more than {policy.pressure_over * 100:g}% of the time (pressure_over)"
        return policy, f"Nothing to do: {words}; the most is that {waits}.", doubts
    return replace(policy, method=resource), "", (*doubts, f"{waits}: this plan levels {LABEL[resource]} (method pressure).")
