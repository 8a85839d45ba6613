"""A booted node of the simulated cluster, as the packages find it: Debian with a stand-in for pve-manager, nothing of ours installed."""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fakepve.certs import make_cert

from debianlab import debs, pve_tools
from debianlab.debs import Packages, dependencies
from debianlab.machine import SHARED, Machine, booted, node_files, passed_on
from debianlab.roots import fresh, layer, run_in
from simcluster.access import Grant, Token
from simcluster.scenes import add_accounts, from_json
from simcluster.simserver import SimServer
from simcluster.world import World

TOKEN = "prs@pve!node-pve1"
SPEED = 40.0  # how much faster than the wall the cluster's time runs
# Enough guests for an upgrade in the middle, and enough memory that none has to wait for another.
CLUSTER = {
    "nodes": {name: {"memory": 128, "cpu": 16, "host": 3} for name in ("pve1", "pve2", "pve3")},
    "guests": {
        str(vmid): {"name": f"vm{vmid}", "node": "pve1" if vmid < 104 else "pve2", "memory": 4, "max": 6, "disks": {"scsi0": "ceph:20"}}
        for vmid in range(101, 113)
    },
}
# Stands in for ha-manager: writes down what it was asked.
HA_MANAGER = f'#!/bin/sh\necho "$(id -u) $*" >> {SHARED}/ha-manager.log\n'


@dataclass
class Node:
    """A booted node and the cluster that it is a node of."""

    machine: Machine
    world: World
    server: SimServer
    version: str
    before: set[str]

    def drain(self, name: str) -> None:
        """Start emptying a node through the service, as root at the command line would."""
        shared = self.machine.shared
        for left in ("drain.out", "drain.exit"):
            (shared / left).unlink(missing_ok=True)
        self.machine.run(
            f"systemd-run --quiet --collect --property=Type=exec sh -c '"
            f"proxmox-rebalancing-service drain {name} > {SHARED}/drain.out 2>&1; echo $? > {SHARED}/drain.exit'"
        )

    def web(self, *arguments: str) -> str:
        """What the web service answers: "start USER PASSWORD NODE" gives the id of a drain, "state USER PASSWORD JOB" its state."""
        return self.machine.run(f"python3 {SHARED}/ask_web.py {' '.join(arguments)}").strip()

    def drained(self, name: str, seconds: float = 120.0) -> str:
        """Wait for the end of the drain and give what it wrote."""
        ended = self.machine.shared / "drain.exit"
        self.machine.wait("the end of the drain", lambda: ended.exists() and ended.read_text() != "", seconds)
        output = (self.machine.shared / "drain.out").read_text()
        assert ended.read_text() == "0\n", output + self.machine.log()
        return output


def files(root: Path) -> set[str]:
    """Every path that a package could leave behind."""
    skip = re.compile(r"(var/(lib/(dpkg|apt|systemd)|log|cache|tmp)|proc|sys|dev|run|tmp)(/|$)")
    return {name for path in root.rglob("*") if not skip.match(name := str(path.relative_to(root)))}


def put_tools(root: Path) -> None:
    """Give the root file system the stand-ins for pveum and pvesh."""
    for tool in ("pveum", "pvesh"):
        (root / "usr/sbin" / tool).write_text("#!/usr/bin/python3\n" + Path(pve_tools.__file__).read_text())
        (root / "usr/sbin" / tool).chmod(0o755)


def expect_token(world: World, token: str) -> None:
    """Let the cluster know the token that `setup` is going to make by those stand-ins."""
    world.access.tokens[token] = Token(token, "00000000-0000-0000-0000-000000000001")
    world.access.grants.append(Grant("/", token, "PRS"))


@contextmanager
def installable(release: str, packages: Packages, folder: Path) -> Iterator[Node]:
    """A node of this release of Debian, booted; `folder` holds the packages in `debs`."""
    shared = folder / f"shared-{release}"
    shared.mkdir()
    shutil.copytree(folder / "debs", shared / "debs")
    shutil.copy(Path(debs.__file__).with_name("ask_web.py"), shared)
    world = add_accounts(from_json({**CLUSTER, "flavour": "8" if release == "bookworm" else "9"}, time.time()))
    with (
        fresh(layer(release, "depends", dependencies()), folder / "machine") as root,
        SimServer(world, speed=SPEED, host="127.0.0.1", auth_delay=0.0) as server,
        passed_on(shared / "api", server.host, server.port),
    ):
        command = f"dpkg -i /debs/{packages.paths['PVE'].name} && systemctl enable pveproxy"
        made = run_in(root, command, binds=(f"--bind-ro={folder / 'debs'}:/debs",))
        assert made.returncode == 0, made.stdout
        certificate, key, _ = make_cert(str(shared), hosts=("pve1", "127.0.0.1"))
        node_files(root, Path(server.ca_file), Path(certificate), Path(key))
        (root / "usr/sbin/ha-manager").write_text(HA_MANAGER)
        (root / "usr/sbin/ha-manager").chmod(0o755)
        put_tools(root)
        (root / "usr/sbin/pve_tools.json").write_text(json.dumps({"addresses": {"pve1": "127.0.0.1"}}))
        expect_token(world, TOKEN)
        (root / "etc/hostname").write_text("pve1\n")
        (root / "etc/hosts").write_text("127.0.0.1 localhost pve1\n")
        with booted(root, shared) as machine:
            yield Node(machine, world, server, packages.version, files(root))
