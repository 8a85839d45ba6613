"""Failure domains: guests that are to be apart get different racks, at every step, as far as there are enough of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from prs.engine.execution import ready
from prs.engine.execution.ready import startable
from prs.engine.journal.jobs import Step
from prs.model import Cluster, Guest, Move, Plan, Policy, Pool, Rule
from prs.planner.plan import plan_balance, plan_drain
from prs.planner.problem.board import why_not
from prs.planner.problem.fixed_limits import FixedLimits
from prs.planner.problem.problem import Problem
from prs.planner.search import order
from prs.planner.verify.walk import check_plan, objection
from unit.planner_scenes import cluster, guest, node

RACKS = (("r1", ("pve1", "PVE2")), ("r2", ("pve3", "pve4")))
POLICY = Policy(domains=RACKS)
DB = {"tags": ("plb_anti_affinity_db",)}
NAMES = ("pve1", "pve2", "pve3", "pve4")


def scene(*guests: Guest, names: tuple[str, ...] = NAMES, rules: tuple[Rule, ...] = ()) -> Cluster:
    return cluster(*(node(name) for name in names), *guests, rules=rules)


def drain(snapshot: Cluster, name: str = "pve1", policy: Policy = POLICY) -> Plan:
    plan = plan_drain(snapshot, policy, name, 0.0)
    assert check_plan(snapshot, policy, plan) == []
    return plan


def balance(snapshot: Cluster, policy: Policy = POLICY) -> Plan:
    plan = plan_balance(snapshot, policy, 0.0)
    assert check_plan(snapshot, policy, plan) == []
    return plan


def test_a_guest_stays_in_its_rack_or_goes_to_a_free_one() -> None:
    snapshot = scene(guest(1, "pve1", 4, **DB), guest(2, "pve3", 4, **DB), guest(3, "pve2", 40))
    assert [move.target for move in drain(snapshot).moves] == ["pve2"]
    words = "tag plb_anti_affinity_db keeps it apart from 2 (vm2), which is in the same domain r2 as pve4"
    assert why_not(snapshot, POLICY, 1, "pve4") == words
    assert objection(snapshot, POLICY, Move(1, "vm1", "qemu", "pve1", "pve4")) == words
    assert why_not(snapshot, Policy(), 1, "pve4") == ""
    wrong = replace(drain(snapshot), moves=(Move(1, "vm1", "qemu", "pve1", "pve4"),))
    assert check_plan(snapshot, POLICY, wrong) == [f"move 1 (guest 1 to pve4): {words}"]


@pytest.mark.parametrize("source", ["HA rule", "pool", "tag"])
def test_every_kind_of_apart_rule_holds_across_racks(source: str) -> None:
    guests = [guest(1, "pve1", 4), guest(2, "pve3", 4), guest(3, "pve2", 98)]
    rules: tuple[Rule, ...] = ()
    policy = replace(POLICY, ignore_guests=("3",))
    if source == "HA rule":
        rules = (Rule("db", "apart", (1, 2)),)
    elif source == "pool":
        guests = [replace(one, pool="db") if one.vmid < 3 else one for one in guests]
        policy = replace(policy, pools=(Pool("db", keep="apart"),))
    else:
        guests = [replace(one, tags=("plb_anti_affinity_db",)) if one.vmid < 3 else one for one in guests]
    (blocker,) = drain(scene(*guests, rules=rules), policy=policy).blockers
    assert "keeps it apart from 2 (vm2), which is in the same domain r2 as pve4" in blocker.reason


def test_a_node_in_no_rack_is_one_of_its_own() -> None:
    snapshot = scene(guest(1, "pve1", 4, **DB), guest(2, "pve3", 4, **DB), guest(3, "pve2", 98), names=(*NAMES, "pve5"))
    assert [move.target for move in drain(snapshot).moves] == ["pve5"]


def test_more_guests_than_racks_hold_by_node_and_the_plan_says_so() -> None:
    snapshot = scene(*(guest(vmid, f"pve{vmid}", 4, **DB) for vmid in (1, 2, 3)))
    plan = drain(snapshot)
    assert [move.target for move in plan.moves] == ["pve4"]
    assert plan.warnings == ("Tag plb_anti_affinity_db keeps 3 guests apart, but there are 2 domains for them: it holds by node only.",)
    three = replace(POLICY, domains=(("r1", ("pve1",)), ("r2", ("pve2",)), ("r3", ("pve3", "pve4"))))
    # The rack that is drained with its only node is none for its guest.
    assert "3 guests apart, but there are 2 domains" in drain(snapshot, policy=three).warnings[0]
    assert balance(snapshot, three).warnings == ()


def test_a_dead_rack_does_not_let_the_others_meet() -> None:
    """The guest in it cannot be placed anyway: the two others stay in different racks."""
    racks = (("r1", ("pve1",)), ("r2", ("pve2",)), ("r3", ("pve3", "pve4")))
    snapshot = scene(*(guest(vmid, f"pve{vmid}", 4, **DB) for vmid in (1, 2, 3)))
    dead = replace(snapshot, nodes=(replace(snapshot.nodes[0], online=False), *snapshot.nodes[1:]))
    policy = replace(POLICY, domains=racks)
    assert "in the same domain r3" in why_not(dead, policy, 2, "pve4")
    assert balance(dead, policy).warnings == ()


def test_two_in_one_rack_are_parted_and_it_is_said() -> None:
    snapshot = scene(guest(1, "pve1", 2, **DB), guest(2, "pve2", 2, **DB))
    plan = balance(snapshot)
    (move,) = plan.moves
    assert move.target in ("pve3", "pve4")
    assert "; repairs tag plb_anti_affinity_db, which keeps it apart from another guest in domain r1" in move.reason
    assert balance(snapshot, Policy()).moves == ()


def test_on_one_node_of_a_full_cluster_at_least_the_node_is_left() -> None:
    """No other rack has room: the rule is kept by node then."""
    full = [guest(10 + number, f"pve{number}", 98, blockers=("has a device of its node",)) for number in (3, 4)]
    snapshot = scene(guest(1, "pve1", 4, **DB), guest(2, "pve1", 4, **DB), *full)
    (move,) = balance(snapshot).moves
    assert move.target == "pve2"
    assert "; repairs tag plb_anti_affinity_db, which keeps it apart from another guest on pve1" in move.reason
    assert balance(scene(guest(1, "pve1", 4, **DB), guest(2, "pve2", 4, **DB), *full)).moves == ()


def test_one_leaves_the_rack_before_the_other_comes() -> None:
    """A chain over the racks: at no step are both guests in one, and the second move waits for the first in a round of its own."""
    snapshot = scene(guest(1, "pve1", 4, **DB), guest(2, "pve5", 4, **DB), names=(*NAMES, "pve5"))
    problem = Problem(FixedLimits(snapshot, POLICY))
    one, two = problem.unit_of[1], problem.unit_of[2]
    found, late = order.sequence(problem, {one: problem.index["pve5"], two: problem.index["pve2"]}, "memory")
    assert late or any(step.parking for step in found)
    found, late = order.sequence(problem, {two: problem.index["pve2"], one: problem.index["pve3"]}, "memory")
    assert [step.unit for step in found] == [one, two]
    moves = [Move(1, "vm1", "qemu", "pve1", "pve3"), Move(2, "vm2", "qemu", "pve5", "pve2")]
    assert order.rounds(problem, moves) == [1, 2]
    assert order.rounds(Problem(FixedLimits(snapshot, Policy())), moves) == [1, 1]


def steps(*moves: tuple[int, str, str, int]) -> tuple[Step, ...]:
    return tuple(
        Step(number, vmid, f"vm{vmid}", "qemu", source, target, round=turn) for number, (vmid, source, target, turn) in enumerate(moves, 1)
    )


def test_a_step_waits_until_the_rack_is_left() -> None:
    found = steps((2, "pve3", "pve1", 1), (1, "pve5", "pve4", 2))
    assert [step.vmid for step in startable(found, (), POLICY)] == [2]
    assert [step.vmid for step in startable(found, (), Policy())] == [2, 1]
    done = (replace(found[0], state="done"), found[1])
    assert [step.vmid for step in startable(done, (), POLICY)] == [1]
    assert [step.vmid for step in startable(steps((2, "pve3", "pve1", 1), (1, "pve5", "pve4", 1)), (), POLICY)] == [2, 1]


def test_the_gate_counts_a_guest_under_way_in_both_racks() -> None:
    snapshot = scene(guest(1, "pve5", 4, **DB), guest(2, "pve3", 4, **DB), names=(*NAMES, "pve5"))
    leaving, coming = steps((2, "pve3", "pve1", 1), (1, "pve5", "pve4", 2))
    running = replace(leaving, state="running")
    assert "keeps it apart from 2 (vm2), which is in the same domain r2" in ready.objection(snapshot, coming, [running], [], POLICY, "")
    arrived = replace(snapshot, guests=(snapshot.guests[0], replace(snapshot.guests[1], node="pve1")))
    assert ready.objection(arrived, coming, [running], [], POLICY, "") == ""
    # What is only planned before it has left by the time the step may start.
    assert ready.objection(snapshot, coming, [leaving], [], POLICY, "") == ""


def test_a_locked_guest_does_not_go_last_where_its_rack_is_waited_for() -> None:
    snapshot = scene(guest(1, "pve1", 4, lock="backup", **DB), guest(2, "pve5", 4, **DB), names=(*NAMES, "pve5"))
    for policy, order_of_vmids in ((POLICY, [1, 2]), (Policy(), [2, 1])):
        problem = Problem(FixedLimits(snapshot, policy, "pve1"))
        goal = {problem.unit_of[1]: problem.index["pve3"], problem.unit_of[2]: problem.index["pve2"]}
        found, late = order.sequence(problem, goal, "memory")
        assert not late
        assert [problem.units[step.unit].guests[0].vmid for step in found] == order_of_vmids
