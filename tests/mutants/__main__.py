"""Changes each deciding module at random places, in a copy of the tree, and lists the changes that no test notices."""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

ROOT = Path(__file__).parents[2]
# Module -> the tests that are about it: all of them together would take days.
SUBJECTS = {
    "engine/execution/executor.py": (
        "tests/engine/test_limits_of_waits.py", "tests/engine/test_rides.py", "tests/engine/test_breaker.py", "tests/engine/test_again.py",
        "tests/engine/test_drained_node.py", "tests/engine/test_drain.py", "tests/engine/test_release.py"),
    "engine/execution/observe.py": ("tests/unit/engine/execution", "tests/engine/test_faults.py"),
    "engine/execution/ready.py": ("tests/unit/engine/execution", "tests/engine/test_quorum.py"),
    "engine/execution/starter.py": (
        "tests/engine/test_limits_of_waits.py", "tests/engine/test_loads.py", "tests/engine/test_drain.py", "tests/unit/engine/execution"),
    "engine/execution/preflight.py": ("tests/unit/engine/execution", "tests/engine/test_drain.py", "tests/engine/test_drained_node.py"),
    "engine/journal/journal.py": ("tests/unit/engine/journal", "tests/engine/test_crash.py"),
    "engine/rolling/gates.py": (
        "tests/unit/engine/rolling", "tests/engine/test_quorum.py", "tests/engine/test_rolling.py", "tests/engine/test_rolling_gates.py"),
    "web/access/auth.py": ("tests/unit/web/access/test_proof.py", "tests/unit/web/access/test_auth.py"),
    "web/access/guard.py": ("tests/unit/web/access/test_guard.py",),
    "web/access/guesses.py": ("tests/unit/web/access/test_guesses.py", "tests/unit/web/test_app.py"),
    "web/access/pace.py": ("tests/unit/web/access/test_pace.py",),
    "web/server/places.py": ("tests/unit/web/server/test_places.py",),
    "web/access/rights.py": ("tests/unit/web/access/test_rights.py", "tests/unit/web/access/test_guard.py", "tests/unit/web/test_shown.py"),
}


def survivors(module: str, tests: tuple[str, ...], given: argparse.Namespace, folder: Path) -> tuple[int, int, list[str]]:
    """(how many changes were tried, how many of them had the tests run out of time, those that survived as diffs) of one module."""
    chance = random.Random(given.seed)
    command = f"exec {sys.executable} -m pytest -x -q -n 0 -p no:cacheprovider {' '.join(tests)}"
    began = time.monotonic()
    unchanged = subprocess.run(command, shell=True, cwd=folder, stdout=subprocess.PIPE, text=True)
    if unchanged.returncode:  # else every change would count as noticed
        raise SystemExit(f"{module}: the tests do not even pass on the unchanged tree\n{unchanged.stdout}")
    seconds = max(given.seconds, 3 * (time.monotonic() - began))  # what is only slow has noticed nothing
    config = folder / "cosmic-ray.toml"
    lines = ["[cosmic-ray]", f"module-path = {json.dumps(f'backend/prs/{module}')}", f"timeout = {seconds}", "excluded-modules = []"]
    lines += [f"test-command = {json.dumps(command)}", "[cosmic-ray.distributor]", 'name = "local"']
    config.write_text("\n".join(lines) + "\n")
    session = folder / "session.sqlite"
    session.unlink(missing_ok=True)
    run = [sys.executable, "-m", "cosmic_ray.cli"]
    subprocess.run([*run, "init", config.name, session.name], cwd=folder, check=True, capture_output=True)
    with closing(sqlite3.connect(session)) as db, db:
        jobs = [row[0] for row in db.execute("SELECT job_id FROM work_items ORDER BY job_id")]
        dropped = chance.sample(jobs, max(0, len(jobs) - given.sample))
        for table in ("mutation_specs", "work_items"):
            db.executemany(f"DELETE FROM {table} WHERE job_id = ?", [(job,) for job in dropped])
    subprocess.run([*run, "exec", config.name, session.name], cwd=folder, check=True, capture_output=True)
    with closing(sqlite3.connect(session)) as db:
        found = db.execute("SELECT diff FROM work_results WHERE test_outcome = 'SURVIVED' AND worker_outcome = 'NORMAL'").fetchall()
        (late,) = db.execute("SELECT COUNT(*) FROM work_results WHERE output = 'timeout'").fetchone()
    return len(jobs) - len(dropped), late, [row[0] for row in found]


def main() -> int:
    """Print the survivors; 1 when the tests do not even pass on the unchanged tree."""
    parser = argparse.ArgumentParser(prog="make mutants ARGS=...", description=(__doc__ or "").strip())
    parser.add_argument("modules", nargs="*", help="only modules whose path holds one of these words")
    parser.add_argument("--sample", type=int, default=60, help="changes of each module (default %(default)s)")
    limit = "for the tests of each change, or three times what they take without one: after that they count as not ending"
    parser.add_argument("--seconds", type=float, default=120.0, help=limit)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="prs-mutants-") as name:
        folder = Path(name)
        for part in ("backend", "tests", "packaging"):
            shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        for part in ("setup.cfg", "pyproject.toml"):
            shutil.copy(ROOT / part, folder / part)
        for module, tests in SUBJECTS.items():
            if given.modules and not any(word in module for word in given.modules):
                continue
            tried, late, found = survivors(module, tests, given, folder)
            noticed = f"{tried - len(found)} of {tried} changes noticed, {late} of them as the tests did not end"
            print(f"{module}: {noticed}", flush=True)
            for diff in found:
                print("\n".join(f"    {line}" for line in diff.splitlines() if line[:1] in "+-@" and line[:3] not in ("+++", "---")))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
