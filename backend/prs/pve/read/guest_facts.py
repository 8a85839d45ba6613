"""What a guest's configuration says that decides where it can run: CPU type, architecture, bridges, balloon. Pure."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from prs.model import Guest
from prs.pve.read.values import Row, digits, flag, properties, text, whole

DEFAULT_CPU = "kvm64"  # of a VM whose configuration names none (qemu-server QemuServer/CPUConfig.pm)
CUSTOM = "custom-"  # begins the names of models that the cluster's administrator made (qemu-server QemuServer/CPUConfig.pm)
_HOST = ("host", "max")  # types that give the guest whatever CPU its node has
_NET = re.compile(r"net\d+$")
# Architectures of containers (pve-container LXC/Config.pm) as the kernel names those that run them; that of VMs is so named already.
_ARCH = {"amd64": "x86_64", "i386": "x86_64", "arm64": "aarch64", "armhf": "aarch64", "riscv32": "riscv64"}
MIB = 2**20
# What every node has alike, so that raw lines of a container may name it: devices of VPNs and FUSE, file systems of the kernel.
_EVERYWHERE = ("/dev/net", "/dev/net/tun", "/dev/fuse", "/dev/null", "/dev/zero", "/dev/random", "/dev/urandom", "/proc", "/sys")
_EVERYWHERE_NUMBERS = ("10:200", "10:229", "1:3", "1:5", "1:7", "1:8", "1:9", "5:0", "5:1", "5:2", "*:*")
_NET_TYPE = re.compile(r"lxc\.net(work)?(\.\d+)?\.type")
_OF_THE_NODE = ("phys", "macvlan", "ipvlan", "vlan")  # network types that take an interface of the node by its name (lxc.container.conf)
_LABELS = ("UUID=", "LABEL=", "PARTUUID=", "PARTLABEL=")
_VIRTUAL = ("proc", "sysfs", "tmpfs", "cgroup", "cgroup2", "devpts", "mqueue")
_UNSEEN = "PVE does not look at it, and the container fails to start or lacks it elsewhere; use mp0 or dev0 for what all nodes have"


def with_config(guest: Guest, config: Row, squeezed: bool) -> Guest:
    """The guest with what GET .../config tells; `squeezed`: its node is short of memory and takes some back from balloons."""
    arch = text(config, "arch")
    cpu = _first(text(config, "cpu"), "cputype") or DEFAULT_CPU
    cards = [properties(text(config, key)) for key in config if _NET.match(str(key))]
    return replace(
        guest,
        memory=_in_hugepages(guest, config),
        vcpus=(whole(config, "sockets") or 1) * (whole(config, "cores") or 1) if guest.kind == "qemu" else 0,
        hookscript=text(config, "hookscript"),
        firewalled=any(flag(card, "firewall") for card in cards),
        cpu_type=cpu if guest.kind == "qemu" else "",
        cpu_bound=_bound(cpu, config) if guest.kind == "qemu" else "",
        arch=_ARCH.get(arch, arch),
        bridges=tuple(sorted({text(card, "bridge") for card in cards} - {""})),
        grows=_grows(guest, config) if squeezed else 0,
    )


def _in_hugepages(guest: Guest, config: Row) -> int:
    """Its memory: where it is in hugepages, which no cgroup counts, all that is configured (qemu-server QemuServer/Memory.pm)."""
    if guest.kind != "qemu" or not guest.running or not text(config, "hugepages"):
        return guest.memory
    return max(guest.memory, _mib(_first(text(config, "memory"), "current")) or guest.memory_max)


def _bound(cpu: str, config: Row) -> str:
    """What ties a running VM to CPUs like its node's."""
    args = text(config, "args")
    if cpu in _HOST:
        return f"its CPU type is {cpu}"
    if cpu.startswith(CUSTOM):
        return f"its CPU type {cpu} is a model of this cluster's own, whose features PVE does not tell"
    if args:
        return "its own QEMU arguments (args) may depend on its node's CPU"
    return "it is pinned to cores of its node (affinity)" if text(config, "affinity") else ""


def _grows(guest: Guest, config: Row) -> int:
    """Bytes up to its whole memory, if PVE may have taken some back: with a lower `balloon`, and `shares` not 0 (PVE/AutoBalloon.pm)."""
    balloon, memory = _mib(text(config, "balloon")), _mib(_first(text(config, "memory"), "current")) or guest.memory_max
    if guest.kind != "qemu" or not guest.running or not 0 < balloon < memory or text(config, "shares") == "0":
        return 0
    return max(memory - guest.memory, 0)


def _first(value: str, key: str) -> str:
    """The value of a property string's default key, which may stand without its name."""
    named = properties(value).get(key)
    head = value.partition(",")[0]
    return str(named) if named is not None else "" if "=" in head else head


def _mib(value: str) -> int:
    return (digits(value) or 0) * MIB


def raw_lines(data: Any) -> list[str]:
    """Why raw lxc.* lines bind a container to its node, one sentence each; `data` is the `lxc` key of GET .../config, [[key, value], ...].

    PVE passes them on to LXC and looks at them nowhere (pve-container LXC/Config.pm).
    """
    pairs = [(str(line[0]), str(line[1])) for line in data or () if isinstance(line, (list, tuple)) and len(line) == 2]
    physical = {key.rpartition(".")[0] for key, value in pairs if _NET_TYPE.fullmatch(key) and value.strip() in _OF_THE_NODE}
    words = [_raw_line(key, value, key.rpartition(".")[0] in physical) for key, value in pairs]
    return list(dict.fromkeys(filter(None, words)))


def _raw_line(key: str, value: str, physical: bool) -> str:
    """`physical`: a network line of a kind that takes an interface of the node."""
    parts = value.split() or [""]
    if physical and key.endswith(".link"):
        return f"uses network interface {value.strip()} of its node by a raw line ({key}), which no other node may have"
    if key == "lxc.mount.entry" and parts[2:3] == ["overlay"]:
        return f"mounts an overlay of directories of its node by a raw line ({key}): {_UNSEEN}"
    if key == "lxc.mount.entry" and parts[0].startswith(("/", *_LABELS)):
        virtual = len(parts) > 2 and parts[2] in _VIRTUAL
        return "" if virtual or parts[0].rstrip("/") in _EVERYWHERE else f"mounts {parts[0]} of its node by a raw line ({key}): {_UNSEEN}"
    if re.fullmatch(r"lxc\.cgroup2?\.devices\.allow", key):
        number = next((part for part in parts if ":" in part), "")
        common = number in _EVERYWHERE_NUMBERS or parts[-1] == "m"  # m alone lets it make nodes of devices, not use them
        return "" if common else f"uses device {value} of its node by a raw line ({key}): {_UNSEEN}"
    if key in ("lxc.mount", "lxc.mount.fstab", "lxc.include") or key.startswith("lxc.hook."):
        return f"needs {value} of its node by a raw line ({key}), which no other node may have"
    return ""
