"""The planner's claims about small random clusters are true; `make truth` plays more of them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from prs.codec import from_json
from prs.model import Cluster, Plan, Policy, Stay
from prs.planner.plan import plan_balance
from prs.planner.search import exhaustive
from truth import mapped
from truth.claims import false_claims
from truth.clusters import Case, case, counted, named, weighed
from truth.oracle import Truth
from truth.play import play

CLUSTERS = 400
COUNTED = 120
NAMED = 80
WEIGHED = 120
MAPPED = 160
PARTS = 8
CASES = Path(__file__).parent / "cases"


@pytest.mark.parametrize("part", range(PARTS))
def test_no_claim_is_false(part: int) -> None:
    false = {seed: claims for seed in range(part, CLUSTERS, PARTS) if (claims := play(case(seed))[1])}
    assert false == {}


@pytest.mark.parametrize("part", range(PARTS))
def test_no_claim_is_false_where_assigned_or_reserved_memory_counts(part: int) -> None:
    false = {seed: claims for seed in range(part, COUNTED, PARTS) if (claims := play(counted(seed))[1])}
    assert false == {}


@pytest.mark.parametrize("part", range(PARTS))
def test_no_claim_is_false_with_pools_in_pools_and_ignore_lists(part: int) -> None:
    false = {seed: claims for seed in range(part, NAMED, PARTS) if (claims := play(named(seed))[1])}
    assert false == {}


@pytest.mark.parametrize("part", range(PARTS))
def test_no_claim_is_false_where_resources_have_weights(part: int) -> None:
    false = {seed: claims for seed in range(part, WEIGHED, PARTS) if (claims := play(weighed(seed))[1])}
    assert false == {}


@pytest.mark.parametrize("part", range(PARTS))
def test_no_claim_is_false_where_disks_land_by_a_map(part: int) -> None:
    false = {seed: claims for seed in range(part, MAPPED, PARTS) if (claims := mapped.play(mapped.mapped(seed))[1])}
    assert false == {}


@pytest.mark.parametrize("part", range(PARTS))
def test_nothing_is_called_impossible_by_a_map_in_clusters_that_are_not_looked_at_whole(part: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exhaustive, "LARGEST", 0)
    for scene in map(mapped.mapped, range(part, MAPPED // 4, PARTS)):
        plan, claims = mapped.play(scene)
        found = plan.summary.startswith("No way was found") or "no way was found" in plan.summary
        assert not claims or found, (scene, claims)


def test_a_drain_with_a_map_that_is_refused_though_it_can_be_done_is_found_out() -> None:
    scene = next(scene for scene in map(mapped.mapped, range(MAPPED)) if scene.drain and mapped.play(scene)[0].moves)
    plan = mapped.play(scene)[0]
    refused = replace(plan, moves=(), blockers=plan.stays[:1] or (Stay(100, "", scene.drain, "", "qemu"),), summary="it cannot be emptied")
    assert any("can be emptied" in text for text in mapped.drained(mapped.Reached(scene), refused))


def test_a_guard_that_costs_hardly_anything_is_named() -> None:
    scene = counted(1781)
    plan, claims = play(replace(scene, cluster=replace(scene.cluster, rules=scene.cluster.rules[:1])))
    assert claims == []
    assert plan.summary.endswith("would be less than 0.1 seconds cheaper.")


def known(name: str) -> Case:
    """A cluster about which something false was once said."""
    data = json.loads((CASES / f"{name}.json").read_text())
    policy, drain = from_json(Policy, data.pop("policy")), data.pop("drain", "")
    return Case(0, from_json(Cluster, data), policy, drain)


@pytest.mark.parametrize("name", ["apart-on-drain-1", "apart-on-drain-2", "apart-on-drain-3", "cpu-by-a-little", "parked-for-ever",
                                  "guard-beyond-the-budget"])
def test_what_was_once_said_wrongly(name: str) -> None:
    plan, claims = play(known(name))
    assert claims == []
    assert plan.moves
    assert plan.feasible


@pytest.mark.parametrize("name", ["apart-on-drain-1", "apart-on-drain-2", "apart-on-drain-3"])
def test_guests_make_way_in_clusters_that_are_not_looked_at_whole(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exhaustive, "LARGEST", 0)
    plan, claims = play(known(name))
    assert claims == []
    assert plan.feasible


def test_what_was_only_searched_for_is_not_called_impossible(monkeypatch: pytest.MonkeyPatch) -> None:
    found = known("apart-on-drain-3")
    held = tuple(replace(guest, blockers=("is held",)) if guest.node != found.drain else guest for guest in found.cluster.guests)
    refused = replace(found, cluster=replace(found.cluster, guests=held))
    assert "proven impossible" in play(refused)[0].summary
    monkeypatch.setattr(exhaustive, "LARGEST", 0)
    assert play(refused)[0].summary.startswith("No way was found to empty n1: no place was found for 100 (g0).")


@pytest.mark.parametrize("name", ["all-for-nothing", "all-to-and-fro"])
def test_all_never_ends_worse_and_a_second_run_moves_nothing(name: str) -> None:
    found = known(name)
    first = plan_balance(found.cluster, found.policy, 0.0)
    assert first.spread_after <= first.spread_before + 1e-9
    where = {move.vmid: move.target for move in first.moves}
    later = replace(found.cluster, guests=tuple(replace(guest, node=where.get(guest.vmid, guest.node)) for guest in found.cluster.guests))
    assert plan_balance(later, found.policy, 0.0).moves == ()


def honest() -> tuple[Case, Plan]:
    found = known("cpu-by-a-little")
    return found, plan_balance(found.cluster, found.policy, 0.0)


def _again(cluster: Cluster, policy: Policy) -> Plan:
    return plan_balance(cluster, policy, 0.0)


@pytest.mark.parametrize(
    ("lie", "said"),
    [
        ({"cost_bound": 1e6}, "the bound is said to be"),
        ({"spread_reachable": 0.7}, "best reachable is said to be"),
        ({"spread_after": 0.1}, "spread after is"),
        ({"moves": (), "summary": "Nothing to do: no move that is allowed lowers the CPU spread."}, "and nothing is done"),
    ],
)
def test_a_lie_is_found_out(lie: dict[str, object], said: str) -> None:
    found, plan = honest()
    assert false_claims(found, plan, _again) == []
    assert any(said in text for text in false_claims(found, replace(plan, **lie), _again))  # type: ignore[arg-type]


def test_a_drain_refused_though_it_can_be_done_is_found_out() -> None:
    found = known("apart-on-drain-1")
    plan, _ = play(found)
    refused = replace(plan, moves=(), blockers=plan.stays[:1], summary="it cannot be emptied, which is proven impossible")
    assert any("can be emptied" in text for text in false_claims(found, refused, _again))


def test_a_truth_worked_out_by_hand() -> None:
    """Two pairs are kept apart on three nodes: one can be emptied as long as guests of the others may make way."""
    found = known("apart-on-drain-3")
    truth = Truth(found.cluster, found.policy, found.drain)
    assert any(map(truth.emptied, truth.reached()))
    held = tuple(replace(guest, blockers=("is held",)) if guest.node != found.drain else guest for guest in found.cluster.guests)
    truth = Truth(replace(found.cluster, guests=held), found.policy, found.drain)
    assert not any(map(truth.emptied, truth.reached()))
