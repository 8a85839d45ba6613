"""`make play DIR=...` and `make scenario SNAPSHOT=... DIR=...`."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

from play.case import BadCase, play
from play.from_snapshot import write_case
from prs.errors import ModelError, UsageError
from simcluster.errors import SceneError


def main() -> int:
    """Play a folder, or with --snapshot write one; 1 when the folder or the snapshot cannot be used."""
    parser = argparse.ArgumentParser(prog="make play", description=__doc__)
    parser.add_argument("folder", type=Path, help="a folder with cluster.json, prs.conf and command")
    parser.add_argument("--snapshot", type=Path, help="a file that `plan --save-snapshot` wrote: make the folder from it")
    options = parser.parse_args()
    logging.disable()  # what the engine logs is not part of the story
    try:
        if options.snapshot:
            write_case(options.snapshot, options.folder)
        else:
            for line in play(options.folder):
                print(line, flush=True)
    except (BadCase, SceneError, ModelError, UsageError) as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        logging.disable(logging.NOTSET)
    return 0


if __name__ == "__main__":
    sys.exit(main())
