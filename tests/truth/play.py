"""Asks the planner about a cluster and holds its answer against the truth."""

from __future__ import annotations

from prs.model import Cluster, Plan, Policy
from prs.planner.plan import check_plan, plan_balance, plan_drain
from truth.claims import false_claims
from truth.clusters import Case


def play(case: Case) -> tuple[Plan, list[str]]:
    """The plan, and each claim of it that is false."""
    plan = plan_drain(case.cluster, case.policy, case.drain, 0.0) if case.drain else plan_balance(case.cluster, case.policy, 0.0)
    broken = [f"the walk says: {text}" for text in check_plan(case.cluster, case.policy, plan)]
    return plan, [*broken, *false_claims(case, plan, _again)]


def _again(cluster: Cluster, policy: Policy) -> Plan:
    return plan_balance(cluster, policy, 0.0)
