#!/usr/bin/env python3
"""Measures what a call of the command costs before it does anything: CPU seconds of whole processes, beside an empty Python's."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TIMES = 10  # the best of so many: the rest is what other programs cost
BOUND = 0.4  # seconds in which `--help` has to be there


def cpu_seconds(*arguments: str) -> float:
    """User and system time of one Python process with these arguments, from its start to its end, at best."""
    found = []
    for _ in range(TIMES):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        env = {**os.environ, "PYTHONPATH": str(ROOT / "backend")}
        subprocess.run([sys.executable, *arguments], env=env, stdout=subprocess.DEVNULL, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        found.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(found)


def main() -> int:
    """Print a line for each call; 1 if the help is slower than it may be."""
    empty = cpu_seconds("-c", "pass")
    print(f"{'call':24} {'CPU seconds':>12} {'times an empty Python':>22}")
    print(f"{'python3 -c pass':24} {empty:>12.3f} {1:>22.1f}")
    slow = False
    for call in ("--help", "--version", "plan --help", "drain --help"):
        spent = cpu_seconds("-m", "prs.cli.main", *call.split())
        slow |= spent > BOUND
        print(f"{call:24} {spent:>12.3f} {spent / empty:>22.1f}")
    return int(slow)


if __name__ == "__main__":
    sys.exit(main())
