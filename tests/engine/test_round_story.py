"""A whole round in one story: five nodes, three racks, Ceph, HA, hooks, a guest bound to its hardware, a service that keeps dying."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from engine.rounds import Cluster
from engine.test_rounds import sound
from prs.engine.journal.rides import drains_with_rides
from prs.engine.rolling.hooks import Hook
from prs.engine.rolling.stages import HOOKS, STEPS, RoundOptions
from simcluster.ceph import Ceph
from simcluster.scenes import add_accounts, from_json
from simcluster.world import Flavour

NODES = ("pve1", "pve2", "pve3", "pve4", "pve5")
RACKS = (("rack1", ("pve1", "pve2")), ("rack2", ("pve3", "pve4")), ("rack3", ("pve5",)))
APART, HA, RIDER = (101, 103), (101, 102), 104  # APART: two of a service that do not share a rack


def lab(folder: Path, flavour: Flavour) -> Cluster:
    """Five nodes; no node may be told to reboot while a guest runs there."""
    places = {101: "pve1", 102: "pve1", 103: "pve3", 104: "pve2", 105: "pve4", 106: "pve5"}
    guests: dict[str, dict[str, Any]] = {
        str(vmid): {"name": f"vm{vmid}", "node": node, "memory": 4, "max": 8, "cpu": 0.5, "cores": 2, "disks": {"scsi0": "ceph:20"},
                    "tags": ["plb_anti_affinity_web"] if vmid in APART else []}
        for vmid, node in places.items()
    }  # fmt: skip
    world = add_accounts(from_json({
        "flavour": flavour, "nodes": {node: {"memory": 32, "cpu": 16, "host": 3, "host_cpu": 0.4} for node in NODES},
        "storages": {"ceph": {"type": "rbd", "shared": True, "total": 8000, "used": 400}}, "guests": guests,
    }))  # fmt: skip
    world.guests[RIDER].config["hostpci0"] = "0000:01:00.0"
    world.ceph = Ceph(osds={node: [number] for number, node in enumerate(NODES)}, mons=NODES[:3])
    site, power_off = Cluster(folder, flavour, HA, world), world.life.power_off

    def watched(name: str, reboot: bool) -> None:
        assert not reboot or not [guest.vmid for guest in world.on(name) if guest.running]
        power_off(name, reboot)

    world.life.power_off = watched  # type: ignore[method-assign]
    site.hook = lambda stage, node, stopped: Hook(stage, "done", 0)
    return site


def test_five_nodes_patched_and_rebooted_with_nothing_lost(ram: Path, flavour: Flavour) -> None:
    """The carrier's process dies as each step of each node begins, and its own node is among them; every rule holds all the while."""
    site = lab(ram, flavour)
    world, rack_of = site.world, {node: rack for rack, nodes in RACKS for node in nodes}
    site.begin(*NODES, options=RoundOptions(hooks=True, stages=HOOKS, rides=(RIDER,)), domains=RACKS)
    seen = dict[tuple[str, str], None]()
    while (turn := site.round().turn) is not None:
        # A hook that was begun before its carrier died rests until a user speaks, which is another story.
        if (turn.node, turn.step) not in seen and turn.step not in HOOKS:
            site.service(site.round().holder)
        seen[turn.node, turn.step] = None
        site.tick()
        racks = [rack_of[world.guests[vmid].node] for vmid in APART]
        assert racks[0] != racks[1], (turn.node, turn.step)
        assert len(seen) < 100
    one = site.round()
    assert (one.state, one.message) == ("done", ""), (one, world.story()[-30:])
    assert [turn.stage for turn in one.turns] == ["done"] * 5
    assert site.rebooted == list(NODES)
    assert {step for _, step in seen} == {step for step, _ in STEPS} - {"by-hand"}
    assert [(stage, node) for _, stage, node in site.ran] == [(stage, node) for node in NODES for stage in HOOKS]
    assert len({host for host, _, _ in site.ran}) > 1, "it was handed on"
    assert world.ceph is not None
    assert world.ceph.flags == set()
    assert any(f"{RIDER} (vm{RIDER}) is shut down" in line for line in world.story("guest"))
    site.live(60)
    sound(site)
    assert all(guest.status == "running" for guest in world.guests.values())
    assert not [name for name, host in site.hosts.items() if drains_with_rides(host.journal)]
