"""Ready clusters."""

from __future__ import annotations

import random
from typing import Any

from simcluster.access import Grant, Token, User
from simcluster.nouns import Disk, GiB, Guest, MiB, Node, Storage
from simcluster.scenario import from_benchmark, from_json, to_json
from simcluster.world import START, Flavour, World

__all__ = ["SCENES", "from_benchmark", "from_json", "large", "local", "small", "to_json"]

TOKEN_SECRET = "6a4f2d1c-0b9e-4c77-9d38-5e21c0aa7f10"

SMALL: dict[str, Any] = {
    "nodes": {name: {"memory": 64, "cpu": 16, "host": 3, "host_cpu": 0.4} for name in ("pve1", "pve2", "pve3")},
    "storages": {
        "ceph": {"type": "rbd", "shared": True, "total": 8000, "used": 400},
        "local-zfs": {"type": "zfspool", "total": 900, "used": 20},
        "nfs-iso": {"type": "nfs", "shared": True, "total": 500, "used": 90, "content": ["iso", "vztmpl", "backup"]},
    },
    "guests": {
        "101": {"name": "db01", "node": "pve1", "memory": 14, "max": 16, "cpu": 3.1, "cores": 8, "dirty": 180, "tags": ["prod", "sql"], "disks": {"scsi0": "ceph:200"}},
        "102": {"name": "web01", "node": "pve1", "memory": 5.5, "max": 8, "cpu": 1.4, "cores": 4, "pool": "web", "tags": ["prod"], "disks": {"scsi0": "ceph:40"}},
        "103": {"name": "mail", "node": "pve1", "memory": 9, "max": 12, "cpu": 0.9, "cores": 4, "tags": ["prod"], "disks": {"scsi0": "ceph:120"}},
        "104": {"name": "gitlab", "node": "pve1", "memory": 10.5, "max": 12, "cpu": 1.8, "cores": 6, "disks": {"scsi0": "ceph:150"}},
        "105": {"name": "monitor", "node": "pve1", "memory": 6, "max": 8, "cpu": 1.1, "cores": 4, "disks": {"scsi0": "ceph:80"}},
        "106": {"name": "build01", "node": "pve1", "memory": 7, "max": 8, "cpu": 2.2, "cores": 8, "disks": {"scsi0": "local-zfs:60"}},
        "107": {"name": "db02", "node": "pve2", "memory": 13.3, "max": 16, "cpu": 1.9, "cores": 8, "dirty": 120, "tags": ["prod", "sql"], "disks": {"scsi0": "ceph:200"}},
        "108": {"name": "web02", "node": "pve2", "memory": 5, "max": 8, "cpu": 1.2, "cores": 4, "pool": "web", "tags": ["prod"], "disks": {"scsi0": "ceph:40"}},
        "109": {"name": "files", "node": "pve2", "memory": 8, "max": 8, "cpu": 0.4, "cores": 4, "disks": {"scsi0": "local-zfs:32", "scsi1": "local-zfs:80"}},
        "110": {"name": "dns1", "node": "pve2", "kind": "lxc", "memory": 4, "max": 4, "cpu": 0.1, "cores": 2, "disks": {"rootfs": "ceph:8"}},
        "111": {"name": "wiki", "node": "pve3", "memory": 6.4, "max": 8, "cpu": 0.5, "cores": 4, "disks": {"scsi0": "ceph:40"}},
        "112": {"name": "proxy", "node": "pve3", "kind": "lxc", "memory": 4, "max": 4, "cpu": 0.3, "cores": 2, "pool": "web", "disks": {"rootfs": "ceph:8"}},
        "113": {"name": "win-test", "node": "pve1", "status": "stopped", "memory": 6, "max": 8, "cpu": 1, "cores": 4, "disks": {"scsi0": "ceph:100"}},
        "900": {"name": "debian-template", "node": "pve3", "status": "stopped", "memory": 2, "max": 2, "template": True, "disks": {"scsi0": "ceph:10"}},
    },
}  # fmt: skip


def add_accounts(world: World) -> World:
    """Give a world the accounts every scene has: root, one limited to pool web, an auditor, one without rights, and API tokens."""
    access = world.access
    access.add(User("pool@pve", "pool-secret"), ("/pool/web", "PVEVMAdmin"), ("/pool/web", "PVEPoolUser"))
    access.add(User("audit@pve", "audit-secret"), ("/", "PVEAuditor"))
    access.add(User("nobody@pve", "nobody-secret"))
    access.add(User("prs@pve", "prs-secret"), ("/", "PRS"))
    access.roles["PRS"] = frozenset({
        "VM.Audit", "VM.Migrate", "VM.Config.Disk", "Sys.Audit", "Sys.Modify", "Datastore.Audit", "Datastore.AllocateSpace", "Pool.Audit", "SDN.Audit",
    })  # fmt: skip
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
            vmid, f"vm{vmid}", node, memory=memory, memory_max=configured * GiB, cpu=round(cores * chance.random() ** 2 * 0.6, 2), cpu_max=cores,
            dirty=chance.choice((2, 10, 40)) * MiB, disks=[where],
        ))  # fmt: skip
    machines = [Node(name, 768 * GiB, 96, 8 * GiB, 1.0, link=3 * GiB) for name in names]
    storages = [Storage("ceph", "rbd", True, total=400 * 1024 * GiB), Storage("local-zfs", "zfspool", total=8000 * GiB)]
    return add_accounts(World(machines, found, storages, flavour, "datacentre", start))


SCENES = {"small": small, "local": local, "large": large}
