"""What nodes' hardware, PVE's version and the network forbid: of what PVE does not check before a migration. Unknown is not judged."""

from __future__ import annotations

import re
from collections.abc import Mapping

from prs.model import Guest, Node

_UNTOLD = ("", "", "", "", "", None)  # of a node that was not asked, or does not tell
_VERSION = re.compile(r"(-noTSX)?(-IBRS|-IBPB)?(-v\d+)?$")


class Hardware:
    """The limits between a guest, its own node and another; with `warn`, unlike CPUs are left to `caution`."""

    def __init__(self, nodes: Mapping[str, Node], warn: bool = False) -> None:
        self._nodes, self._warn = nodes, warn
        kinds = {(node.version, node.qemu, node.machine, node.cpu_model, node.cpu_vendor, node.cpu_types) for node in nodes.values()}
        self._alike = len(kinds - {_UNTOLD}) < 2
        self._machines = frozenset(node.machine for node in nodes.values() if node.machine)
        self._threads = min((node.cpu for node in nodes.values() if node.cpu), default=0.0)
        shown = [frozenset(node.bridges) for node in nodes.values() if node.bridges is not None]
        self._everywhere = frozenset.intersection(*shown) if shown else None

    def plain(self, guest: Guest) -> bool:
        """True when `refusal` gives "" for every node, so that it need not be asked."""
        if guest.vcpus > self._threads or guest.hookscript or (guest.arch and self._machines - {guest.arch}):
            return False
        return self._alike and (not guest.bridges or self._everywhere is None or self._everywhere.issuperset(guest.bridges))

    def refusal(self, guest: Guest, target: str) -> str:
        """Why the guest cannot run, or not go on running, on that node, in words; "" when nothing is known against it."""
        here, there = self._nodes.get(guest.node), self._nodes[target]
        if here is None:
            return ""
        reason = _architecture(guest, here, there) or _bridges(guest, here, there) or _hookscript(guest, here, there)
        if reason or guest.kind != "qemu" or not guest.running:
            return reason
        unlike = "" if self._warn else _unlike(guest, here, there) or _other_maker(here, there)
        return _threads(guest, there) or unlike or _features(guest, here, there) or _older(here, there)

    def caution(self, guest: Guest, target: str) -> str:
        """What speaks against moving the running guest there without forbidding it, in words; "" when nothing does."""
        here = self._nodes.get(guest.node)
        if here is None or not self._warn or guest.kind != "qemu" or not guest.running:
            return ""
        there = self._nodes[target]
        words = _unlike(guest, here, there) or _other_maker(here, there)
        return f"{guest.label} goes to {target} although {words}: it may crash there" if words else ""


def _architecture(guest: Guest, here: Node, there: Node) -> str:
    own = here.machine or guest.arch
    return f"{there.name} is {there.machine}, and it runs on {own}" if own and there.machine and own != there.machine else ""


def _bridges(guest: Guest, here: Node, there: Node) -> str:
    """A bridge that PVE does not even show where the guest is now is hidden from this account, and says nothing about other nodes."""
    if here.bridges is None or there.bridges is None:
        return ""
    missing = [bridge for bridge in guest.bridges if bridge in here.bridges and bridge not in there.bridges]
    return f"{there.name} has no bridge {', '.join(missing)}" if missing else ""


def _hookscript(guest: Guest, here: Node, there: Node) -> str:
    """The pre-start hook runs on the target too, and its failure ends the start (pve-guest-common GuestHelpers.pm exec_hookscript).

    Only who sees the script where the guest is can say that it is missing elsewhere.
    """
    script = guest.hookscript
    if not script or here.scripts is None or there.scripts is None or script not in here.scripts or script in there.scripts:
        return ""
    return f"{there.name} does not have its hook script {script}"


def _threads(guest: Guest, there: Node) -> str:
    """QEMU would be given more vCPUs than the node has threads, which PVE refuses (qemu-server QemuServer.pm config_to_command)."""
    return f"it has {guest.vcpus} vCPUs, {there.name} has {there.cpu:.0f} threads" if 0 < there.cpu < guest.vcpus else ""


def _other_maker(here: Node, there: Node) -> str:
    """Live migration between CPUs of two makers is not guaranteed to work, whatever the CPU type (pve-docs qm.adoc)."""
    if not here.cpu_vendor or not there.cpu_vendor or here.cpu_vendor == there.cpu_vendor:
        return ""
    return f"{there.name} has a CPU of another maker ({there.cpu_vendor}, not {here.cpu_vendor}), which a running VM may not survive"


def _unlike(guest: Guest, here: Node, there: Node) -> str:
    if not guest.cpu_bound or not here.cpu_model or not there.cpu_model or here.cpu_model == there.cpu_model:
        return ""
    return f"{guest.cpu_bound}, and {there.name} has another CPU ({there.cpu_model}, not {here.cpu_model})"


def _features(guest: Guest, here: Node, there: Node) -> str:
    """QEMU starts with `enforce`: a type of which the CPU lacks a feature is an error (qemu-server CPUConfig.pm)."""
    if here.cpu_types is None or there.cpu_types is None:
        return ""
    # versions of a model (Haswell-noTSX, EPYC-v3, Nehalem-IBRS) differ in little that another generation lacks
    name = guest.cpu_type if guest.cpu_type in here.cpu_types else _VERSION.sub("", guest.cpu_type)
    if name not in here.cpu_types or name in there.cpu_types:
        return ""
    model = f" ({there.cpu_model})" if there.cpu_model else ""
    return f"its CPU type {guest.cpu_type} has features that the CPU of {there.name}{model} lacks"


def _older(here: Node, there: Node) -> str:
    """Live migration to an older QEMU or release is not supported (pve-docs qm.adoc); updates within a release do no harm by themselves."""
    qemu = bool(here.qemu and there.qemu)
    if qemu and _numbers(there.qemu) < _numbers(here.qemu):
        return f"{there.name} runs QEMU {there.qemu}, older than the {here.qemu} it runs on"
    ours, theirs = _numbers(here.version), _numbers(there.version)
    if ours and theirs and (theirs[:2] < ours[:2] if qemu else theirs < ours):
        return f"{there.name} runs PVE {there.version}, older than the {here.version} it runs on"
    return ""


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])
