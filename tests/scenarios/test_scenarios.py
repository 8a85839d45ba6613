"""Stories: each directory here is a cluster, a configuration, faults and a command, and the golden log of what came of it.

README says what the story is about, cluster.json is read by simcluster.scenario (with its faults), prs.conf by the product,
`command` is what is asked for (`run`, `drain NODE` or `drain-leave NODE`), a file `helper` stands for root's helper for HA maintenance.
A missing expected.log is written, and fails the test so that somebody reads it.
A story that names no flavour is told the same on PVE 8 and 9; one that does is about something that only this release has.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from drive import Drive
from prs.config.load import load_settings
from prs.engine.planning import PlanRequest, make_plan
from simcluster.scenario import from_json
from simcluster.scenes import add_accounts
from simcluster.world import World

STORIES = sorted(path.parent for path in Path(__file__).parent.glob("*/cluster.json"))
SETTLED = 600  # virtual seconds that a cluster has been running before the story begins


def told_on() -> list[tuple[Path, str]]:
    """Each story with each release on which it is told."""
    found = [(story, json.loads((story / "cluster.json").read_text()).get("flavour", "89")) for story in STORIES]
    return [(story, flavour) for story, flavours in found for flavour in flavours]


def tell(story: Path, flavour: str, folder: Path) -> list[str]:
    """Play the story and give its log."""
    data = {**json.loads((story / "cluster.json").read_text()), "flavour": flavour}
    data["faults"] = [{**fault, "at": fault["at"] + SETTLED} if "at" in fault else fault for fault in data.get("faults", [])]
    world = add_accounts(from_json(data))
    world.clock.sleep(SETTLED)
    settings = load_settings(story / "prs.conf")
    helper = (story / "helper").exists()
    drive = Drive(world, folder, settings.policy, switch=world.ha_maintenance if helper else None)
    verb, *rest = (story / "command").read_text().split()
    request = PlanRequest(rest[0], leave=verb == "drain-leave", maintenance=helper) if rest else PlanRequest()
    cluster, plan = make_plan(drive.api, settings.policy, drive.clock.time(), request, roster=drive.roster)
    log = [f"{verb} {' '.join(rest)}".strip(), f"plan: {plan.summary}"]
    log += [f"note: {text}" for text in (*cluster.problems, *plan.warnings)]
    log += [f"blocker: {stay.vmid} ({stay.name}): {stay.reason}" for stay in plan.blockers]
    log += [f"move: {move.vmid} ({move.name}) {move.source} -> {move.target}: {move.reason}" for move in plan.moves]
    log += [f"stay: {stay.vmid} ({stay.name}) on {stay.node}: {stay.reason}" for stay in plan.stays]
    if plan.moves:
        log += carried_out(drive, world, drive.queue(plan))
    drive.assert_sound()
    assert not world.clashes, world.clashes
    return log


def carried_out(drive: Drive, world: World, job_id: str) -> list[str]:
    """Carry the job out and log what happened in the cluster and how each step ended."""
    job = drive.finish(job_id)
    log = world.story()
    for step in job.steps:
        words = f" ({step.message})" if step.message else ""
        log.append(f"step {step.seq}: {step.label} {step.source} -> {step.target}: {step.state}{words}")
    log.append(f"job {job.state}{f': {job.message}' if job.message else ''}")
    log += [f"{name}: {', '.join(map(str, drive.guests_on(name))) or 'empty'}" for name in sorted(world.nodes)]
    return log


@pytest.mark.parametrize(("story", "flavour"), told_on(), ids=[f"{story.name}, PVE {flavour}" for story, flavour in told_on()])
def test_story(story: Path, flavour: str, ram: Path) -> None:
    """The log is the golden one."""
    log = "\n".join(tell(story, flavour, ram)) + "\n"
    golden = story / "expected.log"
    if not golden.exists():
        golden.write_text(log)
        pytest.fail(f"{golden} was recorded: read it, and commit it if it is right")
    assert log == golden.read_text()


def test_every_story_has_its_readme() -> None:
    """A log without its point cannot be judged."""
    assert STORIES
    for story in STORIES:
        assert (story / "README").read_text().strip()
        assert (story / "command").read_text().split()[0] in ("run", "drain", "drain-leave")
