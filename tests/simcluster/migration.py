"""A migration as it happens: the steps of a qmigrate and a vzmigrate task, with their log lines and what they leave behind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from simcluster import obstacles, physics, tasklog
from simcluster.nouns import Disk, Guest
from simcluster.process import Copy, Failed, NodeDied, Steps, Wait
from simcluster.tasks import Task

if TYPE_CHECKING:
    from simcluster.physics import Flow
    from simcluster.world import World

ABORTED, PROBLEMS = "migration aborted", "migration problems"
LOCK_WAIT = 10.0


@dataclass(frozen=True)
class Order:
    """What a migration was asked for; limit in bytes per second, timeout in seconds."""

    guest: Guest
    target: str
    restart: bool = False
    with_local_disks: bool = False
    storages: dict[str, str] = field(default_factory=dict)  # source storage -> target storage; "" = any
    limit: float = float("inf")
    timeout: float = 180.0
    by_ha: bool = False
    conntrack: bool = False  # connections of a firewalled VM come along

    def storage(self, disk: Disk) -> str:
        """Give the storage a local volume lands on."""
        return self.storages.get(disk.storage) or self.storages.get("") or disk.storage


def start(world: World, order: Order, user: str, over: Callable[[Task], None] | None = None) -> Task:
    """Start the migration task on the guest's node."""
    guest = order.guest
    world.started[guest.vmid] += 1
    kind = "qmigrate" if guest.kind == "qemu" else "vzmigrate"
    return world.tasks.start(guest.node, kind, str(guest.vmid), user, partial(_steps, world, order), over)


def _steps(world: World, order: Order, task: Task) -> Steps:
    guest, begun = order.guest, world.clock.now
    task.target = order.target
    if order.by_ha:
        task.log.add("task started by HA resource agent")
    if words := obstacles.outside(world, order.target):
        raise Failed(words)
    if guest.migrating:
        yield from _wait_for_lock(world, guest)
    if guest.node != task.node or guest.vmid not in world.guests:
        folder = "qemu-server" if guest.kind == "qemu" else "lxc"
        raise Failed(f"Configuration file 'nodes/{task.node}/{folder}/{guest.vmid}.conf' does not exist")
    guest.migrating = task.upid
    what = "VM" if guest.kind == "qemu" else "CT"
    try:
        ip = f" ({world.nodes[order.target].address})"
        if guest.kind == "qemu":
            world.tasks.note(task, f"starting migration of VM {guest.vmid} to node '{order.target}'{ip}")
            yield from _qemu(world, order, task)
        else:
            yield from _lxc(world, order, task, f"starting migration of CT {guest.vmid} to node '{order.target}'{ip}")
        if task.problem:
            raise Failed(task.problem)
    except NodeDied:
        world.tell("migration", f"{guest.label} was migrating to {order.target} when {task.node} died")
        raise
    except Failed as why:
        _clean_up(world, order, task, why)
        took = _clock_face(world.clock.now - begun)
        if task.moved:
            world.tasks.note(task, f"ERROR: {why}")
            world.tasks.note(task, f"ERROR: migration finished with problems (duration {took})")
            raise Failed(PROBLEMS) from why
        world.tell("migration", f"{guest.label} stays on {guest.node}, {what} migration to {order.target} aborted: {why}")
        if task.live:  # AbstractMigrate.pm: an error of phase 2 is no reason to die, so that the task ends as one with problems
            world.tasks.note(task, f"ERROR: migration finished with problems (duration {took})")
            raise Failed(PROBLEMS) from why
        world.tasks.note(task, f"ERROR: migration aborted (duration {took}): {why}")
        raise Failed(ABORTED) from why
    finally:
        guest.migrating = ""
    world.tasks.note(task, f"migration finished successfully (duration {_clock_face(world.clock.now - begun)})")


def _wait_for_lock(world: World, guest: Guest) -> Steps:
    yield Wait(LOCK_WAIT)
    if guest.migrating:
        file = f"/var/lock/qemu-server/lock-{guest.vmid}.conf" if guest.kind == "qemu" else f"/run/lock/lxc/pve-config-{guest.vmid}.lock"
        raise Failed(f"can't lock file '{file}' - got timeout")


def _clock_face(seconds: float) -> str:
    whole = round(seconds)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}"


def _clean_up(world: World, order: Order, task: Task, why: Failed) -> None:
    """Leave the guest as it was, but for the lock where nothing can be written: without quorum."""
    guest = order.guest
    if not task.moved:
        written = world.quorate  # a dead target alone keeps no lock, as real PVE 9.2 daemons showed
        if guest.lock == "migrate" and written:
            guest.lock = ""
        if task.live:
            world.tasks.note(task, f"ERROR: online migrate failure - {why}")
            world.tasks.note(task, "aborting phase 2 - cleanup resources")
            world.tasks.note(task, "migrate_cancel")
            world.tasks.settle(task)
        if guest.lock == "migrate" and not written:
            folder = "qemu-server" if guest.kind == "qemu" else "lxc"
            file = f"/etc/pve/nodes/{task.node}/{folder}/{guest.vmid}.conf"
            world.tasks.note(task, f"ERROR: unable to open file '{file}.tmp.{task.pid}' - Permission denied")


def _qemu(world: World, order: Order, task: Task) -> Steps:
    guest = order.guest
    yield Wait(physics.SETUP)
    lines, words = obstacles.in_prepare(world, guest, order.target, order.with_local_disks, order.storage)
    for line in lines:
        world.tasks.note(task, line)
    if words:
        if not world.nodes[order.target].alive:
            yield Wait(physics.SSH_TIMEOUT)
        raise Failed(words)
    guest.lock = "migrate"
    local = obstacles.local_disks(world, guest)
    for disk in local:
        kind = "generated" if disk.cloudinit else "local, replicated" if order.target in guest.replicate else "local"
        what = "attached" if disk.attached else "unused" if disk.unused else "referenced by snapshot(s)"
        world.tasks.note(task, f"found {kind} disk '{disk.volid}' ({'in current VM config' if disk.cloudinit else what})")
    live = [disk for disk in local if disk.attached and not disk.cloudinit and disk.key != "tpmstate0"] if guest.running else []
    offline = [disk for disk in local if disk not in live]
    if offline:
        world.tasks.note(task, "copying local disk images")
    for disk in offline:
        yield from _copy_offline(world, order, task, disk)
    if guest.running:
        yield from _live(world, order, task, live)
    else:
        yield Wait(physics.OFFLINE)
    _arrive(world, order, task, guest.status)
    yield Wait(physics.FINISH)


def _live(world: World, order: Order, task: Task, disks: list[Disk]) -> Steps:
    guest, note = order.guest, partial(world.tasks.note, task)
    task.live = True
    if not order.conntrack and world.flavour != "8":
        note("conntrack state migration not supported or disabled, active connections might get dropped")
    note(f"starting VM {guest.vmid} on remote node '{order.target}'")
    yield Wait(physics.START_TARGET)
    words = obstacles.at_start(world, guest, order.target, order.storage)
    if words:
        note(f"[{order.target}] {words}")
        raise Failed("remote command failed with exit code 255")
    for disk in disks:
        note(f"volume '{disk.volid}' is '{order.storage(disk)}:{disk.name}' on the target")
    note("start remote tunnel")
    if disks:
        note("starting storage migration")
    for disk in disks:
        yield from _mirror(world, order, task, disk)
    if disks:
        note("switching mirror jobs to actively synced mode")
    note(f"starting online/live migration on unix:/run/qemu-server/{guest.vmid}.migrate")
    flows: list[Flow] = []

    def begun(flow: Flow) -> None:
        flows.append(flow)
        world.tasks.expect(task, flow, guest.resident)
        task.log.follow(flow, tasklog.memory_line(guest.memory_max, guest.dirty))

    yield Copy(task.node, order.target, guest.memory, order.limit, 0.0 if guest.status == "paused" else guest.dirty, begun)
    sent, took = flows[0].at(world.clock.now).sent, world.clock.now - flows[0].pieces[0].start
    speed = tasklog.size(sent / took) if took else "0.0 B"
    note(f"average migration speed: {speed}/s - downtime 57 ms")
    note(f"migration completed, transferred {tasklog.size(sent)} VM-state")
    note("migration status: completed")
    if disks:
        note("stopping NBD storage migration server on target.")


def _disk_speed(world: World, order: Order, task: Task) -> float:
    return min(order.limit, world.nodes[task.node].disk_speed, world.nodes[order.target].disk_speed)


def _need_room(world: World, order: Order, disk: Disk) -> None:
    words = obstacles.no_room(world, disk, order.storage(disk), order.target)
    if words:
        raise Failed(words)


def _mirror(world: World, order: Order, task: Task, disk: Disk) -> Steps:
    """Mirror one disk of a running VM; the prefix is `mirror` from machine version 10 on, `drive` before."""
    _need_room(world, order, disk)
    old = order.guest.machine.startswith(("8", "9")) if order.guest.machine else world.nodes[task.node].version.startswith("8")
    line = tasklog.disk_line(disk.key, "drive" if old else "mirror")
    size = _delta(order, disk)
    world.tasks.note(task, f"{disk.key}: start migration to nbd:unix:/run/qemu-server/{order.guest.vmid}_nbd.migrate:exportname={disk.key}")
    yield Copy(task.node, order.target, size, _disk_speed(world, order, task), 0.0, lambda flow: task.log.follow(flow, line))
    task.log.add("all 'mirror' jobs are ready")


def _copy_offline(world: World, order: Order, task: Task, disk: Disk) -> Steps:
    if words := obstacles.unlike(world, disk, order.storage(disk)):
        raise Failed(words)
    _need_room(world, order, disk)
    size, speed = _delta(order, disk), _disk_speed(world, order, task)
    line: tasklog.Render = tasklog.copy_line
    every = 3.0
    if world.storages[disk.storage].type == "zfspool":
        world.tasks.note(task, f"total estimated size is {tasklog.zfs_size(size)}")
        line, every = tasklog.zfs_line(f"rpool/data/{disk.name}@__migration__"), 1.0
    yield Copy(task.node, order.target, size, speed, 0.0, lambda flow: task.log.follow(flow, line, every))


def _delta(order: Order, disk: Disk) -> float:
    """To a replication target only what changed since the last run travels: taken as a fiftieth."""
    return disk.size / 50 if order.target in order.guest.replicate else disk.size


def _arrive(world: World, order: Order, task: Task, status: str) -> None:
    """Move the configuration to the target: from here on the guest is there (needs quorum)."""
    guest, source = order.guest, task.node
    if not world.quorate:
        raise Failed(f"Failed to move config to node '{order.target}' - rename failed: Permission denied")
    guest.disks = [disk if world.storages[disk.storage].shared else replace(disk, storage=order.storage(disk)) for disk in guest.disks]
    world.place(guest, order.target, status, task, conntrack=order.conntrack)
    if order.target in guest.replicate:  # the direction of the replication is turned round
        guest.replicate = tuple(sorted({*guest.replicate, source} - {order.target}))
    task.moved = True


def _lxc(world: World, order: Order, task: Task, words: str) -> Steps:
    guest, note = order.guest, partial(world.tasks.note, task)
    was_running = guest.running
    yield Wait(physics.SETUP)
    if guest.lock:
        raise Failed(f"CT is locked ({guest.lock})")
    if was_running and not order.restart:
        raise Failed("lxc live migration is currently not implemented")
    why = obstacles.for_container(world, guest, order.target, order.storage)
    if why:
        raise Failed(why)
    if was_running:
        note(f"shutdown CT {guest.vmid}")
        yield Wait(physics.SHUTDOWN if guest.stops else order.timeout)
        if not guest.stops:
            raise Failed("container did not stop")
        with world.change(guest.node, guest=guest):
            guest.status = "stopped"
    note(words)
    guest.lock = "migrate"
    try:
        lines, why = obstacles.of_stopped_container(world, guest, order.target, order.storage)
        for line in lines:
            note(line)
        if why:
            raise Failed(why)
        for disk in obstacles.local_disks(world, guest):
            note(f"found local volume '{disk.volid}' (in current VM config)")
            yield from _copy_offline(world, order, task, disk)
        yield Wait(physics.OFFLINE)
        _arrive(world, order, task, "stopped")
    except Failed:
        if was_running:  # in restart mode it is started again where it was
            with world.change(guest.node, guest=guest):
                guest.status, guest.born = "running", world.clock.now
        raise
    note("start final cleanup")
    if was_running and not order.by_ha:
        note("start container on target node")
    if was_running:
        yield Wait(physics.BOOT)
        if obstacles.lacks(guest):
            raise Failed(f"command 'ssh {world.nodes[order.target].address} pct start {guest.vmid}' failed: exit code 255")
        with world.change(guest.node, guest=guest):
            guest.status, guest.born = "running", world.clock.now
