"""Saved clusters: what was written comes back, and anything else is refused in words."""

from __future__ import annotations

import json
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies

from prs import snapshot_file
from prs.engine.planning import PlanRequest, what_if
from prs.errors import ModelError, UsageError
from prs.model import Policy
from prs.planner.plan import plan_balance
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
        ('{"format": "prs-snapshot", "version": 1, "cluster": {"nodes": []}}', "cluster: field guests is missing"),
        ('{"format": "prs-snapshot", "version": 1, "cluster": {"guests": []}}', "cluster: field nodes is missing"),
        (
            '{"format": "prs-snapshot", "version": 1, "cluster": {"nodes": [], "guests": []}}',
            "cluster.nodes: the list is empty, and a cluster has at least one node",
        ),
    ],
)
def test_anything_else_is_refused(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "cluster.json"
    path.write_text(text)
    with pytest.raises(UsageError) as caught:
        snapshot_file.read(path)
    assert str(caught.value) == f"{path}: {words}"


def test_no_guest_at_all_is_remarked_on() -> None:
    """Nothing to do in an empty cluster is no news; nothing seen in a full one would be."""
    empty = replace(samples.CLUSTER, guests=())
    found = snapshot_file.parse(snapshot_file.dump(empty))
    assert found.problems == (*empty.problems, snapshot_file.NO_GUESTS)
    assert snapshot_file.parse(snapshot_file.dump(found)) == found
    assert snapshot_file.NO_GUESTS in plan_balance(found, Policy(), 0.0).warnings


def test_files_that_cannot_be_read_or_written(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    refused = {"none": " cannot be read: No such file or directory", "binary": ": this is not a snapshot: it is not text"}
    for name, words in refused.items():
        path = tmp_path / name
        with pytest.raises(UsageError) as caught:
            snapshot_file.read(path)
        assert str(caught.value) == f"{path}{words}"
    with pytest.raises(ModelError) as lost:
        snapshot_file.save(tmp_path / "none" / "file", "{}")
    assert str(lost.value) == f"{tmp_path}/none/file cannot be written: No such file or directory"


def test_the_text_is_json_for_others() -> None:
    data = json.loads(snapshot_file.dump(samples.CLUSTER))
    assert [node["name"] for node in data["cluster"]["nodes"]] == ["pve1", "pve2", "pve3"]


@pytest.mark.parametrize(
    ("where", "field", "value", "words"),
    [
        ("guests", "cpu", "NaN", "cluster.guests[0].cpu: a number is expected, found nan"),
        ("guests", "cpu", "1e999", "cluster.guests[0].cpu: a number is expected, found inf"),
        ("guests", "cpu", "-0.5", "cluster.guests[0].cpu: -0.5 is below zero"),
        ("guests", "memory", "Infinity", "cluster.guests[0].memory: int is expected, found inf"),
        ("guests", "memory", "1" + "0" * 30, "cluster.guests[0].memory: int is expected, found 1"),
        ("guests", "vmid", "104", "cluster.guests: 104 is there twice"),
        ("guests", "node", '"pve9"', "cluster.guests[0].node: the snapshot has no node 'pve9'"),
        ("nodes", "memory", "-1", "cluster.nodes[0].memory: -1 is below zero"),
        ("guests", "cpu", "1e300", "cluster.guests[0].cpu: a number is expected, found 1e+300"),
        ("nodes", "cpu", "1e-297", "cluster.nodes[0].cpu: 1e-297 is less than any node has"),
        ("nodes", "name", '"pve2"', "cluster.nodes: 'pve2' is there twice"),
    ],
)
def test_figures_and_names_that_no_cluster_has(where: str, field: str, value: str, words: str) -> None:
    data = json.loads(snapshot_file.dump(samples.CLUSTER))
    data["cluster"][where][0][field] = "HERE"
    with pytest.raises(ModelError) as caught:
        snapshot_file.parse(json.dumps(data).replace('"HERE"', value))
    assert str(caught.value).startswith(words)


@given(data=strategies.data())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_snapshot_is_refused_or_planned_for(data: strategies.DataObject, saved: Path) -> None:
    """Any single value of the file may be replaced by any other: words, or a plan, and never a traceback."""
    whole = json.loads(saved.read_text())
    kind = data.draw(strategies.sampled_from(("nodes", "guests")))
    thing = whole["cluster"][kind][data.draw(strategies.integers(0, len(whole["cluster"][kind]) - 1))]
    odd: Any = strategies.one_of(
        strategies.none(), strategies.booleans(), strategies.floats(), strategies.integers(), strategies.text(), strategies.just([]),
    )  # fmt: skip
    name = data.draw(strategies.sampled_from(sorted(thing)))
    thing[name] = data.draw(odd)
    try:
        cluster = snapshot_file.parse(json.dumps(whole))
    except ModelError:
        return
    for method in ("memory", "cpu", "disk", "all"):
        what_if(cluster, Policy(method), cluster.taken, PlanRequest())
    what_if(cluster, Policy(), cluster.taken, PlanRequest(drain=cluster.nodes[0].name))
