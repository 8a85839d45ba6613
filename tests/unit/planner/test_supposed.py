"""Questions about the future: nodes that are not there yet, and loads that have grown."""

from __future__ import annotations

from prs.engine.planning import PlanRequest, what_if
from prs.model import Cluster, Guest, Node, Policy, Storage
from prs.planner.supposed import Suppose, supposed

GIB = 2**30
POLICY = Policy()


def scene() -> Cluster:
    """Two nodes of 64 GiB at 75 %: neither can take what the other has."""
    nodes = tuple(Node(name, memory=64 * GIB, cpu=16.0, id=number) for number, name in enumerate("ab", 1))
    guests = tuple(Guest(100 + number, "", "qemu", "ab"[number % 2], memory=12 * GIB, memory_max=16 * GIB, cpu=1.0, cpu_max=4.0,
                         targets=("a", "b"), inspected=True) for number in range(8))
    shared = tuple(Storage("ceph", name, shared=True, total=10, used=1) for name in "ab")
    return Cluster(nodes=nodes, guests=guests, storages=(*shared, Storage("local", "a", total=5)))


def test_a_node_more_makes_a_drain_possible() -> None:
    without = PlanRequest("a")
    assert not what_if(scene(), POLICY, 0.0, without).feasible
    cluster = supposed(scene(), Suppose(nodes=((64 * GIB, 32.0),)))
    assert [storage.name for storage in cluster.storages if storage.node == "new1"] == ["ceph"]
    plan = what_if(cluster, POLICY, 0.0, without)
    assert plan.feasible
    assert {move.target for move in plan.moves} == {"b", "new1"} or {move.target for move in plan.moves} == {"new1"}
    assert "supposed: a new node new1 with 64 GiB of memory and 32 threads" in plan.warnings


def test_growth_stops_at_what_a_guest_may_use_and_fills_nodes() -> None:
    cluster = supposed(scene(), Suppose(scale=1.2))
    assert {guest.memory for guest in cluster.guests} == {round(14.4 * GIB)}
    assert {guest.memory for guest in supposed(scene(), Suppose(scale=3.0)).guests} == {16 * GIB}
    assert {guest.cpu for guest in cluster.guests} == {1.2}
    assert cluster.problems == ("supposed: running guests use 1.2 times what they use now, up to their limits",)


def test_names_of_new_nodes_are_free_and_nothing_supposed_changes_nothing() -> None:
    cluster = scene()
    taken = Cluster(nodes=(*cluster.nodes, Node("new1", memory=GIB, cpu=1.0)))
    assert [node.name for node in supposed(taken, Suppose(nodes=((GIB, 1.0), (GIB, 1.0)))).nodes] == ["a", "b", "new1", "new2", "new3"]
    assert supposed(cluster, Suppose()) == cluster
    assert not Suppose()
