"""Where a guest to be should go, asked of a cluster that is read: what it is like, shared storages, and a node that is offline."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from drive import Drive
from prs.engine.placing import make_placement
from prs.model import Disk, NewGuest, Placement, Policy
from simcluster.nouns import GiB
from simcluster.scenes import local, small
from simcluster.world import World


def asked(world: World, folder: Path, *guests: NewGuest) -> Placement:
    drive = Drive(world, folder, Policy())
    return make_placement(drive.api, drive.policy, drive.clock.time(), guests)[1]


def against(found: Placement) -> dict[str, str]:
    """Why nodes take the first guest not."""
    return {one.node: one.reason for one in found.guests[0].candidates if not one.rank}


def test_a_guest_like_a_template_needs_the_storage_of_its_disks(ram: Path) -> None:
    world = local()
    world.clock.sleep(1200)
    world.storages["local-zfs"] = replace(world.storages["local-zfs"], nodes=("pve1", "pve3"))
    found = asked(world, ram, NewGuest("", like=900))
    assert found.guests[0].node in ("pve1", "pve3")
    assert against(found) == {"pve2": "storage local-zfs is not available on pve2"}


@pytest.mark.parametrize(("vmid", "size"), [(101, 200), (112, 8)])
def test_a_guest_like_another_takes_room_on_the_storage_that_all_share(vmid: int, size: int, ram: Path) -> None:
    world = small()
    world.clock.sleep(1200)
    world.storages["ceph"] = replace(world.storages["ceph"], used=world.storages["ceph"].total)
    found = asked(world, ram, NewGuest("", like=vmid, memory=GiB))
    assert set(against(found).values()) == {f"needs {size}.0 GiB on storage ceph, which has 0.0 GiB free"}


def test_a_node_that_is_offline_takes_no_room_from_a_storage_that_others_have(ram: Path) -> None:
    world = small()
    world.clock.sleep(1200)
    world.life.kill("pve3")
    world.clock.sleep(600)
    found = asked(world, ram, NewGuest("", memory=GiB, disks=(Disk("ceph", 20 * GiB),)))
    assert found.guests[0].node in ("pve1", "pve2")
    assert against(found) == {"pve3": "pve3 is excluded: offline"}
