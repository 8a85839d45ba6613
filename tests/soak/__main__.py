"""`python -m soak --seeds 1000 [--from 0] [--flavour 8]`: play many seeds.

A broken one prints its breaches and its story, and the end status is 1.
"""

from __future__ import annotations

import argparse
import logging
import re
import sys
import time
from collections import Counter

from soak.rounds import play_round
from soak.run import FLAVOURS, play
from soak.service_rounds import play_service_round


def main() -> int:
    """Play the seeds and sum up."""
    parser = argparse.ArgumentParser(prog="soak", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=1000, help="how many (default: 1000)")
    parser.add_argument("--from", type=int, default=0, dest="first", metavar="N", help="the first one (default: 0)")
    parser.add_argument("--flavour", choices=("8", "9"), help="the release of Proxmox VE (default: 8 and 9 by turns)")
    parser.add_argument("--rounds", action="store_true", help="rolling runs over several nodes instead of jobs")
    parser.add_argument("--services", action="store_true", help="with --rounds: carried by the services of the nodes")
    parser.add_argument("--quiet", action="store_true", help="breaches without the stories")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    one = (play_service_round if options.services else play_round) if options.rounds else play
    broken, ends, migrations, guests, began = 0, Counter[str](), 0, 0, time.process_time()
    for seed in range(options.first, options.first + options.seeds):
        breaches, log = one(seed, options.flavour or FLAVOURS[seed % 2])
        guests += sum(map(int, re.findall(r"(\d+) guests", log[0])))
        ended = [line.split(": ") for line in log if line.startswith("ended: ")]
        ends.update(parts[1 if options.rounds else 2].split(" ")[0] for parts in ended)
        migrations += sum("came from" in line for line in log)
        if breaches:
            broken += 1
            print("\n".join([f"SEED {seed}", *(f"  BROKEN: {text}" for text in breaches), *([] if options.quiet else log)]), flush=True)
    states = ", ".join(f"{count} {state}" for state, count in sorted(ends.items()))
    print(f"{options.seeds} seeds: {sum(ends.values())} jobs ({states}), {guests} guests, {migrations} migrations, {broken} broken")
    print(f"{time.process_time() - began:.0f} s of CPU")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
