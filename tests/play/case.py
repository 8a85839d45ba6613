"""A case: a folder with a cluster, a configuration and a command; playing it gives the plan, its steps and what came of them, line by line.

cluster.json (see simcluster.scenario; `flavour` is 8 or 9), prs.conf, `command`: plan, run, drain NODE or drain-leave NODE (what can
leave leaves although something cannot); with `!` behind the verb nothing is carried out. Optional: a file `helper` when the root helper
for HA maintenance mode is there, answers.py with patch(path, data) -> data for what a GET is to answer instead, accounts.py with
add(world) -> user for who asks.
"""

from __future__ import annotations

import importlib.util
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from drive import Drive, Patched
from prs.config.load import load_settings
from prs.engine.planning import PlanRequest, make_plan
from prs.errors import ConfigError, PlanError, PveError
from prs.model import Cluster, Plan, Policy
from simcluster.scenario import from_json
from simcluster.scenes import add_accounts
from simcluster.world import World

VERBS = ("plan", "run", "drain", "drain-leave")
SETTLED = 600.0  # virtual seconds that the cluster has been running when the command is given


class BadCase(Exception):
    """A file of the folder is missing or written wrongly; the text names it."""


def play(folder: Path) -> Iterator[str]:
    """Play the case and give its lines as they become known; BadCase, SceneError."""
    data = json.loads(_text(folder, "cluster.json"))
    verb, node, only_plan = _command(folder)
    world = add_accounts(from_json(data))
    accounts = _module(folder, "accounts.py")
    user = accounts.add(world) if accounts else "prs@pve!daemon"
    world.clock.sleep(SETTLED)
    try:
        policy = load_settings(folder / "prs.conf").policy
    except ConfigError as error:
        yield from (f"plan: {words}" for words in str(error).splitlines())
        return
    with tempfile.TemporaryDirectory(prefix="prs-play-") as name:
        drive = Drive(world, Path(name), policy, user=user, switch=world.ha_maintenance if (folder / "helper").exists() else None)
        if answers := _module(folder, "answers.py"):
            drive.api = Patched(drive.api, answers.patch)  # type: ignore[assignment]
        yield from _lines(drive, world, policy, _request(folder, verb, node), only_plan or verb == "plan")


def _lines(drive: Drive, world: World, policy: Policy, request: PlanRequest, only_plan: bool) -> Iterator[str]:
    try:
        cluster, plan = make_plan(drive.api, policy, drive.clock.time(), request, roster=drive.roster)
    except (PlanError, PveError) as error:
        yield f"plan: {error}"
        return
    yield from _planned(cluster, plan)
    if plan.moves and not only_plan:
        job = drive.finish(drive.queue(plan), resume=False)
        yield from (f"step: {step.label} {step.source} -> {step.target}: {step.state} {step.message}" for step in job.steps)
        yield f"job: {job.state} {job.message}"
        yield from (f"BROKEN: {event}" for event in (*world.overfilled, *world.clashes))
        for name in sorted(world.nodes):
            yield f"{name} really holds {sorted(vmid for vmid, guest in world.guests.items() if guest.node == name)}"


def _request(folder: Path, verb: str, node: str) -> PlanRequest:
    return PlanRequest(drain=node, leave=verb == "drain-leave", maintenance=(folder / "helper").exists())


def _planned(cluster: Cluster, plan: Plan) -> Iterator[str]:
    yield f"plan: {plan.summary}"
    yield from (f"note: {words}" for words in dict.fromkeys((*cluster.problems, *plan.warnings)))
    yield from (f"blocker: {stay.vmid} ({stay.name}): {stay.reason}" for stay in plan.blockers)
    for move in plan.moves:
        size = f"{move.disk / 2**30:.1f} GiB of disks"
        yield f"move: {move.vmid} ({move.name}) {move.source} -> {move.target}, {size}: {move.reason}"
    yield from (f"stay: {stay.vmid} ({stay.name}) on {stay.node}: {stay.reason}" for stay in plan.stays)


def _command(folder: Path) -> tuple[str, str, bool]:
    """Read the verb, the node it names, and whether it is only to be planned."""
    words = _text(folder, "command").split()
    verb = words[0].strip("!") if words else ""
    if verb not in VERBS or len(words) != (2 if verb.startswith("drain") else 1):
        allowed = "plan, run, drain NODE or drain-leave NODE, with ! behind the verb to plan only"
        raise BadCase(f"{folder / 'command'}: {' '.join(words)!r} is no command; allowed are {allowed}")
    return verb, words[1] if len(words) > 1 else "", "!" in words[0]


def _text(folder: Path, name: str) -> str:
    try:
        return (folder / name).read_text()
    except OSError as error:
        raise BadCase(f"{folder / name} cannot be read: {error.strerror}") from None


def _module(folder: Path, name: str) -> ModuleType | None:
    """Load a case's own code, None when it has none."""
    if not (folder / name).exists():
        return None
    spec = importlib.util.spec_from_file_location(Path(name).stem, folder / name)
    if spec is None or spec.loader is None:
        raise BadCase(f"{folder / name} is not Python code")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
