"""/nodes/{node}/{qemu,lxc}/{vmid}/status/shutdown and start (qemu-server PVE/API2/Qemu.pm, pve-container PVE/API2/LXC/Status.pm).

A guest under HA is passed to the HA manager, which sets its configured state; of VMs it forces the end once the time is up
(pve-ha-manager HA/Resources/PVEVM.pm), of containers it does not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from simcluster.errors import Refused
from simcluster.migrate_api import guest_here, quorate, unlocked
from simcluster.nouns import Guest
from simcluster.process import Failed, Steps, Wait
from simcluster.routes import Call, route

if TYPE_CHECKING:
    from simcluster.tasks import Task
    from simcluster.world import World

QEMU, LXC = "/nodes/{node}/qemu/{vmid}/status/", "/nodes/{node}/lxc/{vmid}/status/"
SHUTS, BOOTS = 8.0, 3.0  # seconds
LRM = 12.0  # seconds until CRM and LRM have heard of a change and act on it


def _guest(world: World, call: Call) -> Guest:
    guest = guest_here(world, call, "lxc" if "/lxc" in call.template else "qemu")
    quorate(world)
    unlocked(guest)
    return guest


@route("POST", f"{QEMU}shutdown", f"{LXC}shutdown")
def shutdown(world: World, call: Call) -> str:
    """Ask the guest to shut down; the UPID."""
    guest = _guest(world, call)
    patience, force = float(call.values.get("timeout", 60)), str(call.values.get("forceStop", "0")) in ("1", "True")
    if guest.status == "paused" and not force:
        raise Refused(500, "VM is paused - cannot shutdown")
    if world.ha.managed(guest):
        return _by_ha(world, guest, call.user, "hastop", patience)
    kind = "qmshutdown" if guest.kind == "qemu" else "vzshutdown"
    return world.tasks.start(guest.node, kind, str(guest.vmid), call.user, lambda task: _shut(world, guest, patience, force)).upid


def _shut(world: World, guest: Guest, patience: float, force: bool) -> Steps:
    if not guest.running:
        raise Failed(f"{'VM' if guest.kind == 'qemu' else 'CT'} {guest.vmid} not running")
    yield Wait(min(SHUTS, patience) if guest.stops else patience)
    if not guest.stops and not force:
        raise Failed("VM quit/powerdown failed - got timeout" if guest.kind == "qemu" else "container did not stop")
    with world.change(guest.node, guest=guest):
        guest.status = "stopped"
    world.tell("guest", f"{guest.label} is {'shut down' if guest.stops else 'killed'}")


@route("POST", f"{QEMU}start", f"{LXC}start")
def start(world: World, call: Call) -> str:
    """Start the guest; the UPID."""
    guest = _guest(world, call)
    if world.ha.managed(guest):
        return _by_ha(world, guest, call.user, "hastart", 0.0)
    kind = "qmstart" if guest.kind == "qemu" else "vzstart"
    return world.tasks.start(guest.node, kind, str(guest.vmid), call.user, lambda task: _start(world, guest)).upid


def _start(world: World, guest: Guest) -> Steps:
    if guest.running:
        raise Failed(f"{'VM' if guest.kind == 'qemu' else 'CT'} {guest.vmid} already running")
    yield Wait(BOOTS)
    world.life.start(guest.vmid)


def _by_ha(world: World, guest: Guest, user: str, type: str, patience: float) -> str:
    resource, on = world.ha.resources[guest.sid], type == "hastart"

    def ask(task: Task) -> Steps:
        task.log.add(f"Requesting HA {'start' if on else 'stop'} for {'VM' if guest.kind == 'qemu' else 'CT'} {guest.vmid}")
        yield Wait(1.0)
        resource.state = "started" if on else "stopped"
        world.clock.after(LRM, act)

    def act() -> None:
        """What the LRM does, with a task of its own."""
        world.ha.wake()
        if guest.running == on or not world.nodes[guest.node].alive or resource.state != ("started" if on else "stopped"):
            return
        work = _start(world, guest) if on else _shut(world, guest, patience, guest.kind == "qemu")
        world.tasks.start(guest.node, "qmstart" if on else "qmshutdown", str(guest.vmid), "root@pam", lambda task: work)

    return world.tasks.start(guest.node, type, str(guest.vmid), user, ask).upid
