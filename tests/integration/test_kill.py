"""kill -9 at each state of the journal, over HTTPS with the real command: the next start finishes the job, each guest migrated once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from prs.engine.journal.journal import Journal
from simcluster.scenes import small
from simcluster.simserver import SimServer
from simcluster.world import Flavour

ROOT = Path(__file__).parents[2]
STATES = ("queued", "started", "starting", "requested", "running", "progress", "verifying", "done", "ended")
SPEED = 30.0  # the cluster's seconds per second


def config(folder: Path, server: SimServer) -> Path:
    """A prs.conf for the simulated cluster."""
    path = folder / "prs.conf"
    path.write_text(
        f"[proxmox]\napi_host: {server.host}:{server.port}\napi_token: prs@pve!daemon={server.logins['prs@pve!daemon']}\n"
        f"ca_file: {server.ca_file}\n[service]\nstate_dir: {folder}/state\n"
    )
    path.chmod(0o600)
    return path


def command(origin: float, *args: str) -> subprocess.CompletedProcess[str]:
    """Run the command line through dies.py."""
    paths = {"PYTHONPATH": f"{ROOT / 'backend'}:{ROOT / 'tests'}"}
    line = [sys.executable, str(Path(__file__).with_name("dies.py")), f"{SPEED},{origin}", *args]
    return subprocess.run(line, env={**os.environ, **paths}, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize("state", STATES)
def test_killed(state: str, ram: Path, flavour: Flavour) -> None:
    """Killed at this state; started again with `run`, it goes on with the drain first."""
    world = small(flavour, start=time.time() - 3600)
    world.clock.sleep(3600)
    with SimServer(world, speed=SPEED) as server:
        conf, origin = str(config(ram, server)), time.time()
        killed = command(origin, state, "-c", conf, "drain", "pve1")
        assert killed.returncode == -signal.SIGKILL, (killed.stdout, killed.stderr)
        again = command(origin, "never", "-c", conf, "run", "--dry-run")
        assert again.returncode == 0, (again.stdout, again.stderr)
    assert ("which was interrupted" in again.stdout) == (state != "ended")
    (job,) = Journal(ram / "state" / "journal.sqlite").jobs()
    assert job.state == "done", (job.message, job.steps)
    assert not [guest for guest in world.guests.values() if guest.node == "pve1" and not guest.template]
    assert all(world.guests[step.vmid].node == step.target for step in job.steps)
    assert dict(world.started) == {step.vmid: 1 for step in job.steps}
    assert not world.overfilled
    assert not world.schema_errors
