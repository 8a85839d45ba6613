"""Ignore lists, and names that fit nothing: warned of, with what was probably meant."""

from __future__ import annotations

from dataclasses import replace

import pytest

from prs.model import Cluster, Policy, Pool, Storage
from prs.planner.plan import plan_balance
from prs.planner.problem.fixed_limits import FixedLimits
from prs.planner.problem.names import Ignored, unmatched
from prs.planner.problem.tags_and_pools import in_pool
from unit.planner_scenes import cluster, guest, lopsided, node


@pytest.mark.parametrize(
    ("words", "names", "ignored"),
    [
        (("100-104",), ("db", "102"), True),
        (("100-104",), ("db", "105"), False),
        (("100-104", "!102"), ("db", "102"), False),
        (("*", "!DB*"), ("db01", "7"), False),
        (("*", "!DB*"), ("web", "7"), True),
        (("*", "!100-199"), ("web", "150"), False),
        (("Db01",), ("DB01", "7"), True),
        (("100-104",), ("100-104", "9"), True),  # a guest may be called that
        (("pve-1",), ("PVE-1",), True),
        ((), ("web", "7"), False),
    ],
)
def test_what_an_ignore_list_means(words: tuple[str, ...], names: tuple[str, ...], ignored: bool) -> None:
    """Names and VMIDs, ranges, patterns, exceptions; case never counts."""
    assert Ignored(words).has(*names) == ignored


def test_words_that_fit_nothing_are_named_with_the_nearest_name() -> None:
    """Exceptions too; a range counts as fitting where one guest is in it."""
    snapshot = lopsided()
    policy = Policy(ignore_nodes=("pve01", "!pve2", "PVE3"), ignore_guests=("vm10", "100-104", "900-999", "!nosuch"))
    assert unmatched(snapshot, policy) == [
        "ignore_nodes names pve01, but no node of this cluster is called that (did you mean 'pve1'?).",
        "ignore_vms names vm10, but no guest that can be seen fits it.",
        "ignore_vms names 900-999, but no guest that can be seen fits it.",
        "ignore_vms names !nosuch, but no guest that can be seen fits it.",
    ]
    assert unmatched(snapshot, policy)[0] in plan_balance(snapshot, policy, 0.0).warnings


@pytest.mark.parametrize(
    ("tag", "words"),
    [
        ("plb_anti-affinity_web", "did you mean plb_anti_affinity_web?"),
        ("plb-ignore", "did you mean plb_ignore?"),
        ("plb_exclude_web", "ProxLB before 1.1; did you mean plb_anti_affinity_web?"),
        ("plb_include_x", "ProxLB before 1.1; did you mean plb_affinity_x?"),
        ("PLB_afinity_db", "did you mean plb_affinity_db?"),
        ("pbl_pin_pve1", "did you mean plb_pin_pve1?"),
        ("plb_keep", "known are plb_ignore_*"),
        ("production", ""),
        ("plb_ignore_x", ""),
        ("PLB_Affinity_x", ""),
    ],
)
def test_tags_that_look_like_rules_and_are_none(tag: str, words: str) -> None:
    """Misspelt, of an older ProxLB, or unknown; other people's tags are left alone, and with tags: 0 all are."""
    snapshot = cluster(node("pve1"), node("pve2"), guest(100, "pve1", 1, tags=(tag,)))
    found = unmatched(snapshot, Policy())
    assert [words in sentence for sentence in found] == ([True] if words else [])
    assert unmatched(snapshot, Policy(tags=False)) == []


def test_ignored_nodes_and_guests_of_other_case_stay() -> None:
    """As for pools and tags."""
    policy = Policy(ignore_nodes=("PVE3",), ignore_guests=("VM100", "101-103"))
    plan = plan_balance(lopsided(), policy, 0.0)
    assert plan.moves
    assert {move.target for move in plan.moves} == {"pve2"}
    assert not {move.vmid for move in plan.moves} & {100, 101, 102, 103}


POOLS = [("a/b", "A", True), ("a", "a", True), ("ab", "a", False), ("a", "a/b", False), ("", "a", False)]


@pytest.mark.parametrize(("pool", "name", "inside"), POOLS)
def test_what_is_said_of_a_pool_holds_for_those_nested_in_it(pool: str, name: str, inside: bool) -> None:
    """parent/child."""
    assert in_pool(pool, name) == inside
    snapshot = lopsided()
    snapshot = replace(snapshot, guests=tuple(replace(one, pool=pool) for one in snapshot.guests))
    limits = FixedLimits(snapshot, Policy(pools=(Pool(name, ignore=True),)))
    assert ("ignored" in limits.fixed(snapshot.guests[0])) == inside


def test_storages_that_no_node_has_are_named() -> None:
    known = (Storage("local-zfs", "a"), Storage("fast", "b"))
    policy = Policy(storages=(("local-zsf", ("FAST", "any")), ("*", ("slow",))))
    assert [words for words in unmatched(Cluster(storages=known), policy) if "[storages]" in words] == [
        "[storages] names local-zsf, but no node has a storage called that (did you mean 'local-zfs'?).",
        "[storages] names slow, but no node has a storage called that.",
    ]
