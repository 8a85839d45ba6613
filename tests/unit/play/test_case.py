"""Playing a case folder, and making one from a snapshot."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from play.__main__ import main
from play.case import BadCase, play
from play.from_snapshot import write_case
from prs import snapshot_file
from prs.pve.read.snapshot import read_cluster
from simcluster import InProcessApi
from simcluster.scenes import from_json, small

CONF = "[proxmox]\napi_host: simulated\napi_token: prs@pve!daemon=x\n\n[balancing]\n"
LAB: dict[str, Any] = {
    "nodes": {"pve1": {"memory": 64, "host": 2}, "pve2": {"memory": 64, "host": 2}},
    "guests": {"100": {"name": "vm", "node": "pve1", "memory": 20, "cores": 4, "disks": {"scsi0": "ceph:20"}}},
}


def case(folder: Path, command: str, **files: str) -> Path:
    """Write a case."""
    (folder / "cluster.json").write_text(json.dumps(LAB))
    (folder / "prs.conf").write_text(CONF)
    (folder / "prs.conf").chmod(0o600)
    (folder / "command").write_text(command)
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    return folder


def test_a_drain_is_told_from_the_plan_to_where_the_guests_are(tmp_path: Path) -> None:
    """Line by line, with the prefixes by which others judge."""
    lines = list(play(case(tmp_path, "drain pve1")))
    assert [line.partition(": ")[0] for line in lines[:1]] == ["plan"]
    assert "move: 100 (vm) pve1 -> pve2, 0.0 GiB of disks: leaves pve1" in "\n".join(lines)
    assert lines[-4:] == [
        "step: 100 (vm) pve1 -> pve2: done ",
        "job: done pve1 is empty: the cluster shows no guest on it; no guest stands against a reboot now",
        "pve1 really holds []", "pve2 really holds [100]",
    ]  # fmt: skip


@pytest.mark.parametrize("command", ["plan", "drain! pve1"])
def test_what_is_only_planned_is_not_carried_out(tmp_path: Path, command: str) -> None:
    """Neither a plan nor a verb with `!` behind it."""
    assert not [line for line in play(case(tmp_path, command)) if line.startswith(("step", "job"))]


def test_a_case_may_change_answers_and_bring_its_own_account(tmp_path: Path) -> None:
    """patch(path, data) for every GET, add(world) for who asks."""
    answers = "def patch(path, data):\n    return data if path != '/cluster/status' else [{**row, 'quorate': 0} for row in data]\n"
    accounts = "def add(world):\n    world.tell('guest', 'asked')\n    return 'audit@pve'\n"
    lines = list(play(case(tmp_path, "drain pve1", answers=answers, accounts=accounts)))
    assert lines == ["plan: the cluster has no quorum: nothing can be migrated until a majority of its nodes is online"]


def test_what_cannot_be_played_is_named(tmp_path: Path) -> None:
    """A bad command, and mistakes in prs.conf."""
    with pytest.raises(BadCase, match="'fly away' is no command"):
        list(play(case(tmp_path, "fly away")))
    (tmp_path / "prs.conf").write_text("[proxmox]\nnonsense: 1\n")
    (tmp_path / "command").write_text("plan")
    assert "nonsense" in next(play(tmp_path))


def test_a_snapshot_becomes_a_case_with_the_same_loads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the planner saw, as a cluster that can be played."""
    world = small()
    world.clock.sleep(600)
    cluster = read_cluster(InProcessApi(world), world.clock.time())
    snapshot_file.save(tmp_path / "saved", snapshot_file.dump(cluster))
    write_case(tmp_path / "saved", tmp_path / "case")
    again = from_json(json.loads((tmp_path / "case" / "cluster.json").read_text()))
    assert sorted(again.guests) == sorted(world.guests)
    assert all(abs(again.memory_used(name) - world.memory_used(name)) < 2**24 for name in world.nodes)
    assert "tags" in json.loads((tmp_path / "case" / "cluster.json").read_text())["guests"]["101"]
    monkeypatch.setattr("sys.argv", ["play", str(tmp_path / "case")])
    assert main() == 0
