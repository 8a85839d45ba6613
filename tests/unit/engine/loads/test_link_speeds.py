"""The speed of links is learned from finished migrations: in few calls, over the network in use, and never at the cost of a plan."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from prs.engine.loads.link_speeds import LinkSpeeds, with_speeds
from prs.engine.loads.memory import FILE, LoadMemory
from prs.model import Policy, Reading
from prs.planner.plan import plan_balance, plan_drain
from prs.pve.act.link_speed import Seen, shown
from simcluster import InProcessApi
from simcluster.scenes import small
from unit.planner_scenes import GIB, lopsided
from unit.simcluster.migrations import ended, start

LOG = [
    "2026-11-18 11:06:40 starting migration of VM 102 to node 'pve3' (10.0.0.3)",
    "2026-11-18 11:06:43 starting online/live migration on unix:/run/qemu-server/102.migrate",
    "2026-11-18 11:06:44 migration active, transferred 1.0 GiB of 8.0 GiB VM-state, 1.0 GiB/s",
    "2026-11-18 11:06:53 average migration speed: 8.0 GiB/s - downtime 57 ms",
    "2026-11-18 11:06:53 migration completed, transferred 5.0 GiB VM-state",
]


def test_what_was_sent_counts_and_not_what_the_guest_may_use() -> None:
    assert shown("pve1", LOG) == Seen("pve1", "pve3", "10.0.0.3", 0.5 * GIB)


@pytest.mark.parametrize("lines", [
    [], LOG[:3], LOG[1:], [*LOG[:4], LOG[4].replace("5.0 GiB", "200.0 MiB")], [*LOG[:4], LOG[4].replace("11:06:53", "11:06:44")],
    [line.replace("2026", "????") for line in LOG], ["no content"],
])  # fmt: skip
def test_a_log_that_tells_no_speed(lines: list[str]) -> None:
    assert shown("pve1", lines) == Seen("pve1")


def test_learned_from_a_cluster_in_few_calls(tmp_path: Path) -> None:
    world = small()
    for vmid in (101, 102):
        world.guests[vmid].memory = 8 * GIB
        upid = start(world, vmid, "pve3" if world.guests[vmid].node != "pve3" else "pve2")
        world.clock.sleep(120)
        assert ended(world, upid) == "OK"
    speeds, api = LinkSpeeds(tmp_path / FILE), InProcessApi(world)
    assert speeds.known() == ()
    speeds.learn(api)
    assert api.calls == 3
    found = speeds.known()
    assert found
    assert all(speed == pytest.approx(GIB, rel=0.3) for _, _, speed in found)
    speeds.learn(api)
    assert api.calls == 4, "what is known is not read again"
    assert with_speeds(Policy(), tmp_path).speeds == found
    LoadMemory(tmp_path / FILE).add(Reading({}, {}, {}), world.clock.time())
    assert speeds.known() == found


def test_a_file_that_is_none_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("no database, and longer than a header of one would be: " + "x" * 100)
    speeds = LinkSpeeds(tmp_path / FILE)
    speeds.learn(InProcessApi(small()))
    assert speeds.known() == ()


def test_plans_reckon_with_it_and_say_so() -> None:
    plain = plan_balance(lopsided(), Policy(), 0.0)
    assert plain.reckoned == "reckoned with 1.0 GiB/s as link_speed says"
    slow = Policy(speeds=tuple(("pve1", name, 2.0**27) for name in ("pve2", "pve3")))
    plan = plan_balance(lopsided(), slow, 0.0)
    assert plan.reckoned == "reckoned with 128 MiB/s as finished migrations between these nodes showed"
    assert plan.moves[0].seconds > plain.moves[0].seconds * 3
    assert plan.cost == pytest.approx(sum(move.seconds for move in plan.moves))
    one = replace(slow, speeds=slow.speeds[:1])
    drained = plan_drain(lopsided(), one, "pve1", 0.0)
    assert drained.reckoned.endswith("elsewhere with 1.0 GiB/s as link_speed says")
    assert drained.cost_bound is not None
    assert drained.cost_bound <= drained.cost + 1e-9, "no bound above what the plan costs"
