"""Which steps may start: their order, the limits over all jobs, and the room that what is under way will take."""

from __future__ import annotations

from dataclasses import replace

import pytest

from prs.engine.execution.ready import objection, reserve, startable
from prs.engine.journal.jobs import Step, StepState
from prs.model import Cluster, Guest, Node, Policy, Rule

GIB = 2**30


def step(seq: int, source: str, target: str, state: StepState = "planned", vmid: int = 0, memory: int = 4) -> Step:
    return Step(seq, vmid or 100 + seq, f"g{seq}", "qemu", source, target, state=state, memory=memory * GIB)


def started(*steps: Step, policy: Policy | None = None, elsewhere: tuple[Step, ...] = (), locked: tuple[int, ...] = ()) -> list[int]:
    return [one.seq for one in startable(steps, elsewhere, policy or Policy(parallel_total=4, parallel_node=2), locked)]


def test_a_step_waits_for_the_one_that_makes_room_on_its_target() -> None:
    away, into = step(1, "pve2", "pve3"), step(2, "pve1", "pve2")
    assert started(away, into) == [1]
    active: tuple[StepState, ...] = ("starting", "running", "verifying")
    for state in active:
        assert started(replace(away, state=state), into) == []
    over: tuple[StepState, ...] = ("done", "failed", "skipped", "cancelled", "unknown")
    for state in over:
        assert started(replace(away, state=state), into) == [2]
    assert started(into, replace(away, seq=3)) == [2, 3], "only earlier steps are waited for"


def test_a_guest_takes_one_step_after_the_other() -> None:
    assert started(step(1, "pve1", "pve2", vmid=7), step(2, "pve1", "pve3", vmid=7)) == [1]


def test_active_steps_of_other_jobs_count_against_both_limits() -> None:
    other = step(9, "pve8", "pve9", "running", vmid=900)
    mine = (step(1, "pve1", "pve2"), step(2, "pve3", "pve4"))
    assert started(*mine, policy=Policy(parallel_total=2, parallel_node=2)) == [1, 2]
    assert started(*mine, policy=Policy(parallel_total=2, parallel_node=2), elsewhere=(other,)) == [1]
    busy = replace(other, source="pve1")
    assert started(*mine, policy=Policy(parallel_total=9, parallel_node=1), elsewhere=(busy,)) == [2]
    busy = replace(other, target="pve2")
    assert started(*mine, policy=Policy(parallel_total=9, parallel_node=1), elsewhere=(busy,)) == [2]


def test_a_node_that_is_busier_than_the_limit_gets_no_more() -> None:
    """As after the limit was lowered, or beside a drain that had a higher one."""
    others = tuple(step(number, "pve8", "pve2", "running", vmid=900 + number) for number in (7, 8, 9))
    assert started(step(1, "pve1", "pve2"), policy=Policy(parallel_total=9, parallel_node=2), elsewhere=others) == []


def test_own_active_steps_and_those_just_chosen_count_too() -> None:
    policy = Policy(parallel_total=3, parallel_node=1)
    assert started(step(1, "pve1", "pve2", "running"), step(2, "pve1", "pve3"), step(3, "pve4", "pve5"), policy=policy) == [3]
    assert started(step(1, "pve1", "pve2"), step(2, "pve1", "pve3"), policy=policy) == [1]
    assert started(step(1, "a", "b"), step(2, "c", "d"), step(3, "e", "f"), policy=Policy(parallel_total=2, parallel_node=2)) == [1, 2]


def test_a_locked_guest_takes_nobodys_turn() -> None:
    policy = Policy(parallel_total=1, parallel_node=1)
    assert started(step(1, "pve1", "pve2"), step(2, "pve1", "pve3"), policy=policy, locked=(101,)) == [1, 2]
    assert started(step(1, "pve1", "pve2"), step(2, "pve1", "pve3"), policy=policy, locked=(102,)) == [1, 2]


def cluster(*guests: Guest, host: int = 2) -> Cluster:
    names = ("pve1", "pve2", "pve3")
    nodes = tuple(Node(name, memory=32 * GIB, cpu=16.0, id=number, memory_host=host * GIB) for number, name in enumerate(names, 1))
    return Cluster(nodes=nodes, guests=guests)


def guest(vmid: int, node: str, memory: int) -> Guest:
    return Guest(vmid, f"g{vmid}", "qemu", node, memory=memory * GIB, memory_max=memory * GIB)


def host_memory(found: Cluster) -> list[int]:
    return [node.memory_host // GIB for node in found.nodes]


def test_a_guest_under_way_counts_on_both_nodes_and_one_that_arrived_beside_old_figures() -> None:
    here = cluster(guest(101, "pve1", 8), guest(102, "pve2", 4))
    moving = reserve(here, [step(1, "pve1", "pve2", "running", 101, 8)], [])
    assert [found.node for found in moving.guests] == ["pve2", "pve2"]
    assert host_memory(moving) == [10, 2, 2]
    arrived = reserve(here, [], [step(2, "pve3", "pve2", "done", 102, 4)])
    assert host_memory(arrived) == [2, 6, 2]
    assert reserve(here, [], []) == here
    crowded = reserve(cluster(guest(101, "pve1", 8), guest(102, "pve2", 4), host=12), [step(1, "pve1", "pve2", "running", 101, 8)], [])
    assert host_memory(crowded) == [20, 12, 12]


@pytest.mark.parametrize(("crowd", "fits"), [(0, True), (12, True), (24, False)])
def test_a_step_must_fit_beside_what_is_under_way(crowd: int, fits: bool) -> None:
    here = cluster(guest(101, "pve1", 8), guest(102, "pve3", crowd or 1))
    ahead = [step(1, "pve3", "pve2", "running", 102, crowd)] if crowd else []
    words = objection(here, step(2, "pve1", "pve2", "planned", 101, 8), ahead, [], Policy(memory_reserve=GIB), "")
    assert (words == "") is fits, words


def test_a_step_into_a_failure_domain_waits_for_a_guest_of_an_earlier_round_that_leaves_it() -> None:
    """What comes may have to be apart from what leaves; within one round the plan has seen to that."""
    policy = Policy(parallel_total=4, parallel_node=4, domains=(("rack1", ("pve2", "PVE3")),))
    away, into = step(1, "pve3", "pve9"), step(2, "pve1", "pve2")
    assert started(away, replace(into, round=away.round + 1), policy=policy) == [1]
    assert started(away, into, policy=policy) == [1, 2]
    assert started(replace(away, state="done"), replace(into, round=away.round + 1), policy=policy) == [2]
    assert started(away, replace(into, round=away.round + 1), policy=replace(policy, domains=())) == [1, 2]
    assert started(away, replace(into, round=away.round + 1, target="pve8"), policy=policy) == [1, 2]


@pytest.mark.parametrize("names", [("pve1", "pve3", "pve2"), ("pve3", "pve1", "pve2"), ("pve1", "pve2", "pve3")])
def test_a_guest_that_is_to_be_apart_and_is_under_way_counts_where_it_comes_from_and_goes_to(names: tuple[str, str, str]) -> None:
    """Two that have to be apart must not meet, whatever the nodes are called: it leaves `a` for `b`; the step's guest is on `c`."""
    a, b, c = names
    here = replace(cluster(guest(101, c, 1), guest(102, a, 1)), rules=(Rule("apart", "apart", (101, 102)),))
    away = step(1, a, b, "running", 102, 1)
    for target in (a, b):
        assert objection(here, step(2, c, target, "planned", 101, 1), [away], [], Policy(memory_reserve=GIB), ""), target
    assert objection(here, step(2, c, a, "planned", 101, 1), [replace(away, state="planned")], [], Policy(memory_reserve=GIB), "") == ""
