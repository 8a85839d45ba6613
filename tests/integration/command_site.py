"""A simulated cluster behind HTTPS, a configuration for it, and the command as a user runs it, at the cluster's speed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from prs.engine.journal.journal import Journal
from simcluster.scenes import small
from simcluster.simserver import SimServer
from simcluster.world import Flavour

ROOT = Path(__file__).parents[2]
SPEED = 30.0


class Site:
    """A cluster with its server, a configuration for it, and a way to run the command."""

    def __init__(self, folder: Path, flavour: Flavour) -> None:
        self.world = small(flavour, start=time.time() - 3600)
        self.world.clock.sleep(3600)
        self.origin = 0.0
        self.folder, self.server = folder, SimServer(self.world, speed=SPEED)

    def write(self, more: str = "", host: str = "") -> Path:
        """Write prs.conf with `more` lines behind the last section, [balancing]."""
        path, server = self.folder / "prs.conf", self.server
        path.write_text(
            f"[proxmox]\napi_host: {host or server.host}:{server.port}\napi_token: prs@pve!daemon={server.logins['prs@pve!daemon']}\n"
            f"ca_file: {server.ca_file}\n[service]\nstate_dir: {self.folder}/state\n[balancing]\n{more}"
        )
        path.chmod(0o600)
        return path

    def start(self, *args: str, **more: Any) -> subprocess.Popen[str]:
        """Start the command at the cluster's speed."""
        begin = [sys.executable, str(ROOT / "tests/integration/dies.py"), f"{SPEED},{self.origin}", "never"]
        line = [*begin, "-c", str(self.folder / "prs.conf"), *args]
        env = {**os.environ, "PYTHONPATH": f"{ROOT / 'backend'}:{ROOT / 'tests'}", "COLUMNS": "160", "TERM": "xterm"}
        given = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **more}
        return subprocess.Popen(line, env=env, **given)

    def run(self, *args: str) -> tuple[int, str]:
        """Run the command to its end and give its exit code and what it wrote."""
        process = self.start(*args)
        out, err = process.communicate(timeout=100)
        return process.returncode, out + err

    def journal(self) -> Journal:
        """The journal of this site."""
        return Journal(self.folder / "state" / "journal.sqlite")


@contextmanager
def running(folder: Path, flavour: Flavour, more: str = "") -> Iterator[Site]:
    """A site whose cluster answers, with its configuration written."""
    found = Site(folder, flavour)
    with found.server:
        found.origin = time.time()
        found.write(more)
        yield found


def started(site: Site, count: int) -> None:
    """Wait until so many migrations have begun."""
    deadline = time.monotonic() + 60
    while len(site.world.started) < count:
        assert time.monotonic() < deadline
        time.sleep(0.02)
