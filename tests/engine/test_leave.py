"""A drain that leaves what cannot move: the others go, the node does not count as empty, and the end says who is left."""

from __future__ import annotations

from pathlib import Path

from drive import Drive
from prs.engine.planning import PlanRequest, make_plan
from simcluster.scenario import from_json
from simcluster.scenes import SMALL, add_accounts
from simcluster.world import Flavour


def stuck(ram: Path, flavour: Flavour) -> Drive:
    """The small lab with a PCI device in guest 105."""
    guests = {**SMALL["guests"], "105": {**SMALL["guests"]["105"], "config": {"hostpci0": "0000:01:00.0"}}}
    world = add_accounts(from_json({**SMALL, "flavour": flavour, "guests": guests}))
    world.clock.sleep(600)
    return Drive(world, ram)


def test_without_leave_nothing_is_planned(ram: Path, flavour: Flavour) -> None:
    """The one that cannot leave is named, and nothing moves."""
    plan = stuck(ram, flavour).plan("pve1")
    assert (plan.moves, plan.feasible) == ((), False)
    assert [stay.vmid for stay in plan.blockers] == [105]


def test_with_leave_the_others_go(ram: Path, flavour: Flavour) -> None:
    """Six guests are moved; the job is partial and says who is still there."""
    drive = stuck(ram, flavour)
    _, plan = make_plan(drive.api, drive.policy, drive.clock.time(), PlanRequest("pve1", leave=True))
    assert [stay.vmid for stay in plan.blockers] == [105]
    assert sorted(move.vmid for move in plan.moves if move.source == "pve1") == [101, 102, 103, 104, 106, 113]
    assert "1 guest that cannot leave stays" in plan.summary
    reasons = {stay.vmid: stay.reason for stay in plan.stays}
    assert reasons[105] == plan.blockers[0].reason
    assert "is not on pve1, and all that leaves fits elsewhere without moving it" in reasons.values()
    assert "cost more than it brings" not in " ".join(reasons.values())
    job = drive.finish(drive.queue(plan), limit=1800)
    assert job.state == "partial"
    assert job.message.endswith("1 guest is still on pve1: 105 (monitor)")
    assert drive.guests_on("pve1") == [105]
    drive.assert_sound()
