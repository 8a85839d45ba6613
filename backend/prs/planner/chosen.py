"""Exactly the moves that a person chose: checked, put into a safe order, or refused with what stands against each."""

from __future__ import annotations

from prs.errors import PlanError
from prs.model import Cluster, Policy
from prs.planner.choice import Choice
from prs.planner.problem.board import Board
from prs.planner.problem.problem import Problem
from prs.planner.search import order
from prs.similar import in_brackets


def known(cluster: Cluster, policy: Policy) -> None:
    """PlanError with every node or guest of the person's choice that there is not."""
    names, vmids = [node.name for node in cluster.nodes], {guest.vmid for guest in cluster.guests}
    wanted = dict.fromkeys([*policy.avoid, *(target for _, target in policy.targets)])
    wrong = [f"there is no node {name}{in_brackets(name, names)}" for name in wanted if name not in names]
    wrong += [f"there is no guest {vmid}" for vmid, _ in policy.targets if vmid not in vmids]
    if wrong:
        raise PlanError("; ".join(wrong))


def choice(problem: Problem) -> Choice:
    """The steps to the policy's targets, PlanError for what cannot be; guests that must move together go where the first named is to go."""
    goal, wrong, guests = dict[int, int](), list[str](), problem.facts.guests
    for vmid, target in problem.facts.policy.targets:
        guest = guests[vmid]
        if vmid in problem.stays:
            wrong.append(f"{guest.label} cannot move: {problem.stays[vmid]}")
        elif guest.node == target:
            wrong.append(f"{guest.label} is on {target} already")
        else:
            goal.setdefault(problem.unit_of[vmid], problem.index[target])
    steps, late = order.sequence(problem, goal, problem.facts.policy.method) if goal else ([], [])
    board = Board(problem)
    for step in steps:
        board.move(step.unit, step.target)
    for unit in late:
        label, name = problem.units[unit].guests[0].label, problem.names[goal[unit]]
        why = board.obstacle(unit, goal[unit]) or f"no order of the moves was found in which there is room for it on {name}"
        wrong.append(f"{label} cannot go to {name}: {why}")
    if wrong:
        raise PlanError(f"{'; '.join(wrong)}.")
    return Choice(steps)
