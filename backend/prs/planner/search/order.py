"""Puts moves into an order in which every intermediate state fits, those that help most first, and groups them into parallel rounds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from random import Random

from prs.model import RESOURCES, Method, Move
from prs.planner.objective import score
from prs.planner.problem.board import SLACK, Board
from prs.planner.problem.problem import Problem
from prs.planner.problem.storage_map import Landing
from prs.planner.search.way import Step

TRIES = 12  # orders tried, each with more chance in it, before a plan with detours, or without some of its moves, is accepted
DETOURS = 10  # parking moves in one plan: one that needs more would copy most guests twice


def sequence(problem: Problem, goal: Mapping[int, int], method: Method) -> tuple[list[Step], list[int]]:
    """Steps that bring each unit of `goal` to its node, those that level most first, and the units for which no safe step was found."""
    best: tuple[list[Step], list[int]] = ([], sorted(goal))
    for seed in range(TRIES):
        steps, late = _attempt(problem, goal, method, seed)
        if not late and not any(step.parking for step in steps):
            return patient(problem, steps), late
        if not best[0] or (len(late), len(steps)) < (len(best[1]), len(best[0])):
            best = steps, late
    if safe(Board(problem), goal):
        return patient(problem, [Step(unit, target) for unit, target in goal.items()]), []
    return patient(problem, best[0]), best[1]


def safe(board: Board, goal: Mapping[int, int]) -> bool:
    """True when the moves fit one after the other in the order of the goal; the board is left as they leave it."""
    for unit, target in goal.items():
        if not board.fits(unit, target):
            return False
        board.move(unit, target)
    return True


def of_goal(board: Board, goal: Mapping[int, int]) -> dict[int, int] | None:
    """The goal in an order in which each unit fits when its turn comes; None where none was found. The board has them all there."""
    if all(map(board.plain.__getitem__, goal)):
        return _plain(board.problem, goal)
    loads = [board.memory[:], board.cpu[:], board.disk[:]]
    for unit in goal:
        board.move(unit, board.units[unit].home)
    left, ordered = list(goal), dict[int, int]()
    while left:
        late = []
        for unit in left:
            if board.fits(unit, goal[unit]):
                board.move(unit, goal[unit])
                ordered[unit] = goal[unit]
            else:
                late.append(unit)
        if len(late) == len(left):
            break
        left = late
    for unit in left:
        board.move(unit, goal[unit])
    board.memory[:], board.cpu[:], board.disk[:] = loads  # rounding must not add up
    return None if left else ordered


def _plain(problem: Problem, goal: Mapping[int, int]) -> dict[int, int] | None:
    """The same for units of `Problem.plain`: sums are all there is to look at."""
    memory, cpu, disk = (problem.load[resource][:] for resource in RESOURCES)
    room, cores, space = (problem.cap[resource] for resource in RESOURCES)
    left, ordered = list(goal), dict[int, int]()
    while left:
        late = []
        for unit in left:
            item, target = problem.units[unit], goal[unit]
            if (item.allowed[target] and (memory[target] + item.memory <= room[target] or not item.memory)
                    and (disk[target] + item.disk <= space[target] or not item.disk)
                    and (cpu[target] + item.cpu <= cores[target] + SLACK or not item.cpu)):
                for load, size in ((memory, item.memory), (cpu, item.cpu), (disk, item.disk)):
                    load[target] += size
                    load[item.home] -= size
                ordered[unit] = target
            else:
                late.append(unit)
        if len(late) == len(left):
            return None
        left = late
    return ordered


def parked(steps: Sequence[Step]) -> set[int]:
    """The units that the steps leave where they are only parked."""
    return {step.unit for step in {step.unit: step for step in steps}.values() if step.parking}


def patient(problem: Problem, steps: list[Step]) -> list[Step]:
    """The steps with those last that have to wait for a lock: they leave a drained node, where nobody waits for their room.

    Somebody may wait for them to leave the node's failure domain, though: then the order stays as it is.
    """
    parked = {step.unit for step in steps if step.parking}
    late = sorted(steps, key=lambda step: step.unit not in parked and any(guest.occupied for guest in problem.units[step.unit].guests))
    board = Board(problem)
    for step in late if late != steps and problem.wide else ():
        if not board.fits(step.unit, step.target):
            return steps
        board.move(step.unit, step.target)
    return late


def _attempt(problem: Problem, goal: Mapping[int, int], method: Method, seed: int) -> tuple[list[Step], list[int]]:
    """One order: without a seed strictly by what levels most, else with ever more chance in it, to get out of dead ends."""
    board, steps, random = Board(problem), list[Step](), Random(seed).random
    left = dict(sorted(goal.items()))
    while left:
        ready = [unit for unit, target in left.items() if board.fits(unit, target)]
        if ready:
            gain = {unit: _level(board, unit, left[unit], method) * (1.0 - random() * seed / TRIES) for unit in ready}
            best = min(ready, key=lambda unit: (gain[unit], unit))
            steps.append(Step(best, left[best]))
            board.move(best, left.pop(best))
            continue
        detour = _detour(board, left, len(steps) + len(left) - len(goal))
        if detour is None:
            break
        steps.append(detour)
        board.move(detour.unit, detour.target)
    return steps, sorted(left)


def _level(board: Board, unit: int, target: int, method: Method) -> float:
    """The change of the nodes' squared loads when the unit moves: the lower, the more the step helps."""
    item, source, change = board.units[unit], board.where[unit], 0.0
    for resource in score.resources(board.problem.facts.policy, method):
        size = item.size(resource)
        for place, sign in ((source, -1), (target, 1)):
            total = board.problem.total[resource][place]
            if total and place in board.problem.active:
                load = board.load[resource][place]
                weight = score.weight(board.problem.facts.policy, method, resource) ** 2
                change += (((load + sign * size) / total) ** 2 - (load / total) ** 2) * weight
    return change


def _detour(board: Board, left: Mapping[int, int], before: int) -> Step | None:
    """A parking move that lets another unit get to its node; the cheapest one, None when there is none or too many came `before`."""
    if before >= DETOURS:
        return None
    wanted = set(left.values())
    choices = []
    for unit in left:
        if board.where[unit] not in wanted:
            continue
        for place in board.problem.active:
            if place not in (board.where[unit], left[unit]) and board.fits(unit, place) and _leads_on(board, unit, place, left[unit]):
                source = board.where[unit]
                board.move(unit, place)
                frees = any(other != unit and board.fits(other, target) for other, target in left.items())
                board.move(unit, source)
                if frees:
                    choices.append((board.units[unit].cost, unit, place))
                    break
    if not choices:
        return None
    _, unit, place = min(choices)
    return Step(unit, place, True)


def _leads_on(board: Board, unit: int, place: int, final: int) -> bool:
    """True when the unit may go on from the node where it is parked to its final one."""
    names, facts = board.problem.names, board.problem.facts
    # Where its disks would go on to from a storage of another name is not looked at: such a node is no place to wait.
    if board.units[unit].landings_on(place):
        return False
    return not any(facts.onward(guest, names[place], names[final]) for guest in board.units[unit].guests)


def rounds(problem: Problem, moves: Sequence[Move], landed: Mapping[tuple[int, int], Landing] | None = None) -> list[int]:
    """The round of each move: within one, any overlap in any order fits, and no node or link has more moves than the policy allows.

    `landed`: on which storages disks land, by unit and node.
    """
    board, number, numbers = Board(problem), 1, list[int]()
    board.decided.update(landed or {})
    current: list[Move] = []
    held: dict[int, list[int]] = {}  # units under way: the node that still holds them, and how many of their guests are yet to move
    for move in moves:
        unit, target = problem.unit_of[move.vmid], problem.index[move.target]
        halfway = unit in held and held[unit][1] > 0
        if current and not (_spare(problem, current, move) and (halfway or (unit not in held and board.fits(unit, target)))):
            number, current = number + 1, []
            for other in [one for one, (_, waiting) in held.items() if not waiting]:
                board.book(other, held.pop(other)[0], -1)
        if not halfway:
            held[unit] = [board.where[unit], len(board.units[unit].guests)]
            board.book(unit, target, 1)
            board.where[unit] = target
        held[unit][1] -= 1
        current.append(move)
        numbers.append(number)
    return numbers


def _spare(problem: Problem, current: Sequence[Move], move: Move) -> bool:
    """True when one more migration keeps to the policy's parallelism."""
    policy = problem.facts.policy
    busy = Counter(name for other in current for name in (other.source, other.target))
    return len(current) < policy.parallel_total and max(busy[move.source], busy[move.target]) < policy.parallel_node
