"""The client with each proxmoxer it has to work with: all tests of the client again, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from integration.releases import installed

HERE = Path(__file__).parent
RELEASES = {
    "proxmoxer-1.2.0": ("proxmoxer==1.2.0", "requests==2.28.1", "urllib3==1.26.12"),  # Debian 12
    "proxmoxer-2.3.0": ("proxmoxer==2.3.0", "requests==2.32.3", "urllib3==2.3.0"),  # newest, with the rest as in Debian 13
}


@pytest.mark.parametrize("name", RELEASES)
def test_all_of_it_with_another_proxmoxer(name: str) -> None:
    environment = {**os.environ, "PYTHONPATH": str(installed(name, RELEASES[name]))}
    shown = "import proxmoxer; print(proxmoxer.__version__)"
    version = subprocess.run([sys.executable, "-c", shown], env=environment, capture_output=True, text=True, check=True, timeout=300)
    assert version.stdout.strip() == name.partition("-")[2]
    files = sorted(str(path) for path in HERE.glob("test_client_*.py") if path.name != Path(__file__).name)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *files]
    run = subprocess.run(command, cwd=HERE.parents[1], env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
    assert " passed" in run.stdout
    assert "failed" not in run.stdout
