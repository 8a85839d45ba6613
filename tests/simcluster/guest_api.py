"""/nodes/{node}/qemu and /lxc: lists, configuration, status, history (qemu-server PVE/API2/Qemu.pm, pve-container PVE/API2/LXC.pm)."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from simcluster import view
from simcluster.errors import Refused
from simcluster.gate import may
from simcluster.history import Seen, counted
from simcluster.migrate_api import guest_here
from simcluster.nouns import Disk, Guest
from simcluster.obstacles import machine
from simcluster.routes import Call, route

if TYPE_CHECKING:
    from simcluster.world import World


SNAPSHOT = "before"


def _kind(call: Call) -> str:
    return "lxc" if "/lxc" in call.template else "qemu"


def _now(world: World, guest: Guest) -> Seen:
    """The figures a node gives when it is asked itself: not the last report but the present; cpu 0 as in a fresh worker."""
    return Seen(guest.status, 0.0, guest.memory if guest.running else 0, counted(guest), guest.born)


@route("GET", "/nodes/{node}/qemu", "/nodes/{node}/lxc")
def index(world: World, call: Call) -> list[dict[str, Any]]:
    """List the guests of a node that the user may see; `status` is only running or stopped here."""
    rows = []
    for guest in world.on(call.node):
        if guest.kind == _kind(call) and may(world, call.user, f"/vms/{guest.vmid}", "VM.Audit"):
            rows.append({"vmid": guest.vmid, **_present(world, guest)})
    return rows


def _present(world: World, guest: Guest) -> dict[str, Any]:
    row = view.guest_figures(world, guest, _now(world, guest))
    row["status"] = "running" if guest.running else "stopped"
    if not guest.template:
        row.pop("template")
    row["cpus"] = row.pop("maxcpu")
    if guest.kind == "lxc":
        row.pop("memhost", None)
    if guest.tags:
        row["tags"] = ";".join(guest.tags)
    if guest.lock:
        row["lock"] = guest.lock
    if guest.kind == "qemu" and (least := int(guest.config.get("balloon", 0))):  # QemuServer.pm vmstatus
        row |= {"balloon_min": least * 2**20, "shares": int(guest.config.get("shares", 1000))}
    return row


@route("GET", "/nodes/{node}/qemu/{vmid}/status/current", "/nodes/{node}/lxc/{vmid}/status/current")
def current(world: World, call: Call) -> dict[str, Any]:
    """Give the present status of a guest on the node that holds it."""
    guest = guest_here(world, call, _kind(call))
    row = {"vmid": guest.vmid, **_present(world, guest)}
    ha: dict[str, Any] = {"managed": int(guest.sid in world.ha.resources)}
    if ha["managed"]:
        ha["state"] = world.ha.state(guest.sid)
    row["ha"] = ha
    if guest.kind == "qemu":
        row["qmpstatus"] = guest.status
        if guest.running:
            row |= {"running-machine": f"pc-q35-{machine(world, guest)}+pve0", "running-qemu": f"{machine(world, guest)}.0"}
    return row


def _volume(guest: Guest, disk: Disk) -> str:
    size = f"{disk.size // 2**30}G" if disk.size % 2**30 == 0 else f"{disk.size // 2**20}M"
    media = ",media=cdrom" if disk.cdrom or disk.cloudinit else ""
    return f"{disk.volid}{media}" + ("" if disk.unsized else f",size={size}")


def config_of(guest: Guest) -> dict[str, Any]:
    """Give a guest's configuration as PVE's API does, digest included."""
    config: dict[str, Any] = {"cores": int(guest.cpu_max) or 1, "sockets": 1, **guest.config}
    if guest.kind == "qemu":
        config |= {"name": guest.name, "memory": str(guest.memory_max // 2**20), "ostype": "l26"}
        config.setdefault("net0", "virtio=BC:24:11:00:00:01,bridge=vmbr0")
    else:
        del config["sockets"]
        config |= {"hostname": guest.name, "memory": guest.memory_max // 2**20, "swap": 512, "arch": "amd64", "ostype": "debian"}
        config.setdefault("net0", "name=eth0,bridge=vmbr0,ip=dhcp,type=veth")
    for disk in guest.disks:
        if disk.snapshot or disk.former or disk.vmstate:
            config["parent"] = SNAPSHOT
        if not disk.former and not disk.vmstate:
            config[disk.key] = disk.volid if disk.unused else _volume(guest, disk)
    for key, value in (("tags", ";".join(guest.tags)), ("lock", guest.lock), ("template", int(guest.template))):
        if value:
            config[key] = value
    config["digest"] = hashlib.sha1(json.dumps(config, sort_keys=True).encode()).hexdigest()
    return config


@route("GET", "/nodes/{node}/qemu/{vmid}/config", "/nodes/{node}/lxc/{vmid}/config")
def config(world: World, call: Call) -> dict[str, Any]:
    """Give a guest's configuration."""
    return config_of(guest_here(world, call, _kind(call)))


def snapshots(guest: Guest) -> dict[str, dict[str, Any]]:
    """Give the configurations that snapshots keep: at the most one, with the disks of then."""
    then = [disk for disk in guest.disks if disk.snapshot or disk.former or disk.vmstate]
    if not then:
        return {}
    told: dict[str, Any] = {"snaptime": 1790000000}
    for disk in then:
        told["vmstate" if disk.vmstate else disk.key] = disk.volid if disk.vmstate else _volume(guest, disk)
    return {SNAPSHOT: told}


@route("GET", "/nodes/{node}/qemu/{vmid}/snapshot", "/nodes/{node}/lxc/{vmid}/snapshot")
def snapshot_list(world: World, call: Call) -> list[dict[str, Any]]:
    """List a guest's snapshots, and its present state as `current`."""
    found = snapshots(guest_here(world, call, _kind(call)))
    now = {"name": "current", "description": "You are here!", "running": 1, **({"parent": SNAPSHOT} if found else {})}
    return [{"name": name, "snaptime": told["snaptime"], "description": ""} for name, told in found.items()] + [now]


@route("GET", "/nodes/{node}/qemu/{vmid}/snapshot/{snapname}/config", "/nodes/{node}/lxc/{vmid}/snapshot/{snapname}/config")
def snapshot_config(world: World, call: Call) -> dict[str, Any]:
    """Give the configuration of a snapshot."""
    found = snapshots(guest_here(world, call, _kind(call)))
    if call.values["snapname"] not in found:
        raise Refused(500, f"snapshot '{call.values['snapname']}' does not exist")
    return found[str(call.values["snapname"])]


@route("GET", "/nodes/{node}/qemu/{vmid}/rrddata", "/nodes/{node}/lxc/{vmid}/rrddata")
def rrddata(world: World, call: Call) -> list[dict[str, Any]]:
    """Give a guest's history; any node answers, whichever is named (pve-cluster RRD.pm)."""
    vmid = int(call.values["vmid"])
    guest = world.guests.get(vmid)
    if guest is None:
        return []
    rows = []
    for start, end in spans(world, str(call.values["timeframe"])):
        memory, cpu, running = world.metrics.guest_average(guest, start, end)
        cpus = view.listed_cpus(world, guest)
        row: dict[str, Any] = {
            "time": int(end), "maxcpu": cpus, "cpu": cpu / cpus if cpus else 0, "maxmem": guest.memory_max,
            "mem": memory, "maxdisk": view.boot_disk(guest), "disk": 0,
            "netin": 5000.0, "netout": 3000.0, "diskread": 20000.0, "diskwrite": 40000.0,
        }  # fmt: skip
        if world.flavour != "8":
            own = 0 if guest.hugepages else memory
            row["memhost"] = own + guest.overhead if running and guest.kind == "qemu" else 0
            row |= {f"pressure{what}{which}": 0.0 for what in ("cpu", "io", "memory") for which in ("some", "full")}
        rows.append({"time": int(end)} if view.unheard(world, world.nodes[guest.node], start, end) else row)
    return rows


STEPS = {
    "9": {"hour": (60, 60), "day": (60, 1440), "week": (1800, 336), "month": (1800, 1440), "year": (21600, 1440), "decade": (604800, 570)},
    "8": {"hour": (60, 60), "day": (1800, 70), "week": (10800, 70), "month": (43200, 70), "year": (604800, 70)},
}


def spans(world: World, timeframe: str) -> list[tuple[float, float]]:
    """Give the (start, end) of an RRD's rows up to now, oldest first."""
    step, count = STEPS[world.flavour][timeframe]
    last = world.clock.now // step * step
    return [(last - step * (index + 1), last - step * index) for index in reversed(range(count))]
