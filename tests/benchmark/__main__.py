"""`make bench`: runs each benchmark of this folder in a process of its own, one after the other."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
BENCHMARKS = ("run_bench.py", "bench_calls.py", "bench_web.py")


def main() -> int:
    """Run all, or those whose names contain an argument; 1 if one of them failed."""
    wanted = sys.argv[1:]
    failed = False
    for name in BENCHMARKS:
        if wanted and not any(word in name for word in wanted):
            continue
        print(f"== {name}", flush=True)
        failed |= subprocess.run([sys.executable, str(HERE / name)], check=False).returncode != 0
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
