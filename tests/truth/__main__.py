"""`python -m truth --clusters 3000 [--from 0]`: hold the planner's claims about so many clusters against the truth.

Every false claim is printed with the number of its cluster, and the end status is 1.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter

from truth import mapped
from truth.clusters import case, counted, named, weighed
from truth.play import play

KINDS = (counted, named, weighed, case, None, case)  # None: with a map of storages, of which another truth knows


def main() -> int:
    """Play the clusters and sum up."""
    parser = argparse.ArgumentParser(prog="truth", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--clusters", type=int, default=3000, help="how many (default: 3000)")
    parser.add_argument("--from", type=int, default=0, dest="first", metavar="N", help="the first one (default: 0)")
    options = parser.parse_args()
    kinds, false, began = Counter[str](), 0, time.process_time()
    for seed in range(options.first, options.first + options.clusters):
        kind = KINDS[seed % len(KINDS)]
        plan, claims = play(kind(seed)) if kind else mapped.play(mapped.mapped(seed))
        kinds[f"{plan.kind}: {'refused' if plan.blockers else 'with moves' if plan.moves else 'nothing to do'}"] += 1
        false += bool(claims)
        for text in claims:
            print(f"cluster {seed}: {text}", flush=True)
    counts = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
    print(f"{options.clusters} clusters ({counts}), {false} with a false claim")
    print(f"{time.process_time() - began:.0f} s of CPU")
    return 1 if false else 0


if __name__ == "__main__":
    sys.exit(main())
