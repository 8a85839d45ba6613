"""Where guests to be go: memory, storages, rules, tags, room for a loss; and where a guest that exists would be better."""

from __future__ import annotations

from dataclasses import replace

import pytest

from prs.errors import PlanError
from prs.model import Disk, NewGuest, Policy, Rule, Storage
from prs.planner.place import MOST, place_better, place_new
from unit.planner_scenes import GIB, cluster, guest, lopsided, node

POLICY = Policy()


def web(memory: float = 8, **more: object) -> NewGuest:
    """A guest to be with so many GiB."""
    return NewGuest("web", memory=round(memory * GIB), **more)  # type: ignore[arg-type]


def test_the_emptiest_node_is_best_and_each_other_says_why_not() -> None:
    found = place_new(lopsided(), POLICY, [web()], 5.0)
    assert (found.feasible, found.summary, found.created) == (True, "Best: web on pve2.", 5.0)
    first, second, third = found.guests[0].candidates
    assert [(one.node, one.rank) for one in (first, second, third)] == [("pve2", 1), ("pve3", 2), ("pve1", 3)]
    assert all(one.headroom for one in (first, second, third))
    assert second.reason == "as good as the best"
    assert third.reason == "leaves the nodes less level: a spread of 64.0 points instead of 56.0 points"
    assert first.memory == pytest.approx(0.16)
    assert [load.node for load in found.after] == ["pve1", "pve2", "pve3"]
    assert [load.guests for load in found.after] == [8, 2, 1]


def test_what_speaks_against_each_node_is_named_in_numbers() -> None:
    rule = Rule("apart", "apart", (200,))
    found = place_new(lopsided(rules=(rule,)), POLICY, [web(50, rules=("apart",))], 0.0)
    reasons = {one.node: one.reason for one in found.guests[0].candidates if not one.rank}
    assert reasons == {
        "pve1": "needs 50.0 GiB of memory, pve1 has 36.0 GiB free",
        "pve2": "HA rule apart keeps it apart from 200 (vm200) on pve2",
    }
    assert found.guests[0].node == "pve3"


def test_several_guests_are_placed_together() -> None:
    asked = [replace(web(60), name="a"), replace(web(50), name="b"), replace(web(40), name="c")]
    found = place_new(lopsided(), POLICY, asked, 0.0)
    assert found.feasible
    assert [one.name for one in found.guests] == ["a", "b", "c"]
    assert found.guests[0].node != found.guests[1].node == found.guests[2].node, "a takes one node, and b and c just fit on the other"
    assert all(one.candidates[0].node == one.node for one in found.guests)


def test_tags_keep_guests_to_be_apart_and_like_another() -> None:
    tagged = replace(lopsided(), guests=(*lopsided().guests, guest(400, "pve2", 4, tags=("plb_anti_affinity_web",), memory_max=6 * GIB)))
    asked = [NewGuest("one", like=400), NewGuest("two", like=400)]
    found = place_new(tagged, POLICY, asked, 0.0)
    assert {one.node for one in found.guests} == {"pve1", "pve3"}
    third = place_new(tagged, POLICY, [*asked, NewGuest("three", like=400)], 0.0)
    assert not third.feasible
    assert third.summary.startswith("There is no place for all 3 guests while no other guest moves; none is left for ")


def test_disks_need_their_storage_and_its_room_shared_ones_once_for_all() -> None:
    parts = [node("pve1", disk=200 * GIB), node("pve2", disk=200 * GIB)]
    local = tuple(Storage("lvm", name, total=100 * GIB, used=used * GIB) for name, used in (("pve1", 90), ("pve2", 10)))
    shared = tuple(Storage("ceph", name, shared=True, total=100 * GIB, used=70 * GIB) for name in ("pve1", "pve2"))
    here = cluster(*parts, storages=(*local, *shared))
    found = place_new(here, POLICY, [web(disks=(Disk("lvm", 20 * GIB),))], 0.0)
    assert found.guests[0].node == "pve2"
    assert found.guests[0].candidates[1].reason == "needs 20.0 GiB on storage lvm, which has 10.0 GiB free on pve1"
    twice = [replace(web(disks=(Disk("ceph", 20 * GIB),)), name=name) for name in ("a", "b")]
    assert not place_new(here, POLICY, twice, 0.0).feasible
    assert place_new(here, POLICY, twice[:1], 0.0).feasible


def test_room_for_the_loss_of_a_node_comes_before_level() -> None:
    """On pve2 it would be most level, and then no node could take over the large guest of pve1."""
    here = cluster(node("pve1"), node("pve2"), node("pve3"), guest(100, "pve1", 60), guest(101, "pve2", 30), guest(102, "pve3", 50))
    found = place_new(here, POLICY, [web(20)], 0.0)
    assert [(one.node, one.headroom) for one in found.guests[0].candidates] == [("pve3", True), ("pve1", True), ("pve2", False)]
    first, _, last = found.guests[0].candidates
    assert last.spread < first.spread
    assert first.reason.startswith("it leaves the nodes most level; ")
    assert last.reason.startswith("takes away room for the loss of a node: if pve1 fails, 100 (vm100) fits on no other node")


def test_all_mistakes_of_a_question_at_once() -> None:
    here = replace(lopsided(), storages=(Storage("local-lvm", "pve1", content=("iso",)),))
    asked = [NewGuest("x", disks=(Disk("local-lvn", 1), Disk("local-lvm", 0)), rules=("no",)), NewGuest("y", like=999)]
    with pytest.raises(PlanError) as told:
        place_new(here, POLICY, asked, 0.0)
    assert str(told.value).split("; ") == [
        "guests[0].memory: is missing (bytes), and no guest to be like is named",
        "guests[0].disks[0].storage: there is no storage local-lvn that can be seen (did you mean 'local-lvm'?)",
        "guests[0].disks[1].storage: local-lvm does not take content type images",
        "guests[0].disks[1].size: a number of bytes from 1 on is expected",
        "guests[0].rules: there is no HA rule no that can be seen",
        "guests[1].like: there is no guest 999",
    ]
    with pytest.raises(PlanError, match=f"1 to {MOST} guests"):
        place_new(here, POLICY, [], 0.0)


def test_no_place_is_said_with_what_each_node_lacks() -> None:
    found = place_new(lopsided(), POLICY, [web(99)], 0.0)
    assert not found.feasible
    assert found.summary.startswith("There is no place for web while no other guest moves: needs 99.0 GiB of memory, pve1 has ")
    assert found.spread_after == found.spread_before


def test_a_guest_that_exists_is_told_where_it_would_be_better() -> None:
    found = place_better(lopsided(), POLICY, 100, 0.0)
    assert found.guests[0].node == "pve2"
    assert found.guests[0].home == "pve1"
    assert found.summary.startswith("100 (vm100) would be better on pve2: ")
    assert found.summary.endswith("the spread is then 48.0 points, instead of 56.0 points on pve1.")
    assert found.spread_before == pytest.approx(0.56)
    assert found.spread_after == pytest.approx(0.48)


def test_a_guest_that_is_best_where_it_is_or_cannot_leave() -> None:
    assert place_better(lopsided(), POLICY, 200, 0.0).summary == "200 (vm200) is best where it is, on pve2."
    held = replace(lopsided(), guests=tuple(replace(one, blockers=("uses PCI device hostpci0",)) for one in lopsided().guests))
    found = place_better(held, POLICY, 100, 0.0)
    assert found.summary == "100 (vm100) cannot leave pve1: uses PCI device hostpci0."
    assert [one.rank for one in found.guests[0].candidates] == [0, 0, 0]
    with pytest.raises(PlanError, match="there is no guest 7"):
        place_better(held, POLICY, 7, 0.0)


def test_nodes_that_take_no_guest_say_why() -> None:
    closed = replace(lopsided(), nodes=(node("pve1"), node("pve2", ha="maintenance"), node("pve3", online=False)))
    found = place_new(closed, POLICY, [web()], 0.0)
    assert found.guests[0].node == "pve1"
    reasons = [one.reason for one in found.guests[0].candidates[1:]]
    assert reasons == ["pve2 is excluded: in HA state maintenance", "pve3 is excluded: offline"]
