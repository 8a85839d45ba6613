"""Which plans and jobs a caller gets to see: of this node's journal, and of the lists of several nodes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from prs.engine.journal.jobs import Job
from prs.engine.journal.journal import Journal
from prs.errors import NotFound
from prs.model import Plan
from prs.web.access.auth import Caller

Jobs = Sequence[Mapping[str, Any]]  # JobBrief of prs.web.api.schemas


def visible_plan(journal: Journal, plan_id: str, who: Caller) -> tuple[Plan, str]:
    """A stored plan of the caller's, or anybody's for an auditor; NotFound for others, which does not tell whether it exists."""
    plan, user = journal.plan(plan_id)
    if not (who.owns(user) or who.rights.may("Sys.Audit", "/")):
        raise NotFound(f"there is no plan {plan_id}")
    return plan, user


def visible_job(job: Job, who: Caller) -> bool:
    """Whether the job is the caller's, or the caller an auditor."""
    return who.owns(job.user) or who.rights.may("Sys.Audit", "/")


def newest(lists: Mapping[str, Jobs], limit: int) -> list[Mapping[str, Any]]:
    """The `limit` newest of the jobs by node, and of each node its newest few besides, newest first.

    So none gets another's out of sight, whatever times it gives its own. Half of the limit is shared by the nodes for that,
    so that there may be so many more; but each has one.
    """
    told = [sorted(jobs, key=_age) for jobs in lists.values() if jobs]
    share = max(1, limit // (2 * len(told))) if told else 0
    ranked = sorted(((job, rank < share) for jobs in told for rank, job in enumerate(jobs)), key=lambda one: _age(one[0]))
    return [job for place, (job, shared) in enumerate(ranked) if shared or place < limit]


def claimed_twice(lists: Mapping[str, Jobs]) -> dict[str, list[str]]:
    """Node -> the other nodes that list a job of the same id: at most one of them tells the truth."""
    owners, found = defaultdict[str, set[str]](set), defaultdict[str, set[str]](set)
    for node, jobs in lists.items():
        for job in jobs:
            owners[job["id"]].add(node)
    for nodes in owners.values():
        for node in nodes:
            found[node] |= nodes - {node}
    return {node: sorted(others) for node, others in sorted(found.items()) if others}


def _age(job: Mapping[str, Any]) -> tuple[float, str]:
    return -job["created"], job["id"]
