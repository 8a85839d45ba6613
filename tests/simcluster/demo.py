"""`make demo`: the real command levels and drains a simulated cluster over its HTTPS API, on a node whose web interface then shows it."""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import lifeline
from integration.web_house import FakeHelper, House
from prs.engine.drain.shared_holds import FOLDER
from simcluster.nouns import GiB
from simcluster.scenes import small
from simcluster.simserver import SimServer
from simcluster.world import Flavour, World

# What `setup` would write on this node. The services run without an account, so that they move nothing by schedule in between.
CONF = """[proxmox]
api_host: {host}:{port}
api_token: prs@pve!daemon={secret}
ca_file: {ca}

[balancing]
method: memory
link_speed: 3GiB

[service]
state_dir: {state}
"""
ROOT = Path(__file__).parents[2]
PORT = 8017
HISTORY = 3600.0  # seconds of load history that the cluster has when the demo begins
LINK = 3.0 * GiB  # bytes per second between the nodes (25 GbE): nobody has to wait long for a migration, and no clock has to run fast
DISK = 8 * GiB  # the most that a local disk holds; a mirror job copies half a GiB a second


def main() -> int:
    """Show the cluster, level it, drain a node; the exit code is that of the first command that fails."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--cache", type=Path, help="where `make ui-ext` has put ExtJS, for the panel in the browser")
    parser.add_argument("--flavour", choices=("8", "9"), default="9", help="Proxmox VE 8 or 9 (default: 9)")
    options = parser.parse_args()
    lifeline.end_in_order()
    world = scene(options.flavour)
    with tempfile.TemporaryDirectory(prefix="prs-demo-") as name, SimServer(world) as server, cluster_of(Path(name), server) as nodes:
        conf = write_config(Path(name) / "prs.conf", nodes[0], server)
        print(f"A simulated Proxmox VE {options.flavour} cluster answers at {server.url}; the commands run as on its node {nodes[0].node}.")
        for line in ("check", "run", "drain pve1", "status"):
            code = command(nodes[0], conf, line)
            if code:
                return code
        if sys.stdout.isatty():
            keep_serving(nodes, server, options.cache)
    return 0


def scene(flavour: Flavour) -> World:
    """The small lab with an hour behind it, on a network and with local disks that keep nobody waiting; its time is the wall's."""
    world = small(flavour, start=time.time() - HISTORY)
    for node in world.nodes.values():
        node.link = LINK
    for guest in world.guests.values():
        for disk in guest.disks:
            disk.size = min(disk.size, DISK) if disk.storage == "local-zfs" else disk.size
    world.clock.sleep(HISTORY)
    return world


@contextmanager
def cluster_of(folder: Path, server: SimServer) -> Iterator[list[House]]:
    """Every node's files and root helper, no service started yet; /etc/pve has the same certificates and holds on each, as pmxcfs does."""
    port = PORT if all(port_is_free(address, PORT) for address in server.addresses.values()) else 0
    nodes: list[House] = []
    with ExitStack() as stack:
        for name in server.addresses:
            nodes.append(House(folder / name, server, name, port or (nodes[0].port if nodes else 0)))
            stack.callback(nodes[-1].close)
        first = nodes[0].pve
        (first / FOLDER).mkdir()
        for node in nodes:
            (first / "nodes" / node.node).mkdir(exist_ok=True)
            for file in (node.pve / "local").iterdir():
                shutil.copy(file, first / "nodes" / node.node)
            if node is not nodes[0]:
                shutil.rmtree(node.pve / "nodes")
                for part in ("nodes", FOLDER):
                    (node.pve / part).symlink_to(first / part)
            helper = FakeHelper(node.helper, server.world, node.pve)
            helper.start()
            stack.callback(helper.close)
        yield nodes


def keep_serving(nodes: list[House], server: SimServer, cache: Path | None) -> None:
    """Run every node's service and web interface until Ctrl-C."""
    pages = ROOT / "build" / "ui" / "www"
    shared = ["--pages", str(pages), "--shared", f"pve2/ext6={cache / 'ext'}", "--shared", f"pve2/fa={cache / 'fa'}"] if cache else []
    print("\nStarting the services of the three nodes ...", flush=True)
    try:
        for node in nodes:
            node.start_daemon()
            node.start_web(*shared)
        # Tokens do not log in at a page; some users see or may do less than root.
        first, root = nodes[0], "root@pam"
        others = ", ".join(f"{name} {secret}" for name, secret in server.logins.items() if name != root and "!" not in name)
        print(f"""
The web interface of node {first.node} answers at {first.url}/ until Ctrl-C.
  login:  {root}, password {server.logins[root]}   (with fewer rights: {others})
  certificate for curl: {first.ca_file}
  URL={first.url} CA={first.ca_file}   # for the curl examples of the README
""", flush=True)
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        print("\nStopped.")


def port_is_free(address: str, port: int) -> bool:
    """True if nobody listens there."""
    with socket.socket() as probe:
        return probe.connect_ex((address, port)) != 0


def write_config(path: Path, node: House, server: SimServer) -> Path:
    """The configuration an administrator would write for this cluster; the journal is the node's own."""
    secret = server.logins["prs@pve!daemon"]
    path.write_text(CONF.format(host=server.host, port=server.port, secret=secret, ca=server.ca_file, state=node.state))
    path.chmod(0o600)
    return path


def command(node: House, conf: Path, line: str) -> int:
    """Run the product's command as a user would, on this very terminal; Ctrl-C is for the command alone."""
    print(f"\n$ proxmox-rebalancing-service -c {conf} {line}\n", flush=True)
    paths = os.pathsep.join(str(ROOT / part) for part in ("backend", "tests"))
    whole = [sys.executable, *node.as_on_node(conf), *shlex.split(line)]
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        with subprocess.Popen(whole, env={**os.environ, "PYTHONPATH": paths}) as process:
            try:
                return process.wait()
            except SystemExit:
                process.terminate()
                raise
    finally:
        signal.signal(signal.SIGINT, before)


if __name__ == "__main__":
    sys.exit(main())
