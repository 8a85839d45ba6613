"""The limits that the planner and the check of its plans share are those that the oracle reads for itself."""

from __future__ import annotations

import pytest

from prs.planner.problem.fixed_limits import FixedLimits
from truth.clusters import case, named
from truth.oracle import Truth


@pytest.mark.parametrize("part", range(4))
def test_planner_and_oracle_read_the_same_limits(part: int) -> None:
    """`verify` walks a plan with the planner's own fixed limits, so they are held against a third reading here."""
    seen = {"stays": 0, "may go": 0, "may not go": 0}
    for seed in range(part * 100, part * 100 + 100):
        given = (case if seed % 2 else named)(seed)
        limits, truth = FixedLimits(given.cluster, given.policy, given.drain), Truth(given.cluster, given.policy, given.drain)
        assert set(limits.open) == {truth.names[place] for place in truth.open}, seed
        for guest in truth.guests.values():
            fixed = limits.fixed(limits.guests[guest.vmid])
            assert bool(fixed) == truth.stays(guest), (seed, guest.vmid, fixed)
            seen["stays"] += bool(fixed)
            for place in truth.open:
                refusal = limits.refusal(limits.guests[guest.vmid], truth.names[place])
                if not fixed and guest.node != truth.names[place]:
                    assert bool(refusal) != truth.may_be_on(guest, place), (seed, guest.vmid, truth.names[place], refusal)
                    seen["may not go" if refusal else "may go"] += 1
    assert min(seen.values()) > 50, seen
