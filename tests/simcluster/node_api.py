"""/nodes/{node}: status, history, network (pve-manager PVE/API2/Nodes.pm, Network.pm)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simcluster import cpu, view
from simcluster.errors import bad_parameter
from simcluster.gate import may
from simcluster.guest_api import STEPS, spans
from simcluster.nouns import qemu
from simcluster.routes import Call, route

if TYPE_CHECKING:
    from simcluster.world import World

EASE = 0.8  # use of CPU or memory (fraction) up to which nobody waits here; beyond it ever more do, as a kernel under load shows it


@route("GET", "/nodes/{node}/status")
def status(world: World, call: Call) -> dict[str, Any]:
    """Give a node's present status; its cpu is the first reading of a worker, which is 0."""
    node = world.nodes[call.node]
    used, busy = world.memory_used(node.name) + node.arc, world.cpu_used(node.name)
    load, shared = f"{busy:.2f}", sum(guest.shared for guest in world.on(node.name) if guest.running)
    maker = {} if world.flavour == "8" else {"vendor": node.vendor, "family": "6" if node.vendor == "GenuineIntel" else "25"}
    memory = {"total": node.memory, "used": used, "free": node.memory - used}
    root = {"total": view.ROOT_DISK, "used": view.ROOT_DISK // 8, "avail": view.ROOT_DISK // 8 * 7, "free": view.ROOT_DISK // 8 * 7}
    return {
        "cpu": 0, "wait": 0, "idle": 0, "loadavg": [load, load, load], "uptime": int(world.clock.now - node.born),
        "memory": memory if world.flavour == "8" else {**memory, "available": node.memory - used},
        "swap": {"total": 0, "used": 0, "free": 0}, "ksm": {"shared": shared}, "rootfs": root,
        "pveversion": f"pve-manager/{node.version}/0123456789abcdef",
        "cpuinfo": {"model": node.cpu_model, "cpus": node.cpu, "cores": max(1, node.cpu // 2), "sockets": 1, "hvm": "1",
                    "flags": " ".join(sorted(cpu.flags(node))), "mhz": "2000.000", "user_hz": 100, **maker},
        "boot-info": {"mode": "efi", "secureboot": 0}, "kversion": f"Linux {node.kernel}",
        "current-kernel": {"release": node.kernel, "sysname": "Linux", "machine": node.machine, "version": "#1"},
    }  # fmt: skip


@route("POST", "/nodes/{node}/status")
def power(world: World, call: Call) -> None:
    """Reboot or shut down a node; answers at once."""
    world.life.power_off(call.node, call.values["command"] == "reboot")


def pressures(memory: float, cpu: float) -> dict[str, float]:
    """What PVE 9 tells of a node's pressure, in percent, at these uses (fractions); there is no `full` of a node's CPU."""
    waits, short = (100 * min(1.0, max(0.0, use - EASE) / (1 - EASE)) for use in (cpu, memory))
    return {
        "pressurecpusome": waits, "pressureiosome": 0.0, "pressureiofull": 0.0,
        "pressurememorysome": short, "pressurememoryfull": short / 2,
    }  # fmt: skip


@route("GET", "/nodes/{node}/rrddata")
def rrddata(world: World, call: Call) -> list[dict[str, float]]:
    """Give a node's history, answered by any node without forwarding (pve-cluster RRD.pm)."""
    node = world.nodes.get(call.node)
    timeframe = str(call.values["timeframe"])
    if timeframe not in STEPS[world.flavour]:
        raise bad_parameter(timeframe=f"value '{timeframe}' does not have a value in the enumeration 'hour, day, week, month, year'")
    if node is None:
        return []
    memory_now, cpu_now = world.memory_used(node.name), world.cpu_used(node.name)
    rows: list[dict[str, float]] = []
    for start, end in spans(world, timeframe):
        if view.unheard(world, node, start, end):
            rows.append({"time": int(end)})
            continue
        memory, busy = world.metrics.node_average(node.name, start, end, memory_now, cpu_now)
        row: dict[str, float] = {
            "time": int(end), "loadavg": busy, "maxcpu": node.cpu, "cpu": busy / node.cpu, "iowait": 0.001, "memtotal": node.memory,
            "memused": memory + node.arc, "swaptotal": 0, "swapused": 0, "roottotal": view.ROOT_DISK, "rootused": view.ROOT_DISK // 8,
            "netin": 10000.0, "netout": 10000.0,
        }  # fmt: skip
        if world.flavour != "8":
            row |= {"memavailable": node.memory - memory - node.arc, "arcsize": node.arc}
            row |= pressures(memory / node.memory, busy / node.cpu)
        rows.append(row)
    return rows


@route("GET", "/nodes/{node}/config")
def config(world: World, call: Call) -> dict[str, Any]:
    """Give the node's own settings; `location` since pve-manager 9.1.13 (PVE/NodeConfig.pm)."""
    node = world.nodes[call.node]
    return {"digest": "da39a3ee5e6b4b0d3255bfef95601890afd80709", **({"location": node.location} if node.location else {})}


@route("GET", "/nodes/{node}/network")
def network(world: World, call: Call) -> list[dict[str, Any]]:
    """List a node's network cards with addresses of their own, if no type is asked for, and the bridges that the user may see."""
    node = world.nodes[call.node]
    cards = [] if call.values.get("type") else [
        {"iface": f"ens{19 + at}", "type": "eth", "active": 1, "autostart": 1, "method": "static", "method6": "manual", "cidr": cidr}
        for at, cidr in enumerate(node.addresses)
    ]  # fmt: skip
    return cards + [
        {"iface": bridge, "type": "bridge", "active": 1, "autostart": 1, "method": "static", "method6": "manual", "bridge_ports": "eno1",
         **({"cidr": f"{node.address}/24"} if bridge == "vmbr0" else {})}
        for bridge in node.bridges
        if any(may(world, call.user, f"/sdn/zones/localnetwork/{bridge}", privilege) for privilege in ("SDN.Audit", "SDN.Use"))
    ]


@route("GET", "/nodes/{node}/replication")
def replication(world: World, call: Call) -> list[dict[str, Any]]:
    """Give the state of the replication jobs that run on a node."""
    now = int(world.clock.now)
    return [
        {"id": f"{guest.vmid}-{number}", "guest": guest.vmid, "jobnum": number, "type": "local", "target": target, "source": guest.node,
         "schedule": "*/15", "last_sync": now - 300, "next_sync": now + 600, "duration": 5,
         "fail_count": 0, **guest.replica}
        for guest in world.on(call.node)
        if may(world, call.user, f"/vms/{guest.vmid}", "VM.Audit") and call.values.get("guest", guest.vmid) == guest.vmid
        for number, target in enumerate(guest.replicate)
    ]  # fmt: skip


@route("GET", "/nodes/{node}/services")
def services(world: World, call: Call) -> list[dict[str, Any]]:
    """List the daemons of PVE, as systemd sees them (pve-manager PVE/API2/Services.pm)."""
    dead = world.nodes[call.node].dead_services
    return [
        {"name": name, "service": name, "desc": name, "unit-state": "enabled",
         "state": "failed" if name in dead else "running", "active-state": "failed" if name in dead else "active"}
        for name in ("corosync", "pve-cluster", "pve-ha-crm", "pve-ha-lrm", "pvedaemon", "pveproxy", "pvescheduler", "pvestatd")
    ]  # fmt: skip


@route("GET", "/nodes/{node}/capabilities/qemu/machines")
def machines(world: World, call: Call) -> list[dict[str, Any]]:
    """List the machine versions that the node's QEMU knows, newest first, each with PVE's own revision of it."""
    newest = qemu(world.nodes[call.node])
    known = [newest, *(version for version in ("10.2", "10.1", "10.0", "9.2", "9.1", "9.0", "8.2") if float(version) < float(newest))]
    return [
        {"id": f"pc-{kind}-{version}{revision}", "type": kind, "version": f"{version}{revision}"}
        for version in known for revision in ("+pve0", "") for kind in ("q35", "i440fx")
    ]  # fmt: skip


@route("GET", "/nodes/{node}/capabilities/qemu/migration")
def capabilities(world: World, call: Call) -> dict[str, Any]:
    """Say what the node's QEMU can do in a migration."""
    return {"has-dbus-vmstate": world.nodes[call.node].dbus_vmstate}


@route("GET", "/nodes/{node}/capabilities/qemu/cpu")
def cpu_models(world: World, call: Call) -> list[dict[str, Any]]:
    """List the CPU models that VMs may have; of a custom one only its maker is told, not what it stands for."""
    makers = {name: "AuthenticAMD" if name.startswith("EPYC") else "GenuineIntel" for name in cpu.MODELS}
    built_in: list[dict[str, Any]] = [{"name": name, "custom": 0, "vendor": maker} for name, maker in makers.items()]
    own = [{"name": f"custom-{name}", "custom": 1, "vendor": makers.get(of, "default")} for name, of in world.cpu_models.items()]
    return [*built_in, *own]


@route("GET", "/nodes/{node}/apt/versions")
def versions(world: World, call: Call) -> list[dict[str, Any]]:
    """List the important packages (pve-manager PVE/API2/APT.pm): of all that is called a kernel those with the highest version first.

    So the helper, whose version is that of PVE, stands before the kernels, and among the others as well.
    """
    node = world.nodes[call.node]
    newest = node.kernel_installed or node.kernel
    series, helper = ".".join(newest.split(".")[:2]), "8.1.1" if world.flavour == "8" else "9.0.4"
    kernels = [newest] if newest == node.kernel else [newest, node.kernel]

    def row(package: str, version: str, **more: str) -> dict[str, Any]:
        state = {"OldVersion": version, "Version": version, "CurrentState": "Installed"}
        return {"Package": package, "Title": package, "Arch": "amd64", **state, **more}

    return [
        row("proxmox-ve", node.version, RunningKernel=node.kernel), row("pve-manager", node.version, ManagerVersion=node.version),
        row("proxmox-kernel-helper", helper), row(f"proxmox-kernel-{series}", newest.removesuffix("-pve")),
        *(row(f"proxmox-kernel-{kernel}-signed", kernel.removesuffix("-pve")) for kernel in kernels),
        row("proxmox-kernel-helper", helper), row("pve-qemu-kvm", f"{qemu(node)}.0-2"), row("qemu-server", node.version),
    ]  # fmt: skip
