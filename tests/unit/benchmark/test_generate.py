"""Generated instances are what the benchmark's format says, and the same for the same seed."""

from __future__ import annotations

import pytest

from benchmark import generate, plan_instance
from prs.model import Policy
from prs.planner.plan import check_plan, plan_balance


@pytest.mark.parametrize("case", generate.CASES)
def test_instances_are_sound_and_can_be_planned(case: str) -> None:
    made = generate.instance("s1", case, 1)
    assert made == generate.instance("s1", case, 1)
    assert made != generate.instance("s1", case, 2)
    names = {node["name"] for node in made["nodes"]}
    assert {row["node"] for row in made["guests"]} <= names
    for node in made["nodes"]:
        assert node["mem_host"] + sum(row["mem"] for row in made["guests"] if row["node"] == node["name"]) <= node["mem"]
    snapshot = plan_instance.cluster(made)
    policy = Policy(containers=True)
    assert check_plan(snapshot, policy, plan_balance(snapshot, policy, 0.0)) == []


def test_constraints_are_there_and_one_is_broken() -> None:
    made = generate.instance("s2", "constr", 1)
    where = {row["id"]: row["node"] for row in made["guests"]}
    assert sum(len({where[vmid] for vmid in group}) < len(group) for group in made["anti_affinity"]) == 1
    assert all(len({where[vmid] for vmid in pair}) == 1 for pair in made["affinity"])
    assert any(row.get("ignore") for row in made["guests"])
    assert all(row["node"] in row["pin"] for row in made["guests"] if "pin" in row)
