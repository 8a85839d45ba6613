"""Chooses the steps of a plan for the coming day: what levels it most for what it costs, or nothing where that is not worth it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from prs.model import Forecast, Outlook, Term
from prs.planner.choice import Choice
from prs.planner.day.descent import Descent
from prs.planner.day.hours import Hours, outlook
from prs.planner.day.worth import Worth
from prs.planner.problem.counted_memory import label
from prs.planner.problem.problem import Problem
from prs.planner.quantities import points
from prs.planner.search import order
from prs.planner.search.budget import Budget
from prs.planner.thresholds import quiet

IDLE = 0.1  # load (fraction) under which nobody gains from a more level cluster, however wide its spread
THRIFT = (0.0, 0.6)  # one descent looks for the fewest moves, one for the cheapest


@dataclass(frozen=True)
class Day:
    """The choice for the coming day, what it expects, and the table of what it gains and costs."""

    choice: Choice
    outlook: Outlook
    terms: tuple[Term, ...] = ()


def choose(problem: Problem, forecast: Forecast) -> Day:
    """The steps that are worth their cost over the coming day, each of which fits now and in every half hour."""
    policy = problem.facts.policy
    hours = Hours(problem, forecast)
    now = outlook(hours, {}, policy.hot)
    if words := quiet(policy, {resource: hours.fullest(resource) for resource in hours.levelled}):
        return Day(Choice(nothing=words), now)
    if words := _idle(problem, hours):
        return Day(Choice(nothing=words), now)
    if now.widest_before <= policy.spread and max(hours.peaks(), default=0.0) <= policy.hot:
        words = f"Nothing to do: {_widest(problem, now)}, within the {points(policy.spread)} that count as balanced."
        return Day(Choice(nothing=words), now)
    budget = Budget(policy.max_moves, policy.max_bytes)
    found = [Descent(day := Hours(problem, forecast), Worth(day, policy.hot), budget, thrift).run() for thrift in THRIFT]
    for one in sorted(found, key=lambda one: -one.worth):
        steps, late = order.sequence(problem, one.goal, policy.method)
        if steps and not late and len(budget.within(problem, steps)) == len(steps):
            expected = outlook(hours, one.goal, policy.hot)
            return Day(Choice(steps), replace(expected, sentence=_sentence(problem, expected)), Worth(hours, policy.hot).terms(one.goal))
    return Day(Choice(nothing=f"Nothing to do: {_widest(problem, now)}; lowering it would cost more than it brings."), now)


def _idle(problem: Problem, hours: Hours) -> str:
    """Why a cluster that hardly uses anything all day is left alone; "" for any other."""
    fullest = {resource: hours.fullest(resource) for resource in hours.levelled}
    if not fullest or max(fullest.values()) >= IDLE:
        return ""
    most = " and ".join(f"{use * 100:.1f}% of its {label(problem.facts.policy, resource)}" for resource, use in fullest.items())
    return f"Nothing to do: the fullest node is expected to use {most} at most, and under {IDLE * 100:g}% nobody gains from levelling."


def _widest(problem: Problem, day: Outlook) -> str:
    what = label(problem.facts.policy, problem.facts.policy.method)
    return f"the widest {what} spread of the next {day.hours:.0f} h is expected to be {points(day.widest_before)}"


def _sentence(problem: Problem, day: Outlook) -> str:
    """What the plan expects, and what would be without it."""
    what = label(problem.facts.policy, problem.facts.policy.method)
    text = (f"expected: the widest {what} spread of the next {day.hours:.0f} h goes from {day.widest_before * 100:.1f} to "
            f"{points(day.widest_after)}; without it: {day.widest_before * 100:.1f}")
    if day.hot_before:
        text += f"; hours with a node above {day.limit * 100:.0f}% of memory: {day.hot_after:.1f}, without it {day.hot_before:.1f}"
    return text
