"""How migrations in the simulated cluster go: disks, logs, containers, and what is left of those that break off."""

from __future__ import annotations

from typing import Any

import pytest

from prs.errors import ApiError, Unreachable
from simcluster import InProcessApi
from simcluster.nouns import GiB
from simcluster.scenes import local, small
from unit.simcluster.migrations import ended, log, start


def test_local_disks_need_to_be_asked_for_and_then_travel_first() -> None:
    """Without with-local-disks the task aborts; with it the disk is mirrored before the memory and is on the target afterwards."""
    world = small()
    upid = start(world, 106, "pve3", online=1)
    world.clock.sleep(30)
    assert ended(world, upid) == "migration aborted"
    before = world.storage_used("local-zfs", "pve3")
    upid = start(world, 106, "pve3")
    world.clock.sleep(300)
    assert ended(world, upid) == "OK"
    assert world.storage_used("local-zfs", "pve3") == before + 60 * GiB
    assert world.storage_used("local-zfs", "pve1") == 20 * GiB
    lines = log(world, upid)
    ready = next(number for number, line in enumerate(lines) if line.endswith(", ready"))
    assert lines[ready] == "mirror-scsi0: transferred 60.0 GiB of 60.0 GiB (100.00%) in 2m, ready"
    assert lines[ready + 1] == "all 'mirror' jobs are ready"
    assert "starting online/live migration" in lines[ready + 3]


def test_the_lines_name_drives_on_pve_8_and_mirrors_on_9() -> None:
    """The prefix follows the machine's version."""
    prefixes = {}
    for flavour in ("8", "9"):
        world = small(flavour)
        upid = start(world, 106, "pve3")
        world.clock.sleep(10)
        prefixes[flavour] = next(line for line in log(world, upid) if "transferred" in line)
    assert prefixes["8"].startswith("drive-scsi0: transferred 512.0 MiB of 60.0 GiB (0.83%) in 1s")
    assert prefixes["9"].startswith("mirror-scsi0: transferred 512.0 MiB of 60.0 GiB (0.83%) in 1s")


def test_the_log_of_a_shared_storage_migration_is_pves() -> None:
    """Line by line, with the times of the virtual clock."""
    world = small()
    world.guests[102].memory, world.guests[102].dirty = 2 * GiB, 0.0
    upid = start(world, 102, "pve3", online=1)
    world.clock.sleep(60)
    assert log(world, upid) == [
        "2026-11-18 11:06:40 starting migration of VM 102 to node 'pve3' (10.0.0.3)",
        "2026-11-18 11:06:41 conntrack state migration not supported or disabled, active connections might get dropped",
        "2026-11-18 11:06:41 starting VM 102 on remote node 'pve3'",
        "2026-11-18 11:06:43 start remote tunnel",
        "2026-11-18 11:06:43 starting online/live migration on unix:/run/qemu-server/102.migrate",
        "2026-11-18 11:06:44 migration active, transferred 1.0 GiB of 8.0 GiB VM-state, 1.0 GiB/s",
        "2026-11-18 11:06:45 migration active, transferred 2.0 GiB of 8.0 GiB VM-state, 1.0 GiB/s",
        "2026-11-18 11:06:45 average migration speed: 1.0 GiB/s - downtime 57 ms",
        "2026-11-18 11:06:45 migration completed, transferred 2.0 GiB VM-state",
        "2026-11-18 11:06:45 migration status: completed",
        "2026-11-18 11:06:46 migration finished successfully (duration 00:00:06)",
        "TASK OK",
    ]


def test_a_stopped_vm_is_copied_offline_without_being_asked_for() -> None:
    """Local disks of a stopped VM travel by themselves; `online` is accepted and means nothing."""
    world = local()
    upid = start(world, 113, "pve3", online=1)
    world.clock.sleep(600)
    assert ended(world, upid) == "OK"
    assert (world.guests[113].node, world.guests[113].status) == ("pve3", "stopped")
    assert any("total estimated size is 100G" in line for line in log(world, upid))


def test_a_full_target_storage_aborts_although_preconditions_allow_it() -> None:
    """PVE does not look at free space before."""
    world = small()
    world.storages["local-zfs"].total = 70 * GiB
    assert "pve2" in InProcessApi(world).get("/nodes/pve1/qemu/106/migrate")["allowed_nodes"]
    upid = start(world, 106, "pve2")
    world.clock.sleep(60)
    assert ended(world, upid) == "migration problems"
    assert any("No space left on device" in line for line in log(world, upid))


def test_a_storage_mapping_lands_the_disk_elsewhere_and_needs_its_privilege() -> None:
    """targetstorage moves local volumes only, and needs AllocateSpace on the storage."""
    world = small()
    path, params = "/nodes/pve1/qemu/106/migrate", {"target": "pve3", "online": 1, "with-local-disks": 1, "targetstorage": "local-zfs:ceph"}
    world.access.roles["Mover"] = frozenset({"VM.Migrate", "VM.Audit"})
    world.access.roles["Owner"] = frozenset({"VM.Migrate", "VM.Audit", "VM.Config.Disk"})
    world.access.add(world.access.users["nobody@pve"], ("/vms", "Mover"))
    with pytest.raises(ApiError, match=r"Permission check failed \(/vms/106, VM.Config.Disk\)"):
        InProcessApi(world, "nobody@pve").post(path, params)
    world.access.add(world.access.users["nobody@pve"], ("/vms/106", "Owner"))
    with pytest.raises(ApiError, match=r"Permission check failed \(/storage/ceph, Datastore.AllocateSpace\)"):
        InProcessApi(world, "nobody@pve").post(path, params)
    upid = InProcessApi(world).post(path, params)
    world.clock.sleep(300)
    assert (ended(world, upid), world.guests[106].disks[0].storage) == ("OK", "ceph")


def test_an_unavailable_storage_is_named_by_both_calls() -> None:
    """The precondition call lists it, the request is refused at once."""
    world = small()
    world.storages["local-zfs"].nodes = ("pve1", "pve2")
    answer = InProcessApi(world).get("/nodes/pve1/qemu/106/migrate")
    assert answer["allowed_nodes"] == ["pve2"]
    assert answer["not_allowed_nodes"]["pve3"] == {"unavailable_storages": ["local-zfs"]}
    with pytest.raises(ApiError, match="storage 'local-zfs' is not available on node 'pve3'"):
        start(world, 106, "pve3")


def test_a_container_restarts_on_the_target() -> None:
    """Shut down, moved, started: it is off in between and its uptime begins anew."""
    world = small()
    with pytest.raises(ApiError, match="can't migrate running container without --online or --restart"):
        start(world, 110, "pve3", timeout=60)
    upid = start(world, 110, "pve3", online=1)
    world.clock.sleep(5)
    assert any("lxc live migration is currently not implemented" in line for line in log(world, upid))
    upid = start(world, 110, "pve3")
    world.clock.sleep(10)
    assert (world.guests[110].node, world.guests[110].status) == ("pve2", "stopped")
    world.clock.sleep(20)
    assert (world.guests[110].node, world.guests[110].status, ended(world, upid)) == ("pve3", "running", "OK")
    assert world.guests[110].born > world.clock.start


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"config": {"mp0": "/srv/data,mp=/data"}}, "cannot migrate local bind mount point 'mp0'"),
        ({"stops": False}, "container did not stop"),
    ],
)
def test_containers_that_do_not_move_keep_running(changes: dict[str, Any], words: str) -> None:
    """A bind mount or an unwilling init aborts the migration."""
    world = small()
    for name, value in changes.items():
        setattr(world.guests[110], name, value)
    upid = start(world, 110, "pve3")
    world.clock.sleep(300)
    assert (world.guests[110].node, world.guests[110].status, ended(world, upid)) == ("pve2", "running", "migration aborted")
    assert any(words in line for line in log(world, upid))


def test_a_second_request_waits_for_the_lock_and_fails_or_meets_it() -> None:
    """Within the first second it becomes a task that times out; later the lock is in the way at once."""
    world = small()
    first = start(world, 101, "pve3")
    second = start(world, 101, "pve3")
    world.clock.sleep(2)
    with pytest.raises(ApiError, match=r"VM is locked \(migrate\)"):
        start(world, 101, "pve3")
    world.clock.sleep(60)
    assert ended(world, first) == "OK"
    assert ended(world, second) == "can't lock file '/var/lock/qemu-server/lock-101.conf' - got timeout"
    assert (world.started[101], world.migrations[101]) == (2, 1)


def test_a_cancelled_migration_leaves_the_guest_where_it_was() -> None:
    """No lock, no memory on the target, and the words of a cancelled task."""
    world = small()
    used = world.memory_used("pve3")
    upid = start(world, 101, "pve3")
    world.clock.sleep(8)
    assert InProcessApi(world).delete(f"/nodes/pve1/tasks/{upid}") is None
    guest = world.guests[101]
    assert (guest.node, guest.status, guest.lock, ended(world, upid)) == ("pve1", "running", "", "migration problems")
    assert world.memory_used("pve3") == used
    assert "2026-11-18 11:06:48 ERROR: online migrate failure - interrupted by signal" in log(world, upid)


def test_a_migration_cancelled_too_late_has_problems_but_has_moved() -> None:
    """The configuration is on the target already."""
    world = small()
    world.guests[102].memory, world.guests[102].dirty = 2 * GiB, 0.0
    upid = start(world, 102, "pve3", online=1)
    world.clock.sleep(5.5)
    InProcessApi(world).delete(f"/nodes/pve1/tasks/{upid}")
    assert (world.guests[102].node, world.guests[102].status, ended(world, upid)) == ("pve3", "running", "migration problems")


def test_a_dying_target_aborts_and_a_dying_source_leaves_a_lock() -> None:
    """The guest of the surviving source runs on, on real PVE 9.2 without its lock; that of a dead one is off, its task has no end."""
    world = small()
    upid = start(world, 101, "pve3")
    world.clock.sleep(8)
    world.life.kill("pve3")
    assert (world.guests[101].node, world.guests[101].status, ended(world, upid)) == ("pve1", "running", "migration problems")
    assert world.guests[101].lock == ""
    upid = start(world, 101, "pve2")
    world.clock.sleep(8)
    world.life.kill("pve1")
    world.clock.sleep(60)
    with pytest.raises(Unreachable, match="No route to host"):
        InProcessApi(world).get(f"/nodes/pve1/tasks/{upid}/status")
    world.life.revive("pve1")
    assert InProcessApi(world).get(f"/nodes/pve1/tasks/{upid}/status")["exitstatus"] == "unexpected status"
    assert (world.guests[101].node, world.guests[101].status, world.guests[101].lock) == ("pve1", "stopped", "migrate")


def test_without_quorum_nothing_starts_and_nothing_arrives() -> None:
    """A request is refused; a migration under way cannot move its configuration."""
    world = small()
    upid = start(world, 101, "pve3")
    world.clock.sleep(8)
    world.life.quorum(False)
    with pytest.raises(ApiError, match="cluster not ready - no quorum"):
        start(world, 102, "pve3")
    world.clock.sleep(60)
    assert (world.guests[101].node, world.guests[101].status, ended(world, upid)) == ("pve1", "running", "migration problems")
    assert world.guests[101].lock == "migrate"


def test_a_replicated_guest_sends_only_what_changed_and_turns_its_job_round() -> None:
    """To its replication target a 60 GiB disk takes seconds."""
    world = small()
    world.guests[106].replicate = ("pve3",)
    upid = start(world, 106, "pve3")
    world.clock.sleep(20)
    assert (ended(world, upid), world.guests[106].node, world.guests[106].replicate) == ("OK", "pve3", ("pve1",))


def test_a_bandwidth_limit_slows_the_copy_down() -> None:
    """KiB per second."""
    world = small()
    world.guests[102].dirty = 0.0
    start(world, 102, "pve3", online=1, bwlimit=100 * 1024)
    world.clock.sleep(3 + 55)
    assert world.guests[102].node == "pve1"
    world.clock.sleep(5)
    assert world.guests[102].node == "pve3"
