"""Three booted nodes of one simulated cluster in one network with both packages, and /etc/pve one folder for all, as pmxcfs makes it."""

from __future__ import annotations

import json
import shlex
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fakepve.certs import make_cert

from debianlab import debs
from debianlab.debs import CORE, Packages, dependencies
from debianlab.machine import SHARED, WWW_DATA, Machine, booted, network, passed_on
from debianlab.node import CLUSTER, SPEED, expect_token, put_tools
from debianlab.roots import fresh, layer, prepared
from simcluster.scenes import add_accounts, from_json
from simcluster.simserver import SimServer
from simcluster.world import World

TOKEN = "prs@pve!cluster"


@dataclass
class Cluster:
    """The booted nodes by name, and the cluster that they are."""

    machines: dict[str, Machine]
    world: World
    pve: Path  # /etc/pve of all of them

    def crowd(self, node: str) -> None:
        """Have all guests on one node, as if somebody had moved them there an hour ago."""
        clock = self.world.clock
        with clock.lock:
            for guest in self.world.guests.values():
                if guest.node != node:
                    self.world.place(guest, node)
            clock.advance(clock.time() + 3600)
            clock.pace(SPEED)

    def fullest(self) -> int:
        """How many guests the node with the most of them has."""
        return max(len(self.world.on(name)) for name in self.machines)

    def jobs(self, name: str) -> list[dict[str, Any]]:
        """The jobs in a node's journal."""
        found: list[dict[str, Any]] = json.loads(self.machines[name].run("proxmox-rebalancing-service status --json"))["jobs"]
        return found

    def web(self, name: str, user: str, method: str, path: str, body: object = None) -> Any:
        """What a node's own web service answers to a user."""
        said = () if body is None else (json.dumps(body),)
        words = shlex.join(("call", user, self.world.access.users[user].password, method, path, *said))
        return json.loads(self.machines[name].run(f"python3 {SHARED}/ask_web.py {words}"))


@contextmanager
def booted_cluster(release: str, packages: Packages, folder: Path) -> Iterator[Cluster]:
    """Boot the nodes from one root file system in which the packages were installed once; `folder` holds the packages in `debs`."""
    world = add_accounts(from_json({**CLUSTER, "flavour": "8" if release == "bookworm" else "9"}, time.time()))
    expect_token(world, TOKEN)
    command = "dpkg -i " + " ".join(f"/debs/{packages.paths[one].name}" for one in ("PVE", "CORE", "UI")) + " && systemctl enable pveproxy"
    with ExitStack() as stack:
        server = stack.enter_context(SimServer(world, speed=SPEED, auth_delay=0.0))
        base = layer(release, "depends", dependencies())
        binds = (f"--bind-ro={folder / 'debs'}:/debs",)
        installed = stack.enter_context(prepared(base, folder / "installed", command, binds))
        pve = folder / "etc-pve"
        _pmxcfs(pve, server)
        machines, together = {}, stack.enter_context(network())
        for name, address in server.addresses.items():
            root = stack.enter_context(fresh(installed, folder / name))
            put_tools(root)
            (root / "usr/sbin/pve_tools.json").symlink_to("/etc/pve/priv/pve_tools.json")
            (root / "etc/hostname").write_text(f"{name}\n")
            (root / "etc/hosts").write_text(f"127.0.0.1 localhost\n{address} {name}\n")
            conf = root / "etc" / CORE / "prs.conf"
            conf.write_text(conf.read_text().replace("#address: 192.0.2.10", f"address: {address}"))  # it shares its network
            shared = folder / f"shared-{name}"
            shared.mkdir()
            (shared / "address").write_text(address)
            shutil.copy(Path(debs.__file__).with_name("ask_web.py"), shared)
            stack.enter_context(passed_on(shared / "api", address, server.port))
            # The link `local` of pmxcfs leads to another folder on every node.
            local = (f"--bind={pve}:/etc/pve", f"--bind={pve}/nodes/{name}:/etc/pve/local")
            machines[name] = stack.enter_context(booted(root, shared, (together, *local), name))
        yield Cluster(machines, world, pve)


def _pmxcfs(pve: Path, server: SimServer) -> None:
    """What is below /etc/pve: the nodes, the authority, and a folder that only root reads."""
    for name, address in server.addresses.items():
        node = pve / "nodes" / name
        node.mkdir(parents=True)
        certificate, key, _ = make_cert(str(node), hosts=(name, address))
        Path(certificate).rename(node / "pve-ssl.pem")
        Path(key).rename(node / "pve-ssl.key")
    (pve / "local").mkdir()
    (pve / "priv").mkdir()
    shutil.copyfile(server.ca_file, pve / "pve-root-ca.pem")
    (pve / "priv/pve_tools.json").write_text(json.dumps({"addresses": server.addresses}))
    for path in (pve, *pve.rglob("*")):
        shutil.chown(path, 0, WWW_DATA)
        path.chmod(0o2755 if path.is_dir() else 0o640 if path.suffix == ".key" else 0o644)
    (pve / "priv").chmod(0o2700)
