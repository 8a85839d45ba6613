"""Which kernel a node would run after a reboot, from the packages that PVE lists."""

from __future__ import annotations

import pytest

from prs.pve.kernels import kernels
from prs.pve.read.values import Row
from simcluster import InProcessApi
from simcluster.scenes import small
from simcluster.world import Flavour


def packages(running: str, *names: str, state: str = "Installed") -> list[Row]:
    """As PVE lists them: proxmox-ve, then everything that is called a kernel by version, newest first (PVE/API2/APT.pm)."""
    return [{"Package": "proxmox-ve", "RunningKernel": running, "CurrentState": "Installed"},
            *({"Package": name, "CurrentState": state} for name in names)]  # fmt: skip


@pytest.mark.parametrize(("running", "names", "newest", "reboot"), [
    # The helper's version is above that of any kernel, and a metapackage names a series only.
    ("6.17.2-1-pve", ("proxmox-kernel-helper", "proxmox-kernel-6.17", "proxmox-kernel-6.17.2-1-pve-signed"), "6.17.2-1-pve", "not-needed"),
    ("6.8.12-9-pve", ("proxmox-kernel-6.8.12-9-pve-signed", "proxmox-kernel-6.8.12-10-pve-signed"), "6.8.12-10-pve", "needed"),
    ("5.15.158-2-pve", ("pve-kernel-5.15.158-2-pve", "proxmox-kernel-6.8.12-9-pve"), "6.8.12-9-pve", "needed"),
    ("6.11.11-2-pve", ("proxmox-kernel-6.14.0-2-bpo12-pve-signed", "proxmox-kernel-6.11.11-2-pve-signed"), "6.14.0-2-bpo12-pve", "needed"),
    ("6.14.0-2-bpo12-pve", ("proxmox-kernel-6.14.0-2-bpo12-pve-signed",), "6.14.0-2-bpo12-pve", "not-needed"),
    ("6.17.2-1-pve", ("proxmox-kernel-6.17.4-1-pve-dbgsym", "proxmox-kernel-6.17.2-1-pve-signed"), "6.17.2-1-pve", "not-needed"),
    ("6.17.2-1-pve", ("proxmox-kernel-6.14.8-2-pve-signed",), "6.14.8-2-pve", "unknown"),
    ("6.12.43-amd64", ("proxmox-kernel-6.17.2-1-pve-signed",), "6.17.2-1-pve", "unknown"),
    ("", ("proxmox-kernel-6.17.2-1-pve-signed",), "6.17.2-1-pve", "unknown"),
    ("6.17.2-1-pve", (), "", "unknown"),
])  # fmt: skip
def test_a_reboot_is_needed_where_a_newer_kernel_is_installed(running: str, names: tuple[str, ...], newest: str, reboot: str) -> None:
    found = kernels(packages(running, *names))
    assert (found.running, found.newest, found.reboot) == (running, newest, reboot)
    assert bool(found.problem) == (reboot == "unknown")


def test_a_node_that_has_rebooted_runs_what_was_installed(flavour: Flavour) -> None:
    world = small(flavour)
    world.nodes["pve2"].kernel_installed = "6.17.2-1-pve"
    api = InProcessApi(world, "root@pam")
    before = kernels(api.get("/nodes/pve2/apt/versions"))
    world.life.power_off("pve2", reboot=True)
    world.clock.sleep(900)
    after = kernels(api.get("/nodes/pve2/apt/versions"))
    assert (before.running, before.newest, before.reboot) == ("6.14.8-2-pve", "6.17.2-1-pve", "needed")
    assert (after.running, after.reboot) == ("6.17.2-1-pve", "not-needed")


def test_what_is_not_installed_is_no_kernel_to_boot() -> None:
    found = kernels(packages("6.17.2-1-pve", "proxmox-kernel-6.17.4-1-pve-signed", state="ConfigFiles"))
    assert (found.newest, found.reboot) == ("", "unknown")
    assert kernels([{"Package": 7}, {"Package": ["proxmox-ve"]}]).reboot == "unknown"
