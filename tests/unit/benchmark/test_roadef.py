"""Instances of ROADEF's shape keep their own limits, and neither the plain descent nor our plan breaks one; ours is no less level."""

from __future__ import annotations

from itertools import pairwise

from benchmark import plan_instance, roadef
from benchmark.walk import walk
from prs.model import Policy
from prs.planner.plan import plan_balance


def test_ours_is_at_least_as_level_as_the_plain_descent() -> None:
    made = roadef.instance(12, 120, 1)
    assert made == roadef.instance(12, 120, 1)
    assert walk(made, [])[0] == []
    assert any(len(group) == 6 for group in made["anti_affinity"])
    found = [roadef.Descent(made).run(most) for most in (0, 1, 4, 12)]
    assert all(len(one.moves) <= most for one, most in zip(found, (0, 1, 4, 12), strict=True))
    assert all(one.deviation > two.deviation for one, two in pairwise(found))
    for plain in found[1:]:
        assert walk(made, plain.moves)[0] == []
        wish = Policy(max_moves=len(plain.moves), spread=0.0, aim=1.0, dirty_rate=0.0)
        plan = plan_balance(plan_instance.cluster(made), wish, 0.0, "level")
        moves, ours = [(move.vmid, move.target) for move in plan.moves], roadef.Descent(made)
        assert walk(made, moves)[0] == []
        for vmid, target in moves:
            ours.move(vmid, ours.names.index(target))
        assert ours.deviation <= plain.deviation + 1e-9
