"""What a placement says about small random clusters is true."""

from __future__ import annotations

from dataclasses import replace

import pytest

from prs.planner.place import place_new
from truth.places import false_claims, question, truth_of

CLUSTERS = 240
PARTS = 4


@pytest.mark.parametrize("part", range(PARTS))
def test_no_claim_is_false(part: int) -> None:
    false, feasible = {}, 0
    for seed in range(part, CLUSTERS, PARTS):
        cluster, policy, asked = question(seed)
        found = place_new(cluster, policy, asked, 0.0)
        feasible += found.feasible
        if claims := list(false_claims(truth_of(cluster, policy, asked), found)):
            false[seed] = claims
    assert false == {}
    assert 10 < feasible < CLUSTERS // PARTS - 2, "both answers are tried"


def test_lies_are_found_out() -> None:
    for seed in range(CLUSTERS):
        cluster, policy, asked = question(seed)
        found = place_new(cluster, policy, asked, 0.0)
        ranked = [one for one in found.guests[0].candidates if one.rank]
        if found.feasible and len(asked) == 1 and len(ranked) > 1 and ranked[-1].spread > ranked[0].spread + 0.01:
            break
    truth = truth_of(cluster, policy, asked)
    assert list(false_claims(truth, replace(found, spread_after=found.spread_after + 0.1)))
    assert list(false_claims(truth, replace(found, summary="There is no place.", guests=(replace(found.guests[0], node=""),))))
    turned = replace(found.guests[0], candidates=(replace(ranked[-1], rank=1), *(replace(one, reason="") for one in ranked[:-1])))
    assert list(false_claims(truth, replace(found, guests=(turned,))))
