"""The kernel that a node runs and the newest one that is installed there, which a reboot would bring."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from prs.pve.read.values import Row, text

Reboot = Literal["needed", "not-needed", "unknown"]
# A kernel by the name of its package: proxmox-kernel-6.17.2-1-pve-signed, pve-kernel-5.15.158-2-pve. The helper, metapackages of a
# series and debug symbols, which PVE lists with them (pve-manager PVE/API2/APT.pm), are none.
_PACKAGE = re.compile(r"(?:pve|proxmox)-kernel-(\d+(?:\.\d+)+-\d+(?:-[0-9a-z]+)*-pve)(?:-signed)?")
_RELEASE = re.compile(r"(\d+(?:\.\d+)+)-(\d+)(?:-[0-9a-z]+)*-pve")


@dataclass(frozen=True, slots=True)
class Kernels:
    """Releases as `uname -r` has them, "" where one is not known; `reboot` says whether the newest is not the one that runs."""

    running: str = ""
    newest: str = ""
    reboot: Reboot = "unknown"
    problem: str = ""  # why that is not known


def kernels(packages: Iterable[Row]) -> Kernels:
    """Read GET /nodes/NODE/apt/versions. A kernel that was pinned (proxmox-boot-tool) is not told there."""
    running, installed = "", list[str]()
    for row in packages:
        if text(row, "Package") == "proxmox-ve":
            running = text(row, "RunningKernel")
        found = _PACKAGE.fullmatch(text(row, "Package"))
        if found and text(row, "CurrentState") == "Installed":
            installed.append(found[1])
    newest = max(installed, key=_number, default="")
    if not running or not newest:
        missing = "the kernel that runs" if not running else "a kernel that is installed"
        return Kernels(running, newest, problem=f"Proxmox VE does not name {missing}")
    if not _RELEASE.fullmatch(running):
        return Kernels(running, newest, problem=f"{running}, which runs, is no kernel of Proxmox VE")
    if _number(running) > _number(newest):
        return Kernels(running, newest, problem=f"{running}, which runs, is newer than what is installed")
    return Kernels(running, newest, "needed" if _number(newest) > _number(running) else "not-needed")


def _number(release: str) -> tuple[int, ...]:
    """What orders releases: 6.8.12-10-pve is newer than 6.8.12-9-pve."""
    found = _RELEASE.fullmatch(release)
    return (*map(int, found[1].split(".")), int(found[2])) if found else ()
