"""A bare Debian 13 with git, make and ca-certificates: `make demo` brings what it needs, quietly, and shows the product.

The bare Debian 12 is the machine that CI begins with.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from debianlab.debs import ROOT
from debianlab.roots import fresh, layer, pip_trust, run_in

COMMANDS = ["check", "run", "drain pve1", "status"]


def test_make_demo(tmp_path: Path) -> None:
    """Without a terminal, and without /etc/hosts: then localhost has no address."""
    with fresh(layer("trixie", "bare", ("ca-certificates", "git", "make")), tmp_path / "machine") as root:
        subprocess.run((ROOT / "packaging/copy-source", root / "prs"), cwd=ROOT, check=True)
        (root / "etc/hosts").unlink(missing_ok=True)
        done = run_in(root, "cd /prs && make demo", network=True, binds=pip_trust())
    assert done.returncode == 0, done.stdout
    lines = done.stdout.splitlines()
    begin = next(number for number, line in enumerate(lines) if line.startswith("A simulated Proxmox VE"))
    assert begin <= 4, lines[:begin]  # one line a step: Python, the environment, its tools
    assert [line.rpartition("prs.conf ")[2] for line in lines if line.startswith("$ ")] == COMMANDS
    assert "pve1 is empty" in done.stdout
