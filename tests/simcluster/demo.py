"""`make demo`: the real command levels and drains a simulated cluster over its HTTPS API, with PVE's tickets, tasks and timings."""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from simcluster.scenes import small
from simcluster.simserver import SimServer

CONF = """[proxmox]
api_host: {host}:{port}
api_token: prs@pve!daemon={secret}
ca_file: {ca}

[balancing]
method: memory

[service]
daemon: 0
state_dir: {folder}/state
"""
HISTORY = 3600.0  # seconds of load history that the cluster has when the demo begins


def main() -> int:
    """Show the cluster, level it, drain a node; the exit code is that of the first command that fails."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--speed", type=float, default=6.0, help="how much faster than real time the cluster lives (default: 6)")
    parser.add_argument("--flavour", choices=("8", "9"), default="9", help="Proxmox VE 8 or 9 (default: 9)")
    options = parser.parse_args()
    world = small(options.flavour, start=time.time() - HISTORY)
    world.clock.sleep(HISTORY)
    with tempfile.TemporaryDirectory(prefix="prs-demo-") as name, SimServer(world, speed=options.speed) as server:
        folder = Path(name)
        conf = write_config(folder, server)
        print(f"A simulated Proxmox VE {options.flavour} cluster answers at {server.url}, {options.speed:g} times as fast as a real one.")
        for line in ("check", "run", "drain pve1", "status"):
            code = command(conf, line)
            if code:
                return code
    return 0


def write_config(folder: Path, server: SimServer) -> Path:
    """The configuration an administrator would write for this cluster."""
    path = folder / "prs.conf"
    secret = server.logins["prs@pve!daemon"]
    path.write_text(CONF.format(host=server.host, port=server.port, secret=secret, ca=server.ca_file, folder=folder))
    path.chmod(0o600)
    return path


def command(conf: Path, line: str) -> int:
    """Run the product's command as a user would, on this very terminal."""
    print(f"\n$ proxmox-rebalancing-service -c {conf} {line}\n", flush=True)
    paths = os.pathsep.join(str(Path(__file__).parents[2] / part) for part in ("backend", "tests"))
    return subprocess.run([sys.executable, "-m", "prs.cli", "-c", str(conf), *shlex.split(line)], env={**os.environ, "PYTHONPATH": paths}).returncode


if __name__ == "__main__":
    sys.exit(main())
