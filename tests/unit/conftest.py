"""What the tests of the command line share: a configuration, a snapshot, and a root logger that is put back."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from prs import snapshot_file
from prs.model import Cluster, Guest
from unit import samples

GIB = 2**30


@pytest.fixture(autouse=True)
def clean_root() -> Iterator[None]:
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    yield
    root.handlers[:] = before
    root.setLevel(level)


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    path = tmp_path / "prs.conf"
    path.write_text(f"[proxmox]\napi_host: pve1\napi_user: root@pam\napi_pass: hunter2\n[service]\nstate_dir: {tmp_path}\n")
    path.chmod(0o600)
    return path


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """Give a snapshot of a cluster in which one node is full and two are nearly empty, every guest examined."""
    nodes = tuple(replace(node, memory=64 * GIB, cpu=16.0) for node in samples.CLUSTER.nodes)
    guests = tuple(
        Guest(number, f"web{number}", "qemu", "pve1", memory=6 * GIB, memory_max=8 * GIB, cpu=1.0, cpu_max=2.0, inspected=True)
        for number in range(100, 109)
    )
    path = tmp_path / "cluster.json"
    path.write_text(snapshot_file.dump(Cluster("lab", samples.NOW, nodes=nodes, guests=guests)))
    return path
