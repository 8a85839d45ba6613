"""Whether a node may be taken down: votes of nodes and QDevice, on clusters of two, three and four nodes."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.test_rolling import Site
from prs.engine.rolling import gates
from prs.pve.read.quorum import Votes, votes
from simcluster import InProcessApi
from simcluster.scenario import from_json
from simcluster.scenes import add_accounts
from simcluster.world import Flavour, World
from unit.fakeapi import FakeApi


def nodes(count: int, flavour: Flavour = "9") -> World:
    """A cluster of so many nodes with a guest on each."""
    names = [f"pve{number}" for number in range(1, count + 1)]
    guests = {str(100 + number): {"node": name, "memory": 4, "disks": {"scsi0": "ceph:10"}} for number, name in enumerate(names)}
    world = add_accounts(from_json({"flavour": flavour, "nodes": {name: {} for name in names}, "guests": guests}))
    world.clock.sleep(600)
    return world


def closed_gate(world: World, leaving: str = "pve1") -> str:
    """The first gate that is shut."""
    gate = gates.closed_gate(InProcessApi(world, "prs@pve!daemon"), world.clock.time(), leaving)
    return gate.reason if gate else ""


TWO = "without pve1 only 1 of 2 nodes are left, too few for a quorum; a QDevice would give the third vote (pvecm qdevice setup)"


@pytest.mark.parametrize(
    ("count", "device", "dead", "words"),
    [
        (2, "", "", TWO),
        (2, "Connected", "", ""),
        (2, "Disconnected", "", "without pve1 only 1 of 3 votes are left, too few for a quorum; the QDevice is not connected"),
        (3, "", "", ""),
        (3, "", "pve3", "without pve1 only 1 of 3 nodes are left, too few for a quorum"),
        (3, "Connected", "pve3", "pve3 is offline"),  # its two votes carry the last node; that a node is down is another gate's matter
        (4, "", "pve4", "without pve1 only 2 of 4 nodes are left, too few for a quorum"),
        (4, "Connected", "pve4", "pve4 is offline"),
    ],
)
def test_the_quorum_that_is_left(count: int, device: str, dead: str, words: str, flavour: Flavour) -> None:
    world = nodes(count, flavour)
    world.qdevice = device
    if dead:
        world.life.kill(dead)
        world.clock.sleep(60)
    assert closed_gate(world) == words
    assert not world.schema_errors


def test_what_pve_does_not_tell_counts_as_it_sets_it_up() -> None:
    """Without the right to read corosync's configuration: one vote for each node, no QDevice."""
    assert votes(FakeApi({}), ["a", "b", "c"]) == Votes({"a": 1, "b": 1, "c": 1})
    answers = {"/cluster/config/nodes": [{"node": "a", "quorum_votes": "2"}], "/cluster/config/qdevice": {}}
    found = votes(FakeApi(answers), ["a", "b"])
    assert (found.nodes, found.needed, found.of(["a"])) == ({"a": 2, "b": 1}, 2, 2)


def test_two_nodes_and_a_qdevice_have_their_turn(ram: Path, flavour: Flavour) -> None:
    """Each is emptied onto the other, rebooted and filled again."""
    site = Site(ram, flavour, world=nodes(2, flavour))
    site.world.qdevice = "Connected"
    rolling_run = site.go(site.begin("pve1", "pve2"))
    assert (rolling_run.state, rolling_run.message) == ("done", "")
    assert site.rebooted == ["pve1", "pve2"]
    assert site.places == site.before


def test_two_nodes_alone_are_refused_before_anything_happens(ram: Path, flavour: Flavour) -> None:
    site = Site(ram, flavour, world=nodes(2, flavour))
    rolling_run = site.go(site.begin("pve1", "pve2"))
    assert (rolling_run.state, rolling_run.message) == ("failed", f"before pve1: {TWO}")
    assert not site.rebooted
