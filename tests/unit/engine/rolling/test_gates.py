"""What must hold before a node is taken down; a gate that cannot see is shut."""

from __future__ import annotations

from dataclasses import replace

import pytest

from prs.engine.rolling import gates
from prs.engine.rolling.gates import closed_gate as first_shut
from prs.errors import Unreachable
from prs.model import Cluster, Node
from prs.pve.api import Api
from prs.pve.read.quorum import Votes
from simcluster import InProcessApi
from simcluster.scenes import small
from unit.fakeapi import FakeApi

NOW = 1_800_000_000.0


def closed_gate(api: Api, now: float, leaving: str = "") -> str:
    """Why the first gate that is shut is so."""
    gate = first_shut(api, now, leaving)
    return gate.reason if gate else ""


def test_all_gates_are_open_in_a_healthy_cluster() -> None:
    world = small("9")
    api = InProcessApi(world, "root@pam")
    for leaving in ("", *world.nodes):
        assert closed_gate(api, world.clock.time(), leaving) == "", leaving


@pytest.mark.parametrize("leaving", ["pve9", "PVE1", "pve1 "])
def test_a_node_that_does_not_exist_is_a_shut_gate(leaving: str) -> None:
    world = small("9")
    assert closed_gate(InProcessApi(world, "root@pam"), world.clock.time(), leaving) == f"there is no node {leaving}"


def test_a_cluster_that_cannot_be_read_is_a_shut_gate() -> None:
    assert closed_gate(FakeApi({"/cluster/resources": Unreachable("nobody answers")}), NOW).startswith("PVE does not answer")


@pytest.mark.parametrize("leaving", ["", "pve1"])
def test_another_node_that_is_down_is_a_shut_gate(leaving: str) -> None:
    world = small("9")
    world.life.power_off("pve3", reboot=False)
    world.clock.sleep(300)
    assert closed_gate(InProcessApi(world, "root@pam"), world.clock.time(), leaving) != ""


@pytest.mark.parametrize("leaving", ["", "pve1"])
def test_without_quorum_the_first_gate_is_shut(leaving: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gates, "read_cluster", lambda *_, **__: Cluster(nodes=(Node("pve1", id=1),), quorate=False))
    assert closed_gate(FakeApi({}), NOW, leaving) == "the cluster has no quorum"


def test_a_migration_of_anybody_keeps_the_cluster_from_being_quiet() -> None:
    assert gates._quiet(Cluster(nodes=(), migrating=(101, 102))) == "guests are being migrated (101, 102)"
    assert gates._quiet(Cluster(nodes=())) == ""


def test_what_cannot_be_read_is_the_last_of_all_gates_and_shut() -> None:
    (gate,) = gates.gates(FakeApi({"/cluster/resources": Unreachable("nobody answers")}), NOW, "pve1")
    assert (gate.name, gate.reason) == ("PVE", "PVE does not answer: nobody answers")


THREE = Cluster(nodes=tuple(Node(f"pve{number}", id=number) for number in (1, 2, 3)))
ONE_EACH = {"pve1": 1, "pve2": 1, "pve3": 1}


@pytest.mark.parametrize(("found", "words"), [
    (Votes(ONE_EACH, 0, False), ""),
    (Votes(ONE_EACH, 2, True), ""),
    (Votes(ONE_EACH, 2, False), "without pve1 only 2 of 5 votes are left, too few for a quorum; the QDevice is not connected"),
    (Votes({**ONE_EACH, "pve1": 3}, 0, False), "without pve1 only 2 of 5 votes are left, too few for a quorum"),
    (Votes({**ONE_EACH, "pve1": 6}, 2, True), "without pve1 only 4 of 10 votes are left, too few for a quorum"),
])  # fmt: skip
def test_the_votes_of_who_leaves_are_counted_and_of_nobody_else(monkeypatch: pytest.MonkeyPatch, found: Votes, words: str) -> None:
    monkeypatch.setattr(gates, "votes", lambda api, nodes: found)
    assert gates._quorum(FakeApi({}), THREE, "pve1") == words
    # Where nobody leaves, a cluster that has quorum has it, whatever the votes would be worth.
    assert gates._quorum(FakeApi({}), replace(THREE, nodes=THREE.nodes[:1]), "") == ""
    assert gates._quorum(FakeApi({}), replace(THREE, quorate=False), "") == "the cluster has no quorum"
