"""Levelling: what is planned, what is left alone, and what the plan says about it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from prs.model import Cluster, Plan, Policy, Rule
from prs.planner.plan import Goal, check_plan, plan_balance
from unit.planner_scenes import GIB, cluster, guest, lopsided, node


def balance(snapshot: Cluster, policy: Policy | None = None, goal: Goal = "spread") -> Plan:
    """Plan, and insist that the plan breaks nothing."""
    policy = policy or Policy()
    plan = plan_balance(snapshot, policy, 0.0, goal)
    assert check_plan(snapshot, policy, plan) == []
    return plan


def stays(plan: Plan) -> dict[int, str]:
    return {stay.vmid: stay.reason for stay in plan.stays}


def test_levels_with_as_few_moves_as_it_takes() -> None:
    plan = balance(lopsided())
    assert {move.source for move in plan.moves} == {"pve1"}
    assert len(plan.moves) == 4
    assert plan.spread_before == pytest.approx(0.56)
    assert plan.spread_after <= 0.08 + 1e-9
    assert plan.before[0].memory == pytest.approx(0.64)
    assert "memory spread goes from 56.0 to" in plan.summary


def test_every_guest_has_a_move_or_a_reason() -> None:
    snapshot = lopsided()
    plan = balance(snapshot)
    assert {move.vmid for move in plan.moves} | set(stays(plan)) == {one.vmid for one in snapshot.guests}
    assert all(move.reason.startswith("takes pve1 from") for move in plan.moves)
    assert all(stays(plan).values())


def test_nothing_within_the_spread() -> None:
    plan = balance(lopsided(), Policy(spread=0.6))
    assert plan.moves == ()
    assert plan.summary == "Nothing to do: the memory spread is 56.0 points, within the 60.0 points that count as balanced."


def test_aim_is_below_the_trigger() -> None:
    guests = [guest(100 + number, "pve1" if number < 45 else "pve2", 1) for number in range(70)]
    snapshot = cluster(node("pve1", 200), node("pve2", 200), *guests)
    assert balance(snapshot).spread_after <= 0.04 + 1e-9
    assert 0.04 < balance(snapshot, Policy(aim=1.0)).spread_after <= 0.05 + 1e-9


def test_second_run_moves_nothing() -> None:
    snapshot = lopsided()
    where = {move.vmid: move.target for move in balance(snapshot).moves}
    after = replace(snapshot, guests=tuple(replace(one, node=where.get(one.vmid, one.node)) for one in snapshot.guests))
    assert balance(after).moves == ()


def test_order_of_guests_does_not_matter() -> None:
    snapshot = lopsided()
    turned = replace(snapshot, guests=snapshot.guests[::-1], nodes=snapshot.nodes[::-1])
    assert balance(snapshot) == balance(turned)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"template": True}, "is a template"),
        ({"lock": "backup"}, "is locked (backup)"),
        ({"ha": "error"}, "is in HA error state, which an administrator has to clear"),
        ({"status": "io-error"}, "is in state io-error, in which PVE does not migrate it safely"),
        ({"status": "suspended"}, "is in state suspended, in which PVE does not migrate it safely"),
        ({"problem": "no metrics for 5 minutes"}, "its load is not known: no metrics for 5 minutes"),
        ({"status": "stopped", "memory": 0}, "is stopped and has no load"),
        ({"kind": "lxc"}, "is a running container, and moving it would restart it (not allowed by the configuration)"),
        ({"blockers": ("uses PCI device hostpci0",)}, "uses PCI device hostpci0"),
    ],
)
def test_guests_that_stay_say_why(change: dict[str, object], reason: str) -> None:
    snapshot = lopsided()
    fixed = tuple(guest(one.vmid, one.node, **{"memory": 8, **change}) if one.node == "pve1" else one for one in snapshot.guests)  # type: ignore[arg-type]
    plan = balance(replace(snapshot, guests=fixed))
    assert not any(move.source == "pve1" for move in plan.moves)
    assert stays(plan)[100].startswith(reason)


def test_paused_guests_and_allowed_containers_move() -> None:
    snapshot = lopsided()
    for kind, status in (("qemu", "paused"), ("lxc", "running")):
        fixed = tuple(guest(one.vmid, one.node, 8, kind=kind, status=status) for one in snapshot.guests)
        assert balance(replace(snapshot, guests=fixed), Policy(containers=True)).moves


def test_ignored_by_name_and_number() -> None:
    plan = balance(lopsided(), Policy(ignore_guests=("vm10[0-6]", "107")))
    assert plan.moves == ()
    assert stays(plan)[100] == "is ignored by the configuration"


@pytest.mark.parametrize(
    "change", [{"online": False}, {"problem": "no metrics"}, {"ha": "maintenance"}, {"ha": "fence"}],
)
def test_excluded_nodes_get_nothing(change: dict[str, object]) -> None:
    snapshot = lopsided()
    nodes = (snapshot.nodes[0], snapshot.nodes[1], node("pve3", **change))  # type: ignore[arg-type]
    plan = balance(replace(snapshot, nodes=nodes))
    assert {move.target for move in plan.moves} == {"pve2"}
    assert "pve3" in stays(plan)[300]
    assert [load.active for load in plan.after] == [True, True, False]


def test_ignored_nodes_keep_their_guests() -> None:
    plan = balance(lopsided(), Policy(ignore_nodes=("pve1",)))
    assert plan.moves == ()
    assert stays(plan)[100] == "its node pve1 is left alone: ignored by the configuration"


def test_migrating_and_auto_rebalanced_guests_are_left() -> None:
    snapshot = lopsided(migrating=(100,), auto_rebalance=True)
    managed = tuple(replace(one, ha="started") if one.vmid == 101 else one for one in snapshot.guests)
    reasons = stays(balance(replace(snapshot, guests=managed)))
    assert reasons[100] == "is being migrated right now"
    assert "auto-rebalance" in reasons[101]


def test_budget_of_moves_and_bytes() -> None:
    assert len(balance(lopsided(), Policy(max_moves=2)).moves) == 2
    assert balance(lopsided(), Policy(max_bytes=20 * GIB)).bytes <= 20 * GIB
    assert len(balance(lopsided(), Policy(max_moves=3), "level").moves) == 3


def test_together_moves_as_a_unit_one_after_the_other() -> None:
    rule = Rule("pair", "together", (100, 101))
    plan = balance(lopsided(rules=(rule,)))
    places = [number for number, move in enumerate(plan.moves) if move.vmid in (100, 101)]
    assert len({move.target for move in plan.moves if move.vmid in (100, 101)}) <= 1
    assert places in ([], [places[0], places[0] + 1] if places else [])


def test_companions_of_ha_stay_together() -> None:
    snapshot = lopsided()
    bound = tuple(replace(one, companions=tuple(v for v in range(100, 108) if v != one.vmid)) if one.node == "pve1" else one
                  for one in snapshot.guests)
    assert balance(replace(snapshot, guests=bound)).moves == ()


def test_apart_is_kept_at_every_step() -> None:
    rule = Rule("spread", "apart", (*range(100, 108), 200))
    plan = balance(lopsided(rules=(rule,)))
    assert {move.target for move in plan.moves} <= {"pve3"}
    assert len(plan.moves) <= 1


def test_node_rules_bind() -> None:
    only = Rule("only", "nodes", tuple(range(100, 108)), (("pve1", 1), ("pve2", 0)))
    assert balance(lopsided(rules=(only,))).moves == ()
    avoid = Rule("avoid", "nodes", tuple(range(100, 108)), (("pve2", 0),), avoid=True)
    moves = balance(lopsided(rules=(avoid,))).moves
    assert {move.target for move in moves if move.source == "pve1"} == {"pve3"}


def test_precondition_and_reserve() -> None:
    snapshot = lopsided()
    only = tuple(replace(one, targets=("pve3",)) for one in snapshot.guests)
    assert {move.target for move in balance(replace(snapshot, guests=only)).moves} == {"pve3"}
    refused = tuple(replace(one, refused=(("pve3", "no bridge vmbr9"), ("pve2", "no bridge vmbr9"))) for one in snapshot.guests)
    assert "no bridge vmbr9" in stays(balance(replace(snapshot, guests=refused)))[100]
    assert balance(snapshot, Policy(memory_reserve=90 * GIB)).moves == ()


def test_rounds_keep_to_the_parallelism() -> None:
    plan = balance(lopsided(), Policy(parallel_total=2, parallel_node=1))
    for number in {move.round for move in plan.moves}:
        names = [name for move in plan.moves if move.round == number for name in (move.source, move.target)]
        assert len(names) == len(set(names))
    assert plan.seconds == pytest.approx(sum(move.seconds for move in plan.moves))


def test_other_resources_get_no_worse_than_allowed() -> None:
    hot = [guest(100 + number, "pve1", 8, cpu=0.2) for number in range(6)] + [guest(110, "pve1", 24, cpu=30.0)]
    cold = [guest(200, "pve2", 8, cpu=30.0)]
    plan = balance(cluster(node("pve1"), node("pve2"), *hot, *cold))
    assert plan.moves
    assert 110 not in {move.vmid for move in plan.moves}


def test_all_levels_every_resource() -> None:
    first = [guest(100 + number, "pve1", 4, cpu=0.5) for number in range(12)]
    second = [guest(200 + number, "pve2", 1, cpu=4.0) for number in range(12)]
    plan = balance(cluster(node("pve1"), node("pve2"), *first, *second), Policy(method="all"))
    for resource in ("memory", "cpu"):
        before, after = ([getattr(load, resource) for load in loads] for loads in (plan.before, plan.after))
        assert max(after) - min(after) < (max(before) - min(before)) / 2


def test_reachable_is_a_true_bound() -> None:
    snapshot = cluster(node("pve1"), node("pve2"), guest(100, "pve1", 60), guest(101, "pve1", 4))
    plan = balance(snapshot)
    assert plan.spread_reachable is not None
    assert plan.spread_reachable <= plan.spread_after
    assert plan.spread_reachable >= 0.28 - 1e-9


def test_no_quorum_and_unread_parts_are_warned_about() -> None:
    plan = balance(lopsided(quorate=False, problems=("The HA rules could not be read.",)))
    assert "The HA rules could not be read." in plan.warnings
    assert any("quorum" in warning for warning in plan.warnings)


def test_empty_and_single_node_clusters() -> None:
    assert balance(Cluster()).summary.startswith("Nothing to do")
    assert balance(cluster(node("pve1"), guest(100, "pve1", 60))).moves == ()
