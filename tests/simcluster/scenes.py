"""Ready clusters."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from simcluster.access import Grant, Token, User
from simcluster.benchmark import from_benchmark
from simcluster.nouns import Disk, GiB, Guest, MiB, Node, Storage
from simcluster.scenario import from_json, to_json
from simcluster.world import START, Flavour, World

__all__ = ["SCENES", "from_benchmark", "from_json", "large", "local", "small", "to_json"]

TOKEN_SECRET = "6a4f2d1c-0b9e-4c77-9d38-5e21c0aa7f10"

SMALL: dict[str, Any] = json.loads((Path(__file__).parent / "small.json").read_text())


def add_accounts(world: World) -> World:
    """Give a world the accounts every scene has: root, one limited to pool web, an auditor, one without rights, and API tokens."""
    access = world.access
    access.add(User("pool@pve", "pool-secret"), ("/pool/web", "PVEVMAdmin"), ("/pool/web", "PVEPoolUser"))
    access.add(User("audit@pve", "audit-secret"), ("/", "PVEAuditor"))
    access.add(User("nobody@pve", "nobody-secret"))
    access.add(User("prs@pve", "prs-secret"), ("/", "PRS"))
    role = "VM.Audit VM.Migrate VM.Config.Disk Sys.Audit Sys.Modify Datastore.Audit Datastore.AllocateSpace Pool.Audit SDN.Audit"
    access.roles["PRS"] = frozenset(role.split())
    access.tokens["prs@pve!daemon"] = Token("prs@pve!daemon", TOKEN_SECRET)
    access.grants.append(Grant("/", "prs@pve!daemon", "PRS"))
    access.tokens["root@pam!full"] = Token("root@pam!full", TOKEN_SECRET, privsep=False)
    return world


def small(flavour: Flavour = "9", start: float = START) -> World:
    """Give a lab of three nodes of 64 GiB at 86, 52 and 21 % of memory with 14 guests, two of them containers, one a template."""
    return add_accounts(from_json({**SMALL, "flavour": flavour}, start))


def local(flavour: Flavour = "9", start: float = START) -> World:
    """Give the small lab with every guest on its node's own storage, so that each migration copies disks too."""
    data = {**SMALL, "flavour": flavour, "guests": {}}
    for vmid, entry in SMALL["guests"].items():
        disks = {key: text.replace("ceph:", "local-zfs:") for key, text in entry["disks"].items()}
        data["guests"][vmid] = {**entry, "disks": disks}
    return add_accounts(from_json(data, start))


def large(nodes: int = 32, guests: int = 2000, seed: int = 1, flavour: Flavour = "9", start: float = START) -> World:
    """Give a big cluster, unlevel in memory, of which the seed decides the guests; a tenth of them has local disks."""
    chance = random.Random(seed)
    names = [f"n{number:02}" for number in range(1, nodes + 1)]
    room = dict.fromkeys(names, 0.92 * 768 * GiB - 8 * GiB)
    weights = [0.3 + 0.7 * chance.random() for _ in names]
    found = []
    for vmid in range(1000, 1000 + guests):
        configured = chance.choice((2, 4, 4, 8, 8, 16, 32))
        memory = int(configured * GiB * chance.uniform(0.3, 0.98)) // MiB * MiB
        node = chance.choices(names, weights)[0]
        if room[node] < memory:
            node = max(names, key=lambda name: (room[name], name))
        room[node] -= memory
        cores = chance.choice((1, 2, 2, 4, 8))
        where = Disk("scsi0", "local-zfs" if chance.random() < 0.1 else "ceph", chance.choice((20, 40, 80)) * GiB)
        found.append(Guest(
            vmid, f"vm{vmid}", node, memory=memory, memory_max=configured * GiB, cpu=round(cores * chance.random() ** 2 * 0.6, 2),
            cpu_max=cores, dirty=chance.choice((2, 10, 40)) * MiB, disks=[where],
        ))  # fmt: skip
    machines = [Node(name, 768 * GiB, 96, 8 * GiB, 1.0, link=3 * GiB) for name in names]
    storages = [Storage("ceph", "rbd", True, total=400 * 1024 * GiB), Storage("local-zfs", "zfspool", total=8000 * GiB)]
    return add_accounts(World(machines, found, storages, flavour, "datacentre", start))


SCENES: dict[str, Callable[..., World]] = {"small": small, "local": local, "large": large}
