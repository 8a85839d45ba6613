"""Says when a cluster is left alone although it is uneven: no node is full enough to matter, or all is idle."""

from __future__ import annotations

from collections.abc import Mapping

from prs.model import Policy, Resource
from prs.planner.objective import score
from prs.planner.problem.counted_memory import label


def quiet(policy: Policy, fullest: Mapping[Resource, float]) -> str:
    """Why nothing is levelled, in words, by the load of the fullest node of each resource (fraction); "" when something may be."""
    levelled = [resource for resource in score.resources(policy.method) if resource in fullest]
    limits = dict(policy.only_over)
    if levelled and all(resource in limits and fullest[resource] <= limits[resource] for resource in levelled):
        shown = " or ".join(f"more than {limits[resource] * 100:g}% of its {label(policy, resource)}" for resource in levelled)
        return f"Nothing to do: no node uses {shown} (only_over)."
    if levelled and all(fullest[resource] < policy.idle_under for resource in levelled):
        most = " and ".join(f"{fullest[resource] * 100:.1f}% of its {label(policy, resource)}" for resource in levelled)
        return f"Nothing to do: the fullest node uses {most}, and a cluster under {policy.idle_under * 100:g}% is left alone (idle_under)."
    return ""
