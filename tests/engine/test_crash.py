"""A process may die at any point: between any two calls to PVE or writes to the journal. Nothing may be lost or done twice."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from drive import Drive
from prs.engine.drain.holds import Holds
from prs.engine.execution.executor import TICK, Executor
from prs.engine.journal.journal import Journal
from simcluster import InProcessApi
from simcluster.ha_rules import Resource
from simcluster.scenes import local, small
from simcluster.world import Flavour, World


class Killed(BaseException):
    """Stands for SIGKILL: no handler of the product catches it."""


class Fuse:
    """Kills at the chosen point, counted over all calls and writes."""

    def __init__(self, point: int) -> None:
        self.left = point

    def burn(self) -> None:
        """One more point has passed."""
        self.left -= 1
        if self.left == 0:
            raise Killed


class FusedApi(InProcessApi):
    """Dies after PVE has carried the request out, before anybody heard of it: the worst moment."""

    fuse: Fuse

    def _request(self, method: str, path: str, params: Any) -> Any:
        answer = super()._request(method, path, params)
        self.fuse.burn()
        return answer


class FusedJournal(Journal):
    """Dies right after a write is on disk."""

    fuse: Fuse

    def _update(self, *args: Any) -> None:
        super()._update(*args)
        self.fuse.burn()


def under_ha(flavour: Flavour) -> World:
    """The small lab with three guests under HA, which maintenance mode drives away."""
    world = small(flavour)
    for vmid in (101, 102, 103):
        world.ha.add(Resource(f"vm:{vmid}"))
    return world


def run_and_die(drive: Drive, job_id: str, point: int) -> bool:
    """Carry the job out with a fuse; True if it burnt through before the job ended."""
    fuse = Fuse(point)
    api, journal = FusedApi(drive.world, drive.api.user), FusedJournal(drive.path)
    api.fuse = journal.fuse = fuse
    executor = Executor(api, Holds(journal, drive.clock), drive.clock, job_id, drive.switch)
    try:
        while not executor.tick():
            drive.clock.sleep(TICK)
    except Killed:
        return True
    finally:
        journal.close()
    return False


@pytest.mark.parametrize(
    ("scene", "pause"), [(small, 0.0), (small, 400.0), (local, 20.0), (under_ha, 0.0)],
    ids=["at once", "after the migrations", "local disks", "HA maintenance"],
)
def test_dies_at_many_points(ram: Path, scene: Callable[[Flavour], World], pause: float, flavour: Flavour) -> None:
    """Whatever the moment of death, the restarted job ends with every guest where the plan put it, each migrated once."""
    point, deaths = 1, 0
    while True:
        world = scene(flavour)
        world.clock.sleep(600)
        folder = ram / str(point)
        folder.mkdir()
        drive = Drive(world, folder, switch=world.ha_maintenance if scene is under_ha else None)
        job_id = drive.queue(drive.plan("pve1"))
        if not run_and_die(drive, job_id, point):
            break
        deaths += 1
        world.clock.sleep(pause)
        job = drive.finish(job_id, pause=10.0 if scene is local else TICK)
        assert job.state == "done", (point, job.message, [(step.state, step.message) for step in job.steps if step.state != "done"])
        assert drive.guests_on("pve1") == []
        assert all(world.guests[step.vmid].node == step.target for step in job.steps)
        assert dict(world.started) == {step.vmid: 1 for step in job.steps}
        drive.assert_sound()
        drive.journal.close()
        # Every point of the first starts, then ever larger steps through the long copying.
        point += 1 if point < 12 else point // 2
    assert deaths > 12
