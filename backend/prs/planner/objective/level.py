"""How good a state of the cluster is, in one order of aims: rules first, then the widest spread, then the sum of the spreads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from prs.model import Policy, Resource
from prs.planner.objective import score
from prs.planner.problem.problem import Problem

LEAST = 0.01  # a plan that cannot reach its aim has to lower the spread by at least this: loads jitter by as much

ROUNDED = 2e-9  # by so much two ranks may differ for having been rounded


@dataclass(frozen=True, slots=True)
class Level:
    """Breaches of rules that moves can repair, and the spread (fraction), times its weight, of each resource that the method levels."""

    breaches: int
    spreads: Mapping[Resource, float]

    @classmethod
    def of(cls, problem: Problem, load: score.Loads, breaches: int = 0) -> Level:
        """The level of these loads."""
        policy = problem.facts.policy
        return cls.weighed(policy, {one: score.spread(problem, load, one) for one in score.resources(policy, policy.method)}, breaches)

    @classmethod
    def weighed(cls, policy: Policy, spreads: Mapping[Resource, float], breaches: int = 0) -> Level:
        """The level of these spreads, which nothing has weighed yet."""
        return cls(breaches, {one: spread * score.weight(policy, policy.method, one) for one, spread in spreads.items()})

    def widths(self, policy: Policy, least: float, more: float = 0.0) -> dict[Resource, float]:
        """How wide each spread, before it is weighed, may be for none to count for more than here and `more`; at least `least`."""
        return {one: max(least, spread + more) / score.weight(policy, policy.method, one) for one, spread in self.spreads.items()}

    @property
    def widest(self) -> float:
        """The widest spread: the figure that is shown."""
        return max(self.spreads.values(), default=0.0)

    def rank(self, aim: float) -> tuple[float, ...]:
        """What to sort by, the best first; what is under the aim counts as the aim. Rounded, so that rounding decides nothing."""
        over = [max(aim, spread) for spread in self.spreads.values()]
        return (self.breaches, round(max(over, default=0.0), 9), round(sum(over), 9))

    def better(self, other: Level, aim: float, least: float = LEAST) -> bool:
        """True when it repairs more than the other, or is more level by so much that moving guests is worth it."""
        if self.breaches != other.breaches:
            return self.breaches < other.breaches
        (_, widest, total), (_, widest_other, total_other) = self.rank(aim), other.rank(aim)
        if widest > widest_other:
            return False
        return widest <= widest_other - least + ROUNDED or total <= total_other - least + ROUNDED
