"""Local disks that land on storages of other names, and come back to those where they were."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from drive import Drive
from prs.engine.drain.release import plan_release
from prs.engine.planning import make_plan
from prs.model import Policy
from simcluster.inprocess import InProcessApi
from simcluster.scenario import from_json
from simcluster.scenes import add_accounts
from simcluster.world import Flavour

# On pve1 there is a local-lvm too, so that the way back has to name the storage: by its own name it would land there.
STORAGES = {
    "rpool": {"type": "zfspool", "nodes": ["pve1"], "total": 200},
    "local-lvm": {"type": "lvmthin", "nodes": ["pve1", "pve2"], "total": 200},
    "local": {"type": "dir", "nodes": ["pve2"], "total": 100},
}  # fmt: skip


def test_disks_go_by_the_map_and_come_back_to_where_they_were(ram: Path, flavour: Flavour) -> None:
    guests = {
        "101": {"node": "pve1", "memory": 4, "disks": {"scsi0": "rpool:20", "scsi1": "local-lvm:10"}},
        "102": {"node": "pve1", "kind": "lxc", "memory": 2, "disks": {"rootfs": "local-lvm:8"}},
    }
    data: dict[str, Any] = {"flavour": flavour, "nodes": {"pve1": {}, "pve2": {}}, "storages": STORAGES, "guests": guests}
    world = add_accounts(from_json(data))
    world.clock.sleep(660)
    before = {vmid: [disk.storage for disk in guest.disks] for vmid, guest in world.guests.items()}
    drive = Drive(world, ram, Policy(containers=True, storages=(("rpool", ("local-lvm",)), ("local-lvm", ("local", "local-lvm")))))
    job = drive.run("pve1")
    assert job.state == "done", (job.message, job.steps)
    assert {step.vmid: step.storages for step in job.steps} == {
        101: (("local-lvm", "local"), ("rpool", "local-lvm")), 102: (("local-lvm", "local"),),
    }  # fmt: skip
    assert [disk.storage for disk in world.guests[101].disks] == ["local-lvm", "local"]
    world.clock.sleep(900)
    _, back, policy = plan_release(drive.api, drive.holds, drive.journal.held()["pve1"], drive.clock.time())
    assert {move.vmid: move.storages for move in back.moves}[101] == (("local", "local-lvm"), ("local-lvm", "rpool"))
    job = drive.finish(drive.journal.add_job(drive.journal.add_plan(back, policy, drive.api.user), "x", "cli", drive.clock.time()))
    assert job.state == "done", (job.message, job.steps)
    assert {vmid: [disk.storage for disk in guest.disks] for vmid, guest in world.guests.items()} == before
    assert not world.overfilled
    assert not world.schema_errors


@pytest.mark.parametrize("line", [("local-zfs", ("local-lvm",)), ("*", ("any",))])
def test_local_disks_are_levelled_across_storages_of_other_names(line: tuple[str, tuple[str, ...]], flavour: Flavour) -> None:
    """A ZFS pool here, an LVM thin pool there: with a map they are levelled, without one nothing can move."""
    guests = {str(101 + at): {"node": "pve1", "memory": 2, "disks": {"scsi0": "local-zfs:100"}} for at in range(8)}
    storages = {
        "local-zfs": {"type": "zfspool", "total": 1000, "nodes": ["pve1"]},
        "local-lvm": {"type": "lvmthin", "total": 1000, "nodes": ["pve2"]},
    }  # fmt: skip
    world = add_accounts(from_json({
        "flavour": flavour, "nodes": {"pve1": {"memory": 64}, "pve2": {"memory": 64}}, "storages": storages, "guests": guests,
    }))  # fmt: skip
    world.clock.sleep(3600)
    api = InProcessApi(world, "prs@pve!daemon")
    _, plan = make_plan(api, Policy(method="disk", storages=(line,)), world.clock.time())
    assert [load.disk for load in plan.after] == [0.4, 0.4]
    assert {move.storages for move in plan.moves} == {(("local-zfs", "local-lvm"),)}
    assert make_plan(api, Policy(method="disk"), world.clock.time())[1].moves == ()


@pytest.mark.parametrize(("key", "word"), [("tpmstate0", ""), ("ide2", ",cloudinit"), ("unused0", "")])
def test_what_qemu_does_not_mirror_keeps_a_running_vm_off_storages_that_do_not_take_it(ram: Path, key: str, word: str) -> None:
    """PVE sends TPM state, cloud-init drive and detached disks as streams, and LVM takes none of ZFS: the other node is chosen."""
    guests = {"101": {"node": "pve1", "memory": 2, "disks": {"scsi0": "rpool:10", key: f"rpool:1{word}"}},
              "102": {"node": "pve3", "memory": 8}, "103": {"node": "pve1", "memory": 2, "disks": {"scsi0": "rpool:10"}}}
    storages = {"rpool": {"type": "zfspool", "nodes": ["pve1"]}, "thin": {"type": "lvmthin", "nodes": ["pve2"]},
                "tank": {"type": "zfspool", "nodes": ["pve3"]}, "ceph": {"type": "rbd", "shared": True}}  # fmt: skip
    data: dict[str, Any] = {"nodes": {"pve1": {}, "pve2": {}, "pve3": {}}, "storages": storages, "guests": guests}
    world = add_accounts(from_json(data))
    world.clock.sleep(660)
    drive = Drive(world, ram, Policy(storages=(("rpool", ("any",)),)))
    job = drive.run("pve1")
    assert job.state == "done", (job.message, job.steps)
    assert {vmid: world.guests[vmid].node for vmid in (101, 103)} == {101: "pve3", 103: "pve2"}
