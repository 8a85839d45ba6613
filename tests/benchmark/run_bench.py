#!/usr/bin/env python3
"""Runs the planner benchmark and prints the project's table beside the rivals' figures: run_bench.py [DIRECTORY] [--only TEXT]."""

from __future__ import annotations

import argparse
import importlib.util
import json
import pathlib
import resource
import statistics
import sys
import tempfile
from collections import defaultdict
from types import ModuleType
from typing import Any

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parents[1] / "backend")]

import lifeline  # noqa: E402
from benchmark import jitter, plan_instance, rivals  # noqa: E402
from prs.model import RESOURCES, Cluster, Policy  # noqa: E402
from prs.planner.plan import plan_balance  # noqa: E402

PLANNER = [sys.executable, str(HERE / "plan_instance.py")]
FAMILIES = ("roadef", "bytedance", "constr", "hetero", "tight", "fresh")
RIVALS = {  # best rival as shipped, reference search (both as measured when the benchmark was made)
    "Q, all balancing instances": ("28", "94"), "Q, s1 and s2": ("33", "92"), "Q, roadef": ("10", "65"), "Q, bytedance": ("58", "100"),
    "Q, constr": ("41", "86"), "Q, hetero": ("26", "89"), "Q, tight": ("55", "98"), "Q, fresh": ("39", "94"),
    "instances with a limit broken": ("8 to 34 %", "0"), "drains answered rightly": ("86 %", "100 %"),
    "moves over the minimum": ("1.81", "1.00"),
    "CPU seconds, 32 nodes/2000 guests": ("1.2", "1.5"), "CPU seconds, 64 nodes/8000 guests": ("7.6", "4.5"),
    "resident memory, MiB": ("95", "20"), "moves of a second run": ("up to 7 runs", "0 in 17 of 18"),
}


class Meter:
    """Calls the scorer's `ask` and keeps CPU seconds of each whole process by instance."""

    def __init__(self, scorer: ModuleType) -> None:
        self.ask, self.cpu = scorer.ask, defaultdict[str, float](float)

    def __call__(self, planner: list[str], path: pathlib.Path, *args: object, timeout: float) -> Any:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        answer = self.ask(planner, path, *args, timeout=timeout)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        self.cpu[path.stem] = max(self.cpu[path.stem], spent)
        return answer


def scorer(directory: pathlib.Path) -> ModuleType:
    """The benchmark's own score.py as a module."""
    spec = importlib.util.spec_from_file_location("benchmark_score", directory / "score.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def second_run(score: ModuleType, path: pathlib.Path, instance: dict[str, Any], reference: dict[str, Any]) -> int:
    """Moves of a second run on what the first one left."""
    question = () if instance["drain"] else ("--spread", reference["tau"])
    answer = score.ask(PLANNER, path, *question, timeout=120)
    if "infeasible" in answer:
        return 0
    where = dict(answer["moves"])
    after = {**instance, "guests": [{**guest, "node": where.get(guest["id"], guest["node"])} for guest in instance["guests"]]}
    with tempfile.TemporaryDirectory() as directory:
        later = pathlib.Path(directory) / path.name
        later.write_text(json.dumps(after))
        return len(score.ask(PLANNER, later, *question, timeout=120).get("moves", []))


def infeasible(instance: dict[str, Any]) -> bool:
    """True when the guests need more of a resource than all nodes but the drained one have: no plan can exist."""
    for name in ("mem", "cpu", "disk"):
        nodes = [node for node in instance["nodes"] if node["name"] != instance["drain"]]
        room = sum(node.get(name, 0) - node.get(f"{name}_host", 0) for node in nodes)
        if room and sum(guest.get(name, 0) for guest in instance["guests"]) > room:
            return True
    return False


def measure(directory: pathlib.Path, only: str) -> tuple[dict[str, dict[str, Any]], float]:
    """A row of figures for each instance, and the largest resident memory of a planner process in MiB."""
    score = scorer(directory)
    meter = score.ask = Meter(score)  # type: ignore[attr-defined]
    references = json.loads((directory / "references.json").read_text())
    rows = {}
    for path in sorted((directory / "instances").glob("*.json")):
        if only not in path.name:
            continue
        instance, reference = json.loads(path.read_text()), references[path.stem]
        row = (score.drain if instance["drain"] else score.balance)(PLANNER, path, instance, reference, 120)
        if instance["drain"] and not row["right"] and infeasible(instance):
            row["right"] = "moves_ratio" not in row  # refused, as it has to be; the reference search just did not prove it
        again = second_run(score, path, instance, reference)
        row.update(size=instance["size"], case=instance["case"], again=again, best=reference.get("drain"))
        row["cpu"] = meter.cpu[path.stem]
        rows[path.stem] = row
        print(".", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return rows, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


def quality(rows: list[dict[str, Any]]) -> str:
    """Q of these rows, as the benchmark's README defines it."""
    es, cs = [row["E"] for row in rows if row["E"] is not None], [row["C"] for row in rows]
    return f"{50 * (statistics.fmean(es) + statistics.fmean(cs)):.1f}" if es and cs else "-"


def figures(rows: dict[str, dict[str, Any]], memory: float) -> dict[str, str]:
    """The project's table: name and our figure."""
    level, drains = [row for row in rows.values() if "C" in row], [row for row in rows.values() if "right" in row]
    table = {"Q, all balancing instances": quality(level), "Q, s1 and s2": quality([row for row in level if row["size"] in ("s1", "s2")])}
    for family in FAMILIES:
        table[f"Q, {family}"] = quality([row for row in level if row["case"] == family])
    ratios = [row["moves_ratio"] for row in drains if row.get("moves_ratio")]
    known = [row for row in drains if row.get("moves_ratio") and row["best"]["spread_after"] is not None]
    extra = [row["spread"] - row["best"]["spread_after"] for row in known]
    table["instances with a limit broken"] = str(sum(bool(row["broken"]) for row in rows.values()))
    table["drains answered rightly"] = f"{sum(row['right'] for row in drains)} of {len(drains)}"
    table["moves over the minimum"] = f"{statistics.fmean(ratios):.2f}" if ratios else "-"
    table["points of spread over the best after a drain, worst"] = f"{100 * max(extra):.1f}" if extra else "-"
    for size, label in (("s5", "32 nodes/2000 guests"), ("s6", "64 nodes/8000 guests")):
        table[f"CPU seconds, {label}"] = f"{max((row['cpu'] for row in rows.values() if row['size'] == size), default=0.0):.2f}"
    table["resident memory, MiB"] = f"{memory:.0f}"
    table["moves of a second run"] = str(sum(row["again"] for row in rows.values()))
    return table


def spreads(cluster: Cluster, method: str) -> str:
    """Spread of each resource before and after a plan of this method."""
    plan = plan_balance(cluster, Policy(method=method, containers=True), 0.0)  # type: ignore[arg-type]
    parts = []
    for name in RESOURCES:
        before, after = ([getattr(load, name) for load in loads] for loads in (plan.before, plan.after))
        parts.append(f"{name} {100 * (max(before) - min(before)):5.1f} -> {100 * (max(after) - min(after)):5.1f}")
    return f"{len(plan.moves):3} moves   " + "   ".join(parts)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", type=pathlib.Path, nargs="?", default=HERE.parents[1].parent / "shared" / "benchmark")
    parser.add_argument("--only", default="", help="only instances whose name contains this")
    parser.add_argument("--days", type=int, default=100, help="simulated days of the test with loads that jitter")
    args = parser.parse_args()
    if not (args.directory / "references.json").is_file():
        print(f"The benchmark's instances are not in {args.directory}: give their directory as the first argument.", file=sys.stderr)
        return 2
    rows, memory = measure(args.directory, args.only)
    print(f"{'figure':52} {'best rival':>14} {'reference':>14} {'ours':>10}")
    for name, value in figures(rows, memory).items():
        rival, reference = RIVALS.get(name, ("-", "-"))
        print(f"{name:52} {rival:>14} {reference:>14} {value:>10}")
    print()
    print("\n".join(rivals.compare(scorer(args.directory), args.directory, rows, rivals.everyone())))
    print(f"\nCalm: guests moved per 100 guests and day on loads that jitter by 10 %, {args.days} days of hourly runs")
    print(f"  ours {jitter.moves_per_day(jitter.ours, args.days):.2f}"
          f"   ProxLB 2.x rule {jitter.moves_per_day(jitter.one_pass, args.days):.2f}")
    print("\nAll resources at once: spread in points before -> after")
    for path in sorted((args.directory / "instances").glob("syn-s[34]-over-*.json")):
        cluster = plan_instance.cluster(json.loads(path.read_text()))
        for method in (*RESOURCES, "all"):
            print(f"  {path.stem:16} method {method:7} {spreads(cluster, method)}")
    return 1 if any(row["broken"] or row.get("right") is False for row in rows.values()) else 0


if __name__ == "__main__":
    lifeline.end_in_order()
    sys.exit(main())
