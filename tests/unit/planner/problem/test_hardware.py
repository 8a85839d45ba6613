"""Hardware, versions and bridges as limits of the planner: refused in words, held at every step, and never guessed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from prs.model import Cluster, Guest, Move, Node, Plan, Policy
from prs.planner.plan import plan_balance, plan_drain
from prs.planner.problem.board import Board, why_not
from prs.planner.problem.fixed_limits import FixedLimits
from prs.planner.problem.problem import Problem
from prs.planner.verify.walk import check_plan, objection
from unit.planner_scenes import GIB, cluster, guest, lopsided, node

INTEL, AMD = "Intel Xeon Gold 6338", "AMD EPYC 7313"
HOST: dict[str, Any] = {"cpu_type": "host", "cpu_bound": "its CPU type is host", "inspected": True}
TYPES = ("x86-64-v2", "x86-64-v2-AES", "x86-64-v3")


def two(here: dict[str, Any], there: dict[str, Any], **more: Any) -> Cluster:
    """A guest on pve1, and the nodes with these facts."""
    return cluster(node("pve1", **here), node("pve2", **there), guest(100, "pve1", 4, **more))


CASES: list[tuple[dict[str, Any], dict[str, Any], dict[str, Any], str]] = [
    ({"cpu_model": INTEL}, {"cpu_model": AMD}, HOST, f"its CPU type is host, and pve2 has another CPU ({AMD}, not {INTEL})"),
    ({"cpu_model": INTEL}, {"cpu_model": INTEL}, HOST, ""),
    ({"cpu_model": INTEL}, {"cpu_model": AMD}, {"cpu_type": "EPYC-Milan"}, ""),
    ({"cpu_model": INTEL}, {"cpu_model": AMD}, {**HOST, "status": "stopped"}, ""),
    (
        {"cpu_types": TYPES, "cpu_model": INTEL}, {"cpu_types": TYPES[:2], "cpu_model": AMD}, {"cpu_type": "x86-64-v3"},
        f"its CPU type x86-64-v3 has features that the CPU of pve2 ({AMD}) lacks",
    ),
    ({"cpu_types": TYPES}, {"cpu_types": TYPES[:2]}, {"cpu_type": "x86-64-v2-AES"}, ""),
    ({"cpu_types": ()}, {"cpu_types": TYPES[:2]}, {"cpu_type": "x86-64-v3"}, ""),
    ({"qemu": "10.0"}, {"qemu": "9.2"}, {}, "pve2 runs QEMU 9.2, older than the 10.0 it runs on"),
    ({"qemu": "9.2"}, {"qemu": "10.0"}, {}, ""),
    ({"qemu": "10.0"}, {"qemu": "9.2"}, {"status": "stopped"}, ""),
    ({"qemu": "10.0"}, {"qemu": "9.2"}, {"kind": "lxc"}, ""),
    ({"version": "9.2.1"}, {"version": "8.4.21"}, {}, "pve2 runs PVE 8.4.21, older than the 9.2.1 it runs on"),
    (
        {"version": "9.2.1", "qemu": "10.1"}, {"version": "9.1.4", "qemu": "10.1"}, {},
        "pve2 runs PVE 9.1.4, older than the 9.2.1 it runs on",
    ),
    ({"version": "9.2.11", "qemu": "10.1"}, {"version": "9.2.9", "qemu": "10.1"}, {}, ""),
    ({"version": "9.2.11"}, {"version": "9.2.9"}, {}, "pve2 runs PVE 9.2.9, older than the 9.2.11 it runs on"),
    ({"version": "8.4.21"}, {"version": "9.2.11"}, {}, ""),
    ({"bridges": ("vmbr0", "vmbr1")}, {"bridges": ("vmbr0",)}, {"bridges": ("vmbr0", "vmbr1")}, "pve2 has no bridge vmbr1"),
    ({"bridges": ("vmbr1",)}, {"bridges": ()}, {"bridges": ("vmbr1",), "status": "stopped"}, "pve2 has no bridge vmbr1"),
    ({"bridges": ("vmbr1",)}, {"bridges": ()}, {"bridges": ("vmbr1",), "kind": "lxc"}, "pve2 has no bridge vmbr1"),
    ({"bridges": ("vmbr0",)}, {"bridges": ("vmbr0",)}, {"bridges": ("hidden",)}, ""),
    ({"machine": "x86_64"}, {"machine": "aarch64"}, {"status": "stopped"}, "pve2 is aarch64, and it runs on x86_64"),
    ({}, {"machine": "aarch64"}, {"arch": "x86_64"}, "pve2 is aarch64, and it runs on x86_64"),
    ({"machine": "x86_64"}, {"machine": "x86_64"}, {"arch": "aarch64"}, ""),
]  # fmt: skip


@pytest.mark.parametrize(("here", "there", "more", "words"), CASES)
def test_why_a_guest_may_not_go_there(here: dict[str, Any], there: dict[str, Any], more: dict[str, Any], words: str) -> None:
    facts = FixedLimits(two(here, there, **more), Policy())
    assert facts.refusal(facts.guests[100], "pve2") == words
    assert facts.plain(facts.guests[100]) <= (words == "")


@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize(("here", "there", "more", "words"), CASES)
def test_what_is_not_known_of_either_node_is_not_judged(
    side: int, here: dict[str, Any], there: dict[str, Any], more: dict[str, Any], words: str
) -> None:
    known = [here, there]
    known[side] = {}
    facts = FixedLimits(two(known[0], known[1], **{**more, "arch": ""}), Policy())
    assert facts.refusal(facts.guests[100], "pve2") == ""


def test_equal_nodes_need_no_asking() -> None:
    alike = {"cpu_model": INTEL, "version": "9.2.11", "machine": "x86_64", "bridges": ("vmbr0",)}
    facts = FixedLimits(two(alike, alike, **{**HOST, "bridges": ("vmbr0",)}), Policy())
    assert facts.plain(facts.guests[100])


def uneven(**more: Any) -> Cluster:
    """The lopsided lab with another CPU, an older QEMU and no vmbr1 on pve2."""
    old: dict[str, Any] = {"cpu_model": AMD, "version": "9.0.3", "qemu": "10.0", "machine": "x86_64", "bridges": ("vmbr0",)}
    new: dict[str, Any] = {"cpu_model": INTEL, "version": "9.2.11", "qemu": "10.1", "machine": "x86_64", "bridges": ("vmbr0", "vmbr1")}
    found = lopsided()
    nodes = tuple(replace(one, **(old if one.name == "pve2" else new)) for one in found.nodes)
    return replace(found, nodes=nodes, guests=tuple(replace(one, **more) for one in found.guests))


def test_a_plan_keeps_away_from_an_older_node() -> None:
    snapshot = uneven()
    plan = plan_balance(snapshot, Policy(), 0.0)
    assert plan.moves
    assert {move.target for move in plan.moves} == {"pve3"}
    assert check_plan(snapshot, Policy(), plan) == []
    assert objection(snapshot, Policy(), replace(plan.moves[0], target="pve2")) == "pve2 runs QEMU 10.0, older than the 10.1 it runs on"


def test_a_drain_from_old_to_new_works_and_back_only_with_the_machines_stopped() -> None:
    snapshot = uneven()
    assert [move.target for move in plan_drain(snapshot, Policy(), "pve2", 0.0).moves] in (["pve1"], ["pve3"])
    drained = replace(snapshot, nodes=tuple(replace(one, online=one.name != "pve3") for one in snapshot.nodes))
    refused = plan_drain(drained, Policy(), "pve1", 0.0)
    assert not refused.feasible
    assert "pve2 runs QEMU 10.0, older than the 10.1 it runs on" in refused.blockers[0].reason
    asleep = replace(drained, guests=tuple(replace(one, status="stopped", memory=0, cpu=0.0) for one in drained.guests))
    assert plan_drain(asleep, Policy(), "pve1", 0.0).feasible


def test_unlike_cpus_are_excluded_or_warned_of() -> None:
    snapshot = uneven(**HOST)
    nodes = tuple(replace(one, version="9.2.11", qemu="10.1") for one in snapshot.nodes)
    snapshot = replace(snapshot, nodes=nodes)
    assert {move.target for move in plan_balance(snapshot, Policy(), 0.0).moves} == {"pve3"}
    warned = plan_balance(snapshot, Policy(unlike_cpus="warn"), 0.0)
    there = [move.vmid for move in warned.moves if move.target == "pve2"]
    assert there
    assert warned.warnings == tuple(
        f"{vmid} (vm{vmid}) goes to pve2 although its CPU type is host, and pve2 has another CPU ({AMD}, not {INTEL}): it may crash there"
        for vmid in there
    )
    assert check_plan(snapshot, Policy(unlike_cpus="warn"), warned) == []
    assert check_plan(snapshot, Policy(), warned)


def test_a_detour_over_a_newer_node_is_found_out() -> None:
    snapshot = cluster(node("pve1", qemu="10.0"), node("pve2", qemu="10.1"), node("pve3", qemu="10.0"), guest(100, "pve1", 4))
    facts = FixedLimits(snapshot, Policy())
    move = plan_drain(snapshot, Policy(), "pve1", 0.0).moves[0]
    detour = (replace(move, target="pve2", parking=True), replace(move, source="pve2", target="pve3"))
    broken = check_plan(snapshot, Policy(), Plan("balance", "memory", moves=detour))
    assert broken == ["move 2 (guest 100 to pve3): pve3 runs QEMU 10.0, older than the 10.1 it runs on"]
    assert facts.onward(facts.guests[100], "pve1", "pve3") == ""


def squeezed(grows: float, *, free: int = 40) -> Cluster:
    """A guest of 8 GiB on a node that is short of memory, and a node with so many GiB free."""
    full = node("pve1", 100, 76, squeezes=True)
    return cluster(full, node("pve2", 100, 100 - free), guest(100, "pve1", 8, grows=round(grows * GIB)))


def test_a_squeezed_guest_needs_room_for_what_it_takes_back() -> None:
    assert why_not(squeezed(24), Policy(), 100, "pve2") == ""
    assert why_not(squeezed(33), Policy(), 100, "pve2") == "may grow to 41.0 GiB of memory, pve2 has 40.0 GiB free"
    assert why_not(squeezed(33, free=4), Policy(), 100, "pve2") == "needs 8.0 GiB of memory, pve2 has 4.0 GiB free"
    plan = plan_balance(squeezed(33), Policy(spread=0.01), 0.0)
    assert plan.moves == ()
    words = "no other node has room for the 41.0 GiB of memory it may grow to; the most that is free elsewhere is 40.0 GiB"
    assert plan.stays[0].reason == words


def test_growth_is_not_load() -> None:
    with_growth, without = plan_balance(squeezed(24), Policy(spread=0.01), 0.0), plan_balance(squeezed(0), Policy(spread=0.01), 0.0)
    assert (with_growth.before, with_growth.after, with_growth.moves) == (without.before, without.after, without.moves)


def test_a_drain_counts_what_a_guest_uses_now() -> None:
    assert plan_drain(squeezed(33), Policy(), "pve1", 0.0).feasible


def test_the_growth_of_several_guests_adds_up_and_goes_with_them() -> None:
    guests = [guest(vmid, "pve1", 8, grows=12 * GIB) for vmid in (100, 101, 102)]
    problem = Problem(FixedLimits(cluster(node("pve1", 100, 60), node("pve2", 100, 50), *guests), Policy()))
    board = Board(problem)
    assert board.fits(0, 1)
    board.move(0, 1)
    assert board.fits(1, 1)
    board.move(1, 1)
    assert not board.fits(2, 1)
    assert board.obstacle(2, 1) == "may grow to 20.0 GiB of memory, pve2 has 10.0 GiB free"
    board.move(1, 0)
    assert board.fits(2, 1)
    moves = plan_drain(problem.facts.cluster, Policy(), "pve1", 0.0).moves
    broken = check_plan(problem.facts.cluster, Policy(), Plan("balance", "memory", moves=moves))
    assert broken == [f"move 3 (guest {moves[2].vmid} to pve2): may grow to 20.0 GiB of memory, pve2 has 10.0 GiB free"]


def test_a_node_without_facts_is_like_any_other() -> None:
    facts = FixedLimits(cluster(Node("pve1"), node("pve2", version="9.2.11"), Guest(100, "a", "qemu", "gone")), Policy())
    assert facts.refusal(facts.guests[100], "pve2") == ""


@pytest.mark.parametrize(("status", "refused"), [("running", True), ("paused", True), ("stopped", False)])
def test_more_vcpus_than_threads(status: str, refused: bool) -> None:
    """QEMU does not start so; a stopped VM moves."""
    snapshot = cluster(node("pve1", cpu=32.0), node("pve2", cpu=16.0), guest(100, "pve1", 8, vcpus=24, status=status))
    limits = FixedLimits(snapshot, Policy(), "pve1")
    assert limits.refusal(snapshot.guests[0], "pve2") == ("it has 24 vCPUs, pve2 has 16 threads" if refused else "")
    assert not limits.plain(snapshot.guests[0])


@pytest.mark.parametrize(
    ("here", "there", "refused", "warned"),
    [(("l:s/a",), ("l:s/a",), False, False), (("l:s/a",), (), True, True), ((), (), False, True), (None, None, False, True)],
)
def test_a_hook_script_is_missed_only_where_it_would_be_shown(
    here: tuple[str, ...] | None, there: tuple[str, ...] | None, refused: bool, warned: bool
) -> None:
    """Else the plan says that it has to be there."""
    snapshot = cluster(node("pve1", scripts=here), node("pve2", scripts=there), guest(100, "pve1", 8, hookscript="l:s/a"))
    limits = FixedLimits(snapshot, Policy(), "pve1")
    assert bool(limits.refusal(snapshot.guests[0], "pve2")) == refused
    moves = [Move(100, "vm100", "qemu", "pve1", "pve2")]
    assert any("hook script l:s/a" in words for words in limits.cautions(moves)) == warned
