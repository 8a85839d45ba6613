"""Saved clusters: what was written comes back, and anything else is refused in words."""

from __future__ import annotations

import json
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from prs import snapshot_file
from prs.errors import ModelError
from unit import samples


def test_a_cluster_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "cluster.json"
    snapshot_file.save(path, snapshot_file.dump(samples.CLUSTER))
    assert snapshot_file.read(path) == samples.CLUSTER
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_users_are_left_out() -> None:
    cluster = replace(samples.CLUSTER, problems=("prs@pve!service may not read the HA rules", "prs@pve lacks Sys.Audit"))
    text = snapshot_file.dump(cluster, ("prs@pve", "prs@pve!service", ""))
    assert "prs@pve" not in text
    assert snapshot_file.parse(text).problems == ("USER may not read the HA rules", "USER lacks Sys.Audit")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "this is not a snapshot: it is not JSON"),
        ("[" * 100000, "this is not a snapshot: it is not JSON"),
        ("[]", "this is not a snapshot of proxmox-rebalancing-service"),
        ('{"format": "prs-snapshot"}', "this snapshot has version None, this program reads version 1"),
        ('{"format": "prs-snapshot", "version": 1}', "cluster: an object is expected, found NoneType"),
        ('{"format": "prs-snapshot", "version": 1, "cluster": {"nodes": 1}}', "cluster.nodes: a list is expected, found int"),
    ],
)
def test_anything_else_is_refused(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "cluster.json"
    path.write_text(text)
    with pytest.raises(ModelError) as caught:
        snapshot_file.read(path)
    assert str(caught.value) == f"{path}: {words}"


def test_files_that_cannot_be_read_or_written(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    refused = {"none": " cannot be read: No such file or directory", "binary": ": this is not a snapshot: it is not text"}
    for name, words in refused.items():
        path = tmp_path / name
        with pytest.raises(ModelError) as caught:
            snapshot_file.read(path)
        assert str(caught.value) == f"{path}{words}"
    with pytest.raises(ModelError) as caught:
        snapshot_file.save(tmp_path / "none" / "file", "{}")
    assert str(caught.value) == f"{tmp_path}/none/file cannot be written: No such file or directory"


def test_the_text_is_json_for_others() -> None:
    data = json.loads(snapshot_file.dump(samples.CLUSTER))
    assert [node["name"] for node in data["cluster"]["nodes"]] == ["pve1", "pve2", "pve3"]
