"""`make demo`: the real command levels and drains a simulated cluster over its HTTPS API, with PVE's tickets, tasks and timings."""

from __future__ import annotations

import argparse
import os
import shlex
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from integration.web_house import House
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
ROOT = Path(__file__).parents[2]
PORT = 8017
HISTORY = 3600.0  # seconds of load history that the cluster has when the demo begins


def main() -> int:
    """Show the cluster, level it, drain a node; the exit code is that of the first command that fails."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--speed", type=float, default=6.0, help="how much faster than real time the cluster lives (default: 6)")
    parser.add_argument("--cache", type=Path, help="where `make ui-ext` has put ExtJS, for the panel in the browser")
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
        if sys.stdout.isatty():
            keep_serving(folder / "node", server, options.cache)
    return 0


def keep_serving(folder: Path, server: SimServer, cache: Path | None) -> None:
    """Run a node's service and web interface until Ctrl-C."""
    pages = ROOT / "build" / "ui" / "www"
    shared = ["--pages", str(pages), "--shared", f"pve2/ext6={cache / 'ext'}", "--shared", f"pve2/fa={cache / 'fa'}"] if cache else []
    node = House(folder, server, "pve1", PORT if port_is_free(server.addresses["pve1"], PORT) else 0)
    try:
        node.start_daemon()
        node.start_web(*shared)
        print(f"""
The web interface of node pve1 answers at {node.url}/ until Ctrl-C.
  login:  root@pam, password {server.logins["root@pam"]}   (others: {", ".join(name for name in server.logins if name != "root@pam")})
  certificate for curl: {node.ca_file}
  URL={node.url} CA={node.ca_file}   # for the curl examples of the README
""", flush=True)
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        print("\nStopped.")
    finally:
        node.close()


def port_is_free(address: str, port: int) -> bool:
    """True if nobody listens there."""
    with socket.socket() as probe:
        return probe.connect_ex((address, port)) != 0


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
    paths = os.pathsep.join(str(ROOT / part) for part in ("backend", "tests"))
    whole = [sys.executable, "-m", "prs.cli.main", "-c", str(conf), *shlex.split(line)]
    return subprocess.run(whole, env={**os.environ, "PYTHONPATH": paths}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
