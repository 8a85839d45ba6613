"""A plan beside a job counts what is on its way as arrived."""

from __future__ import annotations

from dataclasses import replace

from prs.engine.execution.arrivals import arrived
from prs.engine.planning import PlanRequest, what_if
from prs.model import Policy
from unit import samples
from unit.planner_scenes import GIB, cluster, guest, node


def test_guests_count_where_they_are_going_and_are_not_moved_again() -> None:
    job = samples.running()
    fresh = replace(guest(104, "pve1", 0), problem="started 5 seconds ago, no load known yet")
    found = arrived(cluster(node("pve1"), node("pve2"), node("pve3"), fresh, guest(106, "pve1", 4), guest(102, "pve3", 16)), [job])
    assert {one.vmid: one.node for one in found.guests} == {102: "pve3", 104: "pve3", 106: "pve2"}
    known = next(one for one in found.guests if one.vmid == 104)
    assert (known.memory, known.problem) == (9 * GIB, "")
    assert found.problems == ("job 7 is under way: 2 of its guests count as arrived, and nothing of this plan moves them again",)
    plan = what_if(found, Policy(), 0.0, PlanRequest())
    assert not {104, 106} & {move.vmid for move in plan.moves}
    assert {stay.reason for stay in plan.stays if stay.vmid in (104, 106)} == {"is moved by job 7, which is under way"}


def test_an_ended_job_and_one_that_fills_the_node_at_hand_change_nothing() -> None:
    here = cluster(node("pve1"), node("pve2"), node("pve3"), guest(104, "pve1", 9), guest(106, "pve1", 4))
    assert arrived(here, [samples.ended()]) == here
    left = arrived(here, [samples.running()], drained="pve2")
    assert {one.vmid: one.node for one in left.guests} == {104: "pve3", 106: "pve1"}
