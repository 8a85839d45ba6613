"""ProxLB's tags and the pools of the configuration: what they keep where, in balancing, drains and the walk over a plan."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from prs.codec import from_json, to_json
from prs.model import Cluster, Plan, Policy, Pool, Rule
from prs.planner.plan import check_plan, plan_balance, plan_drain
from prs.planner.problem.board import why_not
from prs.planner.problem.fixed_limits import FixedLimits
from prs.planner.problem.tags_and_pools import read_tags_and_pools
from prs.planner.verify.rules import Reading
from prs.planner.verify.walk import Walk, objection
from unit.planner_scenes import cluster, guest, lopsided, node


def tagged(snapshot: Cluster, tags: dict[int, str], **more: object) -> Cluster:
    """The cluster with these tags on its guests, separated by blanks."""
    return replace(snapshot, guests=tuple(
        replace(one, tags=tuple(tags[one.vmid].split()), **more) if one.vmid in tags else one for one in snapshot.guests  # type: ignore[arg-type]
    ))  # fmt: skip


def pooled(snapshot: Cluster, vmids: range | tuple[int, ...], pool: str = "web") -> Cluster:
    """The cluster with these guests in the pool."""
    return replace(snapshot, guests=tuple(replace(one, pool=pool) if one.vmid in vmids else one for one in snapshot.guests))


def balance(snapshot: Cluster, policy: Policy | None = None) -> Plan:
    plan = plan_balance(snapshot, policy or Policy(), 0.0)
    assert check_plan(snapshot, policy or Policy(), plan) == []
    return plan


def drain(snapshot: Cluster, policy: Policy | None = None, node: str = "pve1") -> Plan:
    plan = plan_drain(snapshot, policy or Policy(), node, 0.0)
    assert check_plan(snapshot, policy or Policy(), plan) == []
    return plan


def places(snapshot: Cluster, plan: Plan) -> dict[int, str]:
    where = {move.vmid: move.target for move in plan.moves}
    return {one.vmid: where.get(one.vmid, one.node) for one in snapshot.guests}


def stay(plan: Plan, vmid: int) -> str:
    return next(row.reason for row in plan.stays if row.vmid == vmid)


# Tags


@pytest.mark.parametrize("tag", ["plb_ignore_dev", "plb_ignore", "PLB_Ignore_Dev"])
def test_an_ignored_guest_stays(tag: str) -> None:
    snapshot = tagged(lopsided(), dict.fromkeys(range(100, 108), tag))
    plan = balance(snapshot)
    assert plan.moves == ()
    assert stay(plan, 100) == f"tag {tag.lower()} leaves it where it is"
    blocked = drain(snapshot)
    assert [row.vmid for row in blocked.blockers] == list(range(100, 108))
    assert len(balance(snapshot, Policy(tags=False)).moves) > 2


def test_affinity_moves_together() -> None:
    snapshot = tagged(lopsided(), {100: "plb_affinity_app x", 101: "plb_affinity_app", 102: "plb_affinity_b", 103: "plb_affinity_b"})
    after = places(snapshot, drain(snapshot))
    assert after[100] == after[101]
    assert after[102] == after[103]
    walk = Walk(FixedLimits(snapshot, Policy()))
    walk.step(1, next(move for move in drain(snapshot).moves if move.vmid == 100))
    walk.end(())
    assert walk.broken == ["after the last move: tag plb_affinity_app is broken, its guests are on several nodes"]


def test_anti_affinity_never_meets() -> None:
    snapshot = tagged(lopsided(), {100: "plb_anti_affinity_db", 200: "plb_anti_affinity_db"})
    after = places(snapshot, drain(snapshot))
    assert after[100] == "pve3"
    words = "tag plb_anti_affinity_db keeps it apart from 200 (vm200) on pve2"
    assert why_not(snapshot, Policy(), 100, "pve2") == words
    (move,) = [one for one in drain(snapshot).moves if one.vmid == 100]
    assert objection(snapshot, Policy(), replace(move, target="pve2")) == words
    assert objection(snapshot, Policy(tags=False), replace(move, target="pve2")) == ""


def test_a_guest_under_way_is_on_both_nodes() -> None:
    snapshot = tagged(lopsided(), {100: "plb_anti_affinity_db", 200: "plb_anti_affinity_db"})
    (move,) = [one for one in drain(snapshot).moves if one.vmid == 100]
    assert objection(snapshot, Policy(), move) == ""
    assert "keeps it apart from 200 (vm200) on pve3" in objection(snapshot, Policy(), move, leaving={200: "pve3"})


def test_pins_allow_any_of_their_nodes_whatever_the_case() -> None:
    capitals = cluster(node("PVE1"), node("pve2"), node("pve3"), node("pve4"), guest(1, "PVE1", 8, tags=("plb_pin_pve1", "plb_pin_PVE3")))
    plan = drain(capitals, node="PVE1")
    assert [move.target for move in plan.moves] == ["pve3"]
    assert plan.warnings == ()
    assert why_not(capitals, Policy(), 1, "pve2") == "tag plb_pin_pve1 or plb_pin_pve3 wants it on PVE1, pve3"
    away = replace(capitals, guests=(replace(capitals.guests[0], node="pve2"),))
    assert [move.target for move in balance(away).moves] in (["PVE1"], ["pve3"])


def test_a_pin_to_nowhere_keeps_the_guest_and_warns() -> None:
    snapshot = tagged(lopsided(), {100: "plb_pin_pve9", 101: "plb_pin_pve9", 102: "plb_pin_pve8 plb_pin_pve2"})
    plan = balance(snapshot)
    assert stay(plan, 100) == "tag plb_pin_pve9 pins it to a node that this cluster does not have"
    assert plan.warnings == (
        "Tag plb_pin_pve8 of 102 (vm102) names no node of this cluster: its other pins hold.",
        "Tag plb_pin_pve9 of 100 (vm100) and 1 more names no node of this cluster: it stays where it is.",
    )
    assert places(snapshot, plan)[102] == "pve2"
    assert [row.vmid for row in drain(snapshot).blockers] == [100, 101]


def test_a_set_on_several_nodes_is_brought_together_the_cheapest_way() -> None:
    level = cluster(node("pve1"), node("pve2"), node("pve3"),
                    *(guest(vmid, f"pve{vmid % 3 + 1}", 2, tags=("plb_affinity_app",)) for vmid in range(3, 6)),
                    guest(9, "pve3", 1, tags=("plb_affinity_app",)))  # fmt: skip
    wide = Policy(spread=0.1)
    plan = balance(level, wide)
    assert set(places(level, plan).values()) == {"pve3"}
    assert sorted(move.vmid for move in plan.moves) == [3, 4]
    assert all("repairs tag plb_affinity_app, which keeps it together with guests on " in move.reason for move in plan.moves)
    # An HA rule is mended by the HA manager itself.
    ha = replace(level, guests=tuple(replace(one, tags=()) for one in level.guests), rules=(Rule("app", "together", (3, 4, 5, 9)),))
    assert balance(ha, wide).moves == ()


def test_a_scattered_guest_goes_to_its_mates_or_stays() -> None:
    snapshot = tagged(lopsided(), {100: "plb_affinity_app", 200: "plb_affinity_app"})
    assert why_not(snapshot, Policy(), 100, "pve3") == "pve3 does not hold the guests that tag plb_affinity_app keeps it together with"
    assert places(snapshot, drain(snapshot))[100] == "pve2"


def test_an_ignored_or_stopped_mate() -> None:
    """The first holds the others back, the second has no part in it unless it moves too."""
    ignored = tagged(lopsided(), {100: "plb_affinity_app", 101: "plb_affinity_app plb_ignore_me"})
    words = "tag plb_affinity_app keeps it together with 101 (vm101), which cannot move: tag plb_ignore_me leaves it where it is"
    assert stay(balance(ignored), 100) == words
    stopped = tagged(lopsided(), dict.fromkeys(range(100, 108), "plb_affinity_app"))
    asleep = replace(stopped, guests=tuple(replace(one, status="stopped", memory=0) if one.vmid > 101 else one for one in stopped.guests))
    assert read_tags_and_pools(asleep, Policy()).rules == [Rule("plb_affinity_app", "together", (100, 101), source="tag")]
    after = places(asleep, drain(asleep))
    assert len({after[vmid] for vmid in range(100, 108)}) == 1


def test_contradictions_leave_the_guests_where_they_are() -> None:
    snapshot = tagged(lopsided(), dict.fromkeys((100, 101), "plb_affinity_x plb_anti_affinity_y"))
    words = "tag plb_affinity_x keeps it together with guests from which tag plb_anti_affinity_y keeps it apart"
    assert stay(balance(snapshot), 100) == words


def test_templates_are_bound_by_nothing() -> None:
    snapshot = cluster(node("pve1"), node("pve2"), guest(1, "pve1", 8, tags=("plb_anti_affinity_x",)),
                       guest(2, "pve2", 0, status="stopped", tags=("plb_anti_affinity_x", "plb_pin_pve7"), template=True))  # fmt: skip
    assert [move.target for move in drain(snapshot).moves] == ["pve2"]
    assert read_tags_and_pools(snapshot, Policy()).warnings == []


# Pools


def test_a_policy_comes_back_from_the_journal_as_it_was() -> None:
    pools, domains = (Pool("a/b", True, "apart", ("pve1",), False), Pool("c")), (("r1", ("pve1", "pve2")), ("r2", ("pve3",)))
    policy = Policy(tags=False, pools=pools, domains=domains)
    assert from_json(Policy, json.loads(json.dumps(to_json(policy)))) == policy
    assert hash(policy)


def test_an_ignored_pool_stays() -> None:
    policy = Policy(pools=(Pool("web", ignore=True),))
    snapshot = pooled(lopsided(), range(100, 108))
    assert stay(balance(snapshot, policy), 100) == "its pool web is ignored by the configuration"
    assert balance(snapshot, replace(policy, ignored=True)).moves != ()


@pytest.mark.parametrize(
    ("said", "ignored"),
    [
        ({"web": True}, "web"),
        ({"web": True, "web/front": False}, ""),
        ({"web": True, "WEB/Front": False, "web/front/a": True}, "web/front/a"),
        ({"web": True, "web/front": None}, "web"),
        ({"web": False, "web/front": True}, "web/front"),
        ({"web": True, "web/fro": False}, "web"),
    ],
)
def test_what_is_said_of_the_innermost_pool_tells_whether_a_guest_is_ignored(said: dict[str, bool | None], ignored: str) -> None:
    """`ignore: 0` takes a nested pool out; one of which nothing is said does not. The check of plans reads it the same way."""
    policy = Policy(pools=tuple(Pool(name, ignore=bool(ignore), included=ignore is False) for name, ignore in said.items()))
    snapshot = pooled(lopsided(), range(100, 108), "web/front/a")
    plan = balance(snapshot, policy)
    assert bool(plan.moves) != bool(ignored)
    assert {row.reason for row in plan.stays if row.vmid in range(100, 108) and "its pool" in row.reason} == (
        {f"its pool {ignored} is ignored by the configuration"} if ignored else set())
    assert bool(Reading(snapshot, policy, ("pve1", "pve2", "pve3"), "", False).refusal(snapshot.guests[0], "pve2")) == bool(ignored)


def test_a_pool_keeps_together_or_apart() -> None:
    snapshot = pooled(lopsided(), (100, 101, 102))
    together = places(snapshot, drain(snapshot, Policy(pools=(Pool("web", keep="together"),))))
    assert len({together[vmid] for vmid in (100, 101, 102)}) == 1
    apart = Policy(pools=(Pool("web", keep="apart"),))
    assert [row.vmid for row in drain(snapshot, apart).blockers] != []
    after = places(snapshot, balance(snapshot, apart))
    assert len({after[vmid] for vmid in (100, 101, 102)}) == 3


def test_the_nodes_of_a_pool_bind_or_are_preferred() -> None:
    snapshot = pooled(lopsided(), range(100, 108))
    strict = Policy(pools=(Pool("web", nodes=("PVE1", "pve2")),))
    assert set(places(snapshot, drain(snapshot, strict)).values()) == {"pve2", "pve3"}
    assert all(move.target == "pve2" for move in drain(snapshot, strict).moves)
    assert why_not(snapshot, strict, 100, "pve3") == "pool web wants it on pve1, pve2"
    soft = Policy(pools=(Pool("web", nodes=("pve1", "pve2"), strict=False),))
    assert why_not(snapshot, soft, 100, "pve3") == ""
    terms = {term.name: term.before for term in plan_balance(pooled(snapshot, (300,)), soft, 0.0).terms}
    assert terms["guests off the nodes that rules prefer"] == 1


def test_what_a_pool_names_and_the_cluster_lacks() -> None:
    snapshot = pooled(lopsided(), (100,))
    policy = Policy(pools=(Pool("gone", ignore=True), Pool("web", nodes=("pve8", "pve9"))), domains=(("r1", ("pve1", "pve7")),))
    plan = balance(snapshot, policy)
    assert plan.warnings == (
        "Pool gone of the configuration does not exist, or no guest of it can be seen.",
        "Pool web of the configuration names pve8, pve9, nodes that this cluster does not have.",
        "Domain r1 of the configuration names pve7, a node that this cluster does not have.",
    )
    assert stay(plan, 100) == "its pool web is bound to nodes that this cluster does not have"
    soft = Policy(pools=(Pool("web", nodes=("pve9",), strict=False),))
    assert why_not(snapshot, soft, 100, "pve2") == ""
