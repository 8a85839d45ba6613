#!/usr/bin/env python3
"""Plans on instances made here by a seed, so that a clone has something to measure: spreads, moves, broken limits, drains, CPU seconds;
and how even nodes get beside what a plain steepest descent makes of them.

They say nothing beside the rivals' figures: those belong to the benchmark's own instances (run_bench.py).
"""

from __future__ import annotations

import itertools
import pathlib
import statistics
import sys
import time
from typing import Any

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parents[1] / "backend")]

import lifeline  # noqa: E402
from benchmark import drains, generate, plan_instance, roadef  # noqa: E402
from benchmark.walk import walk  # noqa: E402
from prs.model import Plan, Policy  # noqa: E402
from prs.planner.plan import plan_balance, plan_drain  # noqa: E402

SIZES, SEEDS = ("s1", "s2", "s3", "s4"), (1, 2)
LARGE = "s5"
BUDGETS = (5, 20, 40)  # moves, with which the most level cluster is looked for
DESCENTS = (1, 2, 3)  # seeds of the clusters that a steepest descent levels, too


def policy(instance: dict[str, Any]) -> Policy:
    """What the instance allows."""
    return Policy(ignore_guests=tuple(str(row["id"]) for row in instance["guests"] if row.get("ignore")), containers=True)


def planned(instance: dict[str, Any]) -> tuple[Plan, float, list[str]]:
    """The product's plan, its CPU seconds, and what walking it step by step breaks."""
    cluster, start = plan_instance.cluster(instance), time.process_time()
    drain = instance["drain"]
    plan = plan_drain(cluster, policy(instance), drain, 0.0) if drain else plan_balance(cluster, policy(instance), 0.0)
    seconds = time.process_time() - start
    return plan, seconds, walk(instance, [(move.vmid, move.target) for move in plan.moves])[0]


def spread(loads: Any) -> float:
    """Percentage points of memory between the fullest and the emptiest node."""
    figures: list[float] = [load.memory for load in loads]
    return 100 * (max(figures) - min(figures))


def levelling() -> bool:
    """One line for each family; whether no limit was broken."""
    heads = ("instances", "spread before", "after", "moves", "limits broken", "CPU s, worst")
    print(f"{'levelling, family':20}" + "".join(f" {head:>14}" for head in heads))
    whole = True
    for case in generate.CASES:
        rows = [planned(generate.instance(size, case, seed)) for size in SIZES for seed in SEEDS]
        before, after = (statistics.fmean(spread(getattr(plan, name)) for plan, *_ in rows) for name in ("before", "after"))
        moves, broken = statistics.fmean(len(plan.moves) for plan, *_ in rows), sum(bool(words) for *_, words in rows)
        worst = max(seconds for _, seconds, _ in rows)
        print(f"{case:20} {len(rows):>14} {before:>14.1f} {after:>14.1f} {moves:>14.1f} {broken:>14} {worst:>14.2f}", flush=True)
        whole &= not broken
    return whole


def draining() -> bool:
    """How many drains are answered as their making says; whether all are."""
    done = [planned(drains.feasible(size, seed)[0]) for size in SIZES[:3] for seed in SEEDS]
    right = sum(not plan.blockers and not broken for plan, _, broken in done)
    refused = [planned(drains.infeasible(size, 1, why)[0]) for size in SIZES[:3] for why in drains.IMPOSSIBLE]
    said = sum(bool(plan.blockers) and not plan.moves for plan, *_ in refused)
    print(f"\ndrains that can be done, done: {right} of {len(done)}; that cannot be done, refused: {said} of {len(refused)}", flush=True)
    return right == len(done) and said == len(refused)


def beside_descent() -> bool:
    """Deviations beside those of a plain steepest descent on clusters of ROADEF's shape; whether none of ours is worse.

    Neither looks at what becomes of the nodes' cores, as long as they suffice: the descent knows no guard, so ours is switched off.
    """
    print(f"\n{'standard deviation, points':28}" + "".join(f" {head:>9}" for head in ("moves", "start", "descent", "ours", "CPU s")))
    whole = True
    for (nodes, guests), seed, most in itertools.product(roadef.SIZES, DESCENTS, BUDGETS):
        made = roadef.instance(nodes, guests, seed)
        start, plain = roadef.Descent(made), roadef.Descent(made).run(most)
        began = time.process_time()
        wish = Policy(max_moves=most, spread=0.0, aim=1.0, dirty_rate=0.0, guard=1.0)
        plan = plan_balance(plan_instance.cluster(made), wish, 0.0, "level")
        seconds, ours = time.process_time() - began, roadef.Descent(made)
        for move in plan.moves:
            ours.move(move.vmid, ours.names.index(move.target))
        figures = "".join(f" {100 * one.deviation:>9.3f}" for one in (start, plain, ours))
        print(f"{f'{nodes} machines/{guests} processes, {seed}':28} {most:>9}{figures} {seconds:>9.2f}", flush=True)
        whole &= ours.deviation <= plain.deviation + 1e-9 and not walk(made, [(move.vmid, move.target) for move in plan.moves])[0]
    return whole


def main() -> int:
    """Print the figures; 1 if a limit was broken or a drain answered wrongly."""
    print("Instances made by a seed, not those of the README's figures beside rivals (--instances DIR runs these).")
    good = levelling()
    good &= draining()
    good &= beside_descent()
    plan, seconds, broken = planned(generate.instance(LARGE, "over", 1))
    nodes, guests = generate.SIZES[LARGE]
    print(f"{nodes} nodes and {guests} guests, over: {seconds:.2f} CPU seconds, {len(plan.moves)} moves, "
          f"spread {spread(plan.before):.1f} -> {spread(plan.after):.1f}")
    return 0 if good and not broken else 1


if __name__ == "__main__":
    lifeline.end_in_order()
    sys.exit(main())
