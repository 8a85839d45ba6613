"""What a guest's configuration says that decides where it can run: CPU type, architecture, bridges, balloon. Pure."""

from __future__ import annotations

import re
from dataclasses import replace

from prs.model import Guest
from prs.pve.read.values import Row, properties, text

DEFAULT_CPU = "kvm64"  # of a VM whose configuration names none (qemu-server QemuServer/CPUConfig.pm)
_HOST = ("host", "max")  # types that give the guest whatever CPU its node has
_NET = re.compile(r"net\d+$")
# Architectures of containers (pve-container LXC/Config.pm) as the kernel names those that run them; that of VMs is so named already.
_ARCH = {"amd64": "x86_64", "i386": "x86_64", "arm64": "aarch64", "armhf": "aarch64", "riscv32": "riscv64"}
MIB = 2**20


def with_config(guest: Guest, config: Row, squeezed: bool) -> Guest:
    """The guest with what GET .../config tells; `squeezed`: its node is short of memory and takes some back from balloons."""
    arch = text(config, "arch")
    cpu = _first(text(config, "cpu"), "cputype") or DEFAULT_CPU
    return replace(
        guest,
        cpu_type=cpu if guest.kind == "qemu" else "",
        cpu_bound=_bound(cpu, config) if guest.kind == "qemu" else "",
        arch=_ARCH.get(arch, arch),
        bridges=tuple(sorted({properties(text(config, key)).get("bridge", "") for key in config if _NET.match(str(key))} - {""})),
        grows=_grows(guest, config) if squeezed else 0,
    )


def _bound(cpu: str, config: Row) -> str:
    """What ties a running VM to CPUs like its node's."""
    args = text(config, "args")
    if cpu in _HOST:
        return f"its CPU type is {cpu}"
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
    return int(value) * MIB if value.isdigit() else 0
