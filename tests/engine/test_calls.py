"""How many calls to PVE a plan may take: 10, 1 per node, 2 per guest examined, 1 per local storage that has a disk of one.

A method that looks at CPU asks for each guest's mean as well: 3 per guest, 3 per node.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmark.bench_calls import bound
from drive import Drive
from prs.engine.planning import PlanRequest, make_plan
from prs.model import Method, Policy
from simcluster.inprocess import InProcessApi
from simcluster.scenes import large
from simcluster.world import Flavour


@pytest.mark.parametrize("flavour", ["8", "9"])
@pytest.mark.parametrize(("method", "drain"), [("memory", ""), ("memory", "n02"), ("cpu", ""), ("all", ""), ("cpu", "n02"), ("disk", "")])
def test_a_plan_stays_within_the_bound_of_calls(flavour: Flavour, method: Method, drain: str) -> None:
    world = large(8, 300, flavour=flavour)
    world.clock.sleep(3600)
    api = InProcessApi(world, "prs@pve!daemon")
    cluster, plan = make_plan(api, Policy(method=method), world.clock.time(), PlanRequest(drain=drain))
    assert bool(plan.moves) == (method != "disk"), "its disks are level"
    assert api.calls <= bound(cluster, method)


def test_a_node_that_no_move_of_the_last_plan_touches_was_not_needed_and_one_that_refuses_is_planned_around() -> None:
    """Nodes are asked what they are when a plan first needs them; what they then say counts before the plan is shown."""
    world = large(8, 300)
    world.clock.sleep(3600)
    for name in ("n03", "n05"):
        world.nodes[name].bridges = ("vmbr9",)
    api = InProcessApi(world, "prs@pve!daemon")
    _, plan = make_plan(api, Policy(), world.clock.time(), PlanRequest(drain="n02"))
    assert plan.feasible
    assert plan.moves
    assert not {move.target for move in plan.moves} & {"n03", "n05"}


def test_before_a_start_only_the_nodes_that_it_concerns_are_asked_for_the_balloons_of_their_guests(
    ram: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = large(8, 60)
    world.clock.sleep(3600)
    drive = Drive(world, ram, Policy(memory="reserved", parallel_total=2, parallel_node=1))
    looks: list[set[str]] = []
    get = InProcessApi.get

    def seen(api: InProcessApi, path: str, params: dict[str, object] | None = None) -> object:
        if path == "/cluster/resources":
            looks.append(set())
        if path.endswith("/qemu"):
            looks[-1].add(path.split("/")[2])
        return get(api, path, params)

    monkeypatch.setattr(InProcessApi, "get", seen)
    job = drive.run("n02")
    assert job.state == "done", (job.message, job.steps)
    assert looks[0] == set(world.nodes), "a plan is made of all of them"
    starts = [names for names in looks[1:] if names]
    assert starts
    targets = {step.target for step in job.steps}
    assert all(names <= {"n02", *targets} and len(names) <= 3 for names in starts), starts
    assert not world.overfilled
