"""Runs the Python tests under another Debian release's Python, in a copy of its root: other_python.py RELEASE ARGUMENT ..."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from debianlab.roots import CACHE, CLEAN, NSPAWN, TOOLS, fresh, pip_trust, tools

ROOT = Path(__file__).resolve().parents[2]
# The tree is the machine's own and stays as it is.
INSIDE = {"PYTHONPATH": "backend:tests", "PYTHONDONTWRITEBYTECODE": "1", "HYPOTHESIS_STORAGE_DIRECTORY": "/tmp/hypothesis"}


def main(release: str, arguments: list[str]) -> int:
    """pytest's exit code; the tests see this machine's network, for its loopback addresses, and the tree as it is."""
    lower = tools(release, (ROOT / "requirements-dev.txt").read_text())
    words = shlex.join((f"{TOOLS}/bin/python", "-m", "pytest", "-p", "no:cacheprovider", *arguments))
    command = f"cd /tree && {TOOLS}/bin/python --version && exec {words}"
    given = {name: value for name in ("PYTEST_ADDOPTS", "PRS_TEST_FLAVOURS") if (value := os.environ.get(name))}
    settings = [f"--setenv={name}={value}" for name, value in {**CLEAN, **INSIDE, **given}.items()]
    with tempfile.TemporaryDirectory(prefix="prs-python-") as folder, fresh(lower, Path(folder) / "machine") as root:
        # What tests fetch, such as other releases of a library, is kept where they keep it outside.
        binds = (f"--bind-ro={ROOT}:/tree", f"--bind={CACHE.parent}:/root/.cache/prs-test", *pip_trust())
        inside = ("--pipe", "-D", str(root), "--resolv-conf=bind-host", *binds, *settings)
        return subprocess.run((*NSPAWN, *inside, "/bin/sh", "-c", command), stdin=subprocess.DEVNULL, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
