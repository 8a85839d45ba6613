"""`make bench`: runs each benchmark of this folder in a process of its own, one after the other."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import lifeline

HERE = Path(__file__).parent
BENCHMARKS = ("bench_command.py", "bench_made.py", "run_bench.py", "calm.py", "bench_calls.py", "bench_web.py", "bench_panel.py")


def main() -> int:
    """Run all, or those whose names contain an argument; 1 if one of them failed."""
    parser = argparse.ArgumentParser(prog="benchmark", description=__doc__)
    parser.add_argument("names", nargs="*", help="run only the benchmarks whose names contain one of these words")
    parser.add_argument("--instances", type=Path, help="folder of the planner's instances, with score.py and references.json")
    args = parser.parse_args()
    lifeline.end_in_order()
    failed = False
    for name in BENCHMARKS:
        if args.names and not any(word in name for word in args.names):
            continue
        print(f"== {name}", flush=True)
        if name == "run_bench.py" and not args.instances:
            print("left out: the instances of the figures beside rivals are no part of this tree: make bench ARGS='--instances DIR'")
            continue
        extra = [str(args.instances)] if args.instances and name == "run_bench.py" else []
        failed |= lifeline.run([sys.executable, str(HERE / name), *extra]) != 0
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
