"""The LRMs: each carries out the moves that the CRM has decided for services on its node (pve-ha-manager HA/LRM.pm)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simcluster import migration, obstacles
from simcluster.access import ROOT
from simcluster.nouns import Guest

if TYPE_CHECKING:
    from simcluster.ha import Service
    from simcluster.tasks import Task
    from simcluster.world import World

DELAY = 4.0  # the LRM looks every 5 s
WORKERS = 4


def work(world: World) -> None:
    """Start the moves that are due, at most `max_workers` at a time on each node."""
    for service in sorted(world.ha.services.values(), key=lambda service: service.sid):
        guest = world.ha.guest(service.sid)
        if guest is None or service.state not in ("migrate", "relocate") or service.task or service.failed:
            continue
        busy = sum(1 for other in world.ha.services.values() if other.task and other.node == service.node)
        if world.nodes[service.node].alive and guest.node != service.target and busy < int(world.options.get("max_workers", WORKERS)):
            _move(world, service, guest)


def _move(world: World, service: Service, guest: Guest) -> None:
    words = obstacles.at_request(world, guest, service.target) if guest.kind == "qemu" else ""
    words = words or (f"VM is locked ({guest.lock})" if guest.lock else "") or ("" if guest.node == service.node else "it is not here")
    if words:
        world.tell("ha", f"HA cannot migrate {service.sid} to {service.target}: {words}")
        service.failed = True
        return

    def over(task: Task) -> None:
        service.failed = guest.node != service.target
        service.task = ""
        world.clock.after(DELAY, lambda: work(world))
        world.ha.wake()

    service.task = "starting"
    task = migration.start(world, migration.Order(guest, service.target, True, True, by_ha=True), ROOT, over)
    if task.running:
        service.task = task.upid
