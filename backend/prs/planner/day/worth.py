"""What a plan for the coming day gains and costs, in one table of named terms: it is made only where the gain outweighs the cost."""

from __future__ import annotations

from collections.abc import Mapping

from prs.model import Term
from prs.planner.day.hours import Hours

# In seconds of moving for each 1.0 of the term; a cluster of more guests may pay more for a point of spread, because more profit from it.
WIDEST, MEAN = 3_000.0, 1_000.0  # for each 100 guests
HOT = 50_000.0  # a point of memory over the limit on one node for all of the day, whatever the cluster's size
DISTURBANCE = 30.0  # seconds that each migration counts beside its time: it is a risk and a slower moment for whoever uses the guest
AGAIN = 3.0  # times that it counts where a plan has moved the guest in the last day
FEWEST, MOST = 27.0, 200.0  # guests that a cluster counts as at least and at most
NEAR = 0.03  # below the limit (fraction): where loads are expected to come so near they may well go over it


class Worth:
    """The value of a state of the coming day, in seconds of moving, and what it costs to get there."""

    def __init__(self, hours: Hours, limit: float) -> None:
        self.hours, self.limit = hours, limit
        self.scale = min(MOST, max(FEWEST, len(hours.problem.facts.guests))) / 100

    def parts(self) -> tuple[float, float, float]:
        """The widest and the mean spread of the day, and what nodes use over the limit (fraction, mean of the half hours)."""
        spreads, line = self.hours.spreads(), self.limit - NEAR
        over = sum(max(0.0, load - line) for use in self.hours.usage("memory") for load in use)
        return max(spreads, default=0.0), sum(spreads) / max(1, len(spreads)), over / max(1, self.hours.count)

    def burden(self) -> float:
        """What the day as it is now in thought weighs, in seconds of moving; less is better."""
        widest, mean, over = self.parts()
        return self.scale * (WIDEST * widest + MEAN * mean) + HOT * over

    def moving(self, unit: int) -> float:
        """What moving a unit costs, in seconds."""
        item, recent = self.hours.problem.units[unit], self.hours.forecast.recent
        again = AGAIN if any(guest.vmid in recent for guest in item.guests) else 1.0
        return (item.cost + DISTURBANCE * len(item.guests)) * again

    def terms(self, moved: Mapping[int, int]) -> tuple[Term, ...]:
        """The table for a plan that brings the units to these nodes; the day ends as it was."""
        hours, before = self.hours, self.parts()
        homes = {unit: hours.board.where[unit] for unit in moved}
        for unit, node in moved.items():
            hours.move(unit, node)
        after = self.parts()
        for unit, node in homes.items():
            hours.move(unit, node)
        return (
            Term("widest spread of the day", WIDEST * self.scale, before[0], after[0]),
            Term("mean spread of the day", MEAN * self.scale, before[1], after[1]),
            Term("memory over the limit", HOT, before[2], after[2]),
            Term("moving", 1.0, 0.0, sum(map(self.moving, moved))),
        )
