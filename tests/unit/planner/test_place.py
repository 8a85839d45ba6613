"""Where guests to be go: memory, storages, rules, tags, room for a loss; and where a guest that exists would be better."""

from __future__ import annotations

from dataclasses import replace

import pytest

from prs.errors import PlanError
from prs.model import Disk, NewGuest, Policy, Pool, Rule, Storage
from prs.planner.place import MOST, place_better, place_new
from prs.web.api.said import code_of
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
    assert first.reason.startswith("it leaves the nodes more level than the next; "), "pve2 would be more level still"
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


def test_a_storage_that_all_share_has_its_room_whatever_a_node_that_is_offline_tells() -> None:
    """PVE lists the storage of such a node too, without a size."""
    parts = [node("pve1"), node("pve2"), node("pve3", online=False)]
    there = [Storage("ceph", name, shared=True, total=100 * GIB, used=70 * GIB) for name in ("pve1", "pve2")]
    here = cluster(*parts, storages=(*there, Storage("ceph", "pve3", shared=True, active=False)))
    assert place_new(here, POLICY, [web(disks=(Disk("ceph", 20 * GIB),))], 0.0).guests[0].node == "pve1"
    assert not place_new(here, POLICY, [web(disks=(Disk("ceph", 40 * GIB),))], 0.0).feasible


def test_no_two_guests_have_one_name() -> None:
    asked = [replace(web(), name=name) for name in ("web 1", "web", "web", "web 2", "")]
    assert [one.name for one in place_new(lopsided(), POLICY, asked, 0.0).guests] == ["web 1", "web 3", "web 4", "web 2", "new guest"]


def test_a_guest_like_another_needs_its_bridges_and_its_shared_storage() -> None:
    nodes = [node(name, bridges=("vmbr0", "vmbr1") if name != "pve3" else ("vmbr0",)) for name in ("pve1", "pve2", "pve3")]
    model = guest(100, "pve1", 8, bridges=("vmbr1",), images=(("ceph", 20 * GIB),))
    ceph = tuple(Storage("ceph", name, shared=True, total=100 * GIB, used=70 * GIB) for name in ("pve1", "pve2", "pve3"))
    found = place_new(cluster(*nodes, model, storages=ceph[:2]), POLICY, [NewGuest("", like=100)], 0.0)
    assert found.guests[0].node == "pve2"
    assert {one.node: one.reason for one in found.guests[0].candidates if not one.rank} == {"pve3": "storage ceph is not available on pve3"}
    found = place_new(cluster(*nodes, model, storages=ceph), POLICY, [NewGuest("", like=100), NewGuest("", like=100)], 0.0)
    assert [one.node for one in found.guests] == ["pve2", ""], "there is room for one of them"
    assert found.guests[0].candidates[-1].reason == "pve3 has no bridge vmbr1"


def test_many_nodes_without_a_place_are_folded_in_the_answer() -> None:
    here = cluster(*(node(f"pve{number}") for number in range(1, 41)))
    found = place_new(here, POLICY, [web(200)], 0.0)
    assert found.summary == (
        "There is no place for web while no other guest moves: needs 200.0 GiB of memory, pve1 has 100.0 GiB free; "
        "needs 200.0 GiB of memory, pve10 has 100.0 GiB free; needs 200.0 GiB of memory, pve11 has 100.0 GiB free; "
        "37 more nodes have no place for it either."
    )
    assert len({one.reason for one in found.guests[0].candidates}) == 40
    assert code_of(found.summary)


@pytest.mark.parametrize(("pool", "told"), [("prod", False), ("prod/db", False), ("dev", False), ("", False), ("prdo", True)])
def test_a_pool_that_may_be_misspelt_is_named_where_pools_are_rules(pool: str, told: bool) -> None:
    here = replace(lopsided(), guests=(*lopsided().guests, guest(400, "pve2", 1, pool="dev")))
    policy = replace(POLICY, pools=(Pool("prod", keep="apart"),))
    words = "Pool prdo: no guest of it can be seen, and the configuration says nothing of it (did you mean 'prod'?)."
    assert (words in place_new(here, policy, [web(pool=pool)], 0.0).warnings) == told
    assert words not in place_new(here, POLICY, [web(pool=pool)], 0.0).warnings


def test_a_stopped_guest_counts_as_if_it_ran() -> None:
    here = replace(lopsided(), guests=(*lopsided().guests, guest(900, "pve1", 0, cpu=0.0, status="stopped", memory_max=50 * GIB)))
    found = place_better(here, POLICY, 900, 0.0)
    assert found.summary.startswith("900 (vm900) would be better on pve2: ")
    assert found.guests[0].candidates[0].memory == pytest.approx(0.58)


def test_a_guest_stays_where_no_figure_shows_another_node_to_be_better() -> None:
    """By a hundredth of a core another node would be more level; that is no reason to move it."""
    here = cluster(node("pve1"), node("pve2"), guest(100, "pve1", 0, cpu=0.02), guest(101, "pve1", 0, cpu=0.02))
    found = place_better(here, POLICY, 100, 0.0)
    assert found.summary == "100 (vm100) is best where it is, on pve1."
    assert [one.node for one in found.guests[0].candidates] == ["pve1", "pve2"]
