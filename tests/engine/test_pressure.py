"""Method pressure from PVE's own figures to a job's end: told by PVE 9, and not by PVE 8."""

from __future__ import annotations

from pathlib import Path

import pytest

from drive import Drive
from prs.engine.planning import make_plan
from prs.model import Policy
from prs.pve.read.snapshot import read_cluster
from simcluster.inprocess import InProcessApi
from simcluster.scenario import from_json
from simcluster.scenes import add_accounts
from simcluster.world import Flavour, World


def crowded(flavour: Flavour) -> World:
    """pve1's guests want nearly all of its CPU; the other nodes have little to do."""
    guests = {str(101 + number): {"node": "pve1", "memory": 2, "cpu": 1.8} for number in range(8)}
    world = add_accounts(from_json({"flavour": flavour, "nodes": {"pve1": {}, "pve2": {}, "pve3": {}}, "guests": guests}))
    world.clock.sleep(3600)
    return world


@pytest.mark.parametrize("history", [1800.0, 600.0])
def test_pressure_is_a_mean_of_what_pve_9_keeps_and_nothing_where_pve_8_keeps_none(flavour: Flavour, history: float) -> None:
    world = crowded(flavour)
    nodes = {node.name: node for node in read_cluster(InProcessApi(world), world.clock.time(), history=history).nodes}
    assert (nodes["pve1"].pressure_cpu is None) == (flavour == "8")
    if flavour != "8":
        assert nodes["pve1"].pressure_cpu == pytest.approx(((8 * 1.8 + 0.3) / 16 - 0.8) / 0.2, abs=0.01)
        assert (nodes["pve1"].pressure_memory, nodes["pve1"].pressure_io, nodes["pve2"].pressure_cpu) == (0.0, 0.0, 0.0)


def test_a_run_takes_the_pressure_off_a_node_and_the_next_one_finds_none(ram: Path, flavour: Flavour) -> None:
    world, policy = crowded(flavour), Policy().levelling("pressure")
    _, plan = make_plan(InProcessApi(world), policy, world.clock.time())
    if flavour == "8":
        assert plan.moves == ()
        assert "no node tells its pressure" in plan.summary
        return
    assert plan.method == "cpu"
    assert plan.moves
    job = Drive(world, ram, policy).run()
    assert job.state == "done", (job.message, job.steps)
    world.clock.sleep(1800)
    _, after = make_plan(InProcessApi(world), policy, world.clock.time())
    assert after.moves == ()
    assert "no node waits for memory or CPU more than 20% of the time" in after.summary
    assert not world.overfilled
