"""Every rule with its source, its guests and how it stands; and plans that repair broken rules and nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from prs.model import BindingRule, Cluster, Guest, Mode, Policy, Pool, Rule
from prs.planner.plan import check_plan, plan_balance, plan_drain
from prs.planner.rules import modes_of, rules_of
from unit.planner_scenes import cluster, guest, lopsided, node

NODES = (node("pve1"), node("pve2"), node("pve3"))


def four(*rules: Rule, tags: dict[int, str] | None = None, pools: dict[int, str] | None = None) -> Cluster:
    """Guests 1 and 2 on pve1, 3 on pve2 and 4 on pve3."""
    guests = [
        guest(vmid, where, 1, tags=((tags or {}).get(vmid, "plain"),), pool=(pools or {}).get(vmid, ""))
        for vmid, where in ((1, "pve1"), (2, "pve1"), (3, "pve2"), (4, "pve3"))
    ]
    return cluster(*NODES, *guests, rules=rules)


def one(snapshot: Cluster, policy: Policy | None = None, there: set[int] | None = None) -> BindingRule:
    """The only rule of a cluster of which all is seen."""
    (found,) = rules_of(snapshot, policy or Policy(), there if there is not None else {1, 2, 3, 4})
    return found


@pytest.mark.parametrize(("rule", "state", "reason"), [
    (Rule("r", "apart", (1, 3)), "kept", ""),
    (Rule("r", "apart", (1, 2)), "broken", "1 (vm1) and 2 (vm2) are on pve1"),
    (Rule("r", "apart", (1, 2, 3, 4)), "unmet",
     "HA rule r cannot be met: it keeps 4 guests apart on 3 nodes; together are 1 (vm1), 2 (vm2) on pve1."),
    (Rule("r", "together", (1, 2)), "kept", ""),
    (Rule("r", "together", (1, 3)), "broken", "1 (vm1) on pve1; 3 (vm3) on pve2; bringing them together is left to the HA manager"),
    (Rule("r", "nodes", (3,), (("pve2", 0),)), "kept", ""),
    (Rule("r", "nodes", (3,), (("pve1", 0),)), "broken", "3 (vm3) is on pve2"),
    (Rule("r", "nodes", (3,), (("pve2", 0),), avoid=True), "broken", "3 (vm3) is on pve2"),
    (Rule("r", "nodes", (3,), (("gone", 0),)), "unmet", "3 (vm3) is on pve2; none of the nodes that it allows can take guests"),
    (Rule("r", "nodes", (3,), (("pve1", 0),), strict=False), "missed", "3 (vm3) is on pve2"),
])  # fmt: skip
def test_a_rule_is_kept_broken_or_cannot_be_met(rule: Rule, state: str, reason: str) -> None:
    found = one(four(rule))
    assert (found.state, found.reason, found.source) == (state, reason, "HA rule")
    assert [bound.vmid for bound in found.guests] == list(rule.guests)


def test_of_guests_that_cannot_be_seen_only_the_number_is_told() -> None:
    rule = Rule("r", "apart", (1, 88, 99))
    found = one(four(rule), there={1, 2, 3, 4, 99})
    assert (found.hidden, found.state, found.reason) == (1, "unknown", "1 of its guests cannot be seen")
    assert "99" not in str(found)
    everything = rules_of(four(rule), Policy(), None)[0]
    assert everything.hidden == 2, "where nothing lists the guests, each that is not seen may be there"


def test_what_keeps_a_guest_from_being_moved_is_said() -> None:
    snapshot = four(Rule("r", "apart", (1, 2)))
    first, *rest = snapshot.guests
    found = one(replace(snapshot, guests=(replace(first, lock="snapshot"), *rest)))
    assert found.reason == "1 (vm1) and 2 (vm2) are on pve1; 1 (vm1) cannot move: is locked (snapshot)"


def test_tags_pools_lists_and_racks_are_told_with_their_source() -> None:
    tags = {1: "plb_anti_affinity_a", 2: "plb_anti_affinity_a", 3: "plb_ignore_me", 4: "plb_pin_nowhere"}
    policy = Policy(pools=(Pool("db", keep="together", nodes=("pve1",)),), ignore_guests=("2",), domains=(("rack1", ("pve1", "pve2")),))
    found = rules_of(four(tags=tags, pools={1: "db", 2: "db"}), policy, {1, 2, 3, 4})
    told = [(rule.state, rule.source, rule.name, rule.kind, [bound.vmid for bound in rule.guests]) for rule in found]
    assert told == [
        ("broken", "configuration", "rack1", "domain", [1, 2]),
        ("unmet", "tag", "plb_anti_affinity_a", "apart", [1, 2]),
        ("unmet", "tag", "plb_pin_nowhere", "alone", [4]),
        ("kept", "configuration", "ignore_vms", "alone", [2]),
        ("kept", "pool", "db", "nodes", [1, 2]),
        ("kept", "pool", "db", "together", [1, 2]),
        ("kept", "tag", "plb_ignore_me", "alone", [3]),
    ]
    assert found[0].reason == "tag plb_anti_affinity_a has 2 guests there"
    assert found[1].wide


def test_groups_that_are_apart_are_one_rule() -> None:
    tags = {1: "plb_apart_net_a", 2: "plb_apart_net_b", 3: "plb_apart_net_b", 4: "plb_apart_net_c"}
    found = one(four(tags=tags))
    assert (found.name, len(found.guests), found.reason) == ("plb_apart_net", 4, "1 (vm1) and 2 (vm2) are on pve1")


def test_mending_moves_what_rules_need_and_nothing_else() -> None:
    """The cluster is far from level, and stays so."""
    broken = lopsided(rules=(Rule("pair", "apart", (100, 101)),))
    plan = plan_balance(broken, Policy(), 0.0, "mend")
    assert [move.vmid in (100, 101) for move in plan.moves] == [True]
    assert plan.summary.startswith("Repairs HA rule pair: 1 move")
    assert plan.summary.endswith("; only broken rules are repaired, and nothing else is moved.")
    assert check_plan(broken, Policy(), plan) == []
    assert len(plan_balance(broken, Policy(), 0.0).moves) > 1


@pytest.mark.parametrize("policy", [Policy(only_over=(("memory", 0.99),)), Policy(idle_under=0.99), Policy().levelling("pressure")])
def test_mending_asks_no_threshold(policy: Policy) -> None:
    plan = plan_balance(lopsided(rules=(Rule("pair", "apart", (100, 101)),)), policy, 0.0, "mend")
    assert len(plan.moves) == 1


def test_without_a_broken_rule_there_is_nothing_to_mend() -> None:
    plan = plan_balance(lopsided(), Policy(), 0.0, "mend")
    assert (plan.moves, plan.summary) == ((), "Nothing to do: no rule is broken that a move could repair.")


def test_a_rule_that_no_move_repairs_is_named() -> None:
    guests: list[Guest] = [guest(vmid, "pve1", 1, lock="snapshot") for vmid in (1, 2)]
    plan = plan_balance(cluster(*NODES, *guests, rules=(Rule("pair", "apart", (1, 2)),)), Policy(), 0.0, "mend")
    assert (plan.moves, plan.summary) == ((), "Nothing to do: no move was found that repairs a broken rule.")
    assert any("HA rule pair" in words for words in plan.warnings)


def moved(policy: Policy, drain: str = "", tag: str = "plain") -> bool:
    """Whether the plan moves guest 1, the only one that can leave pve1, to level or to empty that node or another one."""
    guests = [guest(1, "pve1", 40, tags=(tag,)), guest(2, "pve1", 40, lock="suspended"), guest(3, "pve2", 10)]
    snapshot = cluster(*NODES, *guests)
    plan = plan_drain(snapshot, policy, drain, 0.0, leave=True) if drain else plan_balance(snapshot, policy, 0.0)
    assert check_plan(snapshot, policy, plan) == []
    return 1 in [move.vmid for move in plan.moves]


@pytest.mark.parametrize(("mode", "attended", "by_schedule", "drained"), [
    ("automatic", True, True, True), ("ask", True, False, True), ("drains", False, False, True), ("never", False, False, False),
])  # fmt: skip
def test_how_a_guest_may_be_moved(mode: Mode, attended: bool, by_schedule: bool, drained: bool) -> None:
    policy = Policy(guests=((1, mode),))
    assert (moved(policy), moved(replace(policy, unattended=True)), moved(policy, "pve1")) == (attended, by_schedule, drained)


@pytest.mark.parametrize("tag", ["plain", "plb_ignore_me"])
def test_what_is_said_of_a_guest_goes_over_tags_and_lists(tag: str) -> None:
    left = Policy(ignore_guests=("1",) if tag == "plain" else ())
    assert not moved(left, tag=tag)
    assert not moved(left, "pve1", tag=tag), "left alone by a list or a tag it blocks a drain"
    assert moved(replace(left, guests=((1, "drains"),)), "pve1", tag=tag)
    assert moved(replace(left, guests=((1, "automatic"),)), tag=tag)


def test_a_guest_for_drains_only_is_in_no_way_of_one_and_comes_back() -> None:
    policy, snapshot = Policy(guests=((1, "drains"),)), cluster(*NODES, guest(1, "pve1", 4), guest(2, "pve2", 4))
    assert plan_drain(snapshot, policy, "pve1", 0.0).feasible
    assert plan_drain(snapshot, Policy(guests=((1, "never"),)), "pve1", 0.0).blockers[0].reason == "is never to be moved"
    assert [move.vmid for move in plan_drain(snapshot, policy, "pve2", 0.0).moves] == [2], "to make room it is not moved"
    back = replace(policy, targets=((1, "pve2"),), ignored=True)
    assert [move.vmid for move in plan_balance(snapshot, back, 0.0).moves] == [1]


def test_each_guest_has_its_mode_and_what_says_so() -> None:
    policy = Policy(guests=((1, "ask"), (4, "automatic")), ignore_guests=("2",))
    found = modes_of(four(tags={3: "plb_ignore_x", 4: "plb_ignore_x"}), policy)
    assert [(one.vmid, one.mode, one.source) for one in found] == [
        (1, "ask", "guests"), (2, "never", "ignore_vms"), (3, "never", "tag plb_ignore_x"), (4, "automatic", "guests"),
    ]  # fmt: skip
    told = {rule.reason: [bound.vmid for bound in rule.guests] for rule in rules_of(four(), policy, {1, 2, 3, 4})}
    assert told == {"is moved only by plans that somebody has started": [1], "is ignored by the configuration": [2]}
