"""Every field that the product reads from an answer of PVE, replaced by each odd value, one at a time; run as a program it tries them all.

`python -m engine.odd_fields [--share N]`: every N-th of all trials (default 1), each failure in a line; the end status is 1 with one.
"""

from __future__ import annotations

import argparse
import itertools
import json
import logging
import re
import sys
import tempfile
import traceback
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drive import Drive, Patched
from prs.cli.job_view import job_page
from prs.cli.plan_view import plan_page
from prs.codec import to_json
from prs.config.load import Settings
from prs.endpoint import Endpoint
from prs.engine.daemon.host import Host
from prs.engine.daemon.service import Service
from prs.engine.daemon.systemd import Notifier
from prs.engine.planning import PlanRequest, make_plan
from prs.errors import PlanError, PveError
from prs.model import Cluster, Memory, Method, Plan, Policy
from prs.terminal import Style
from simcluster.scenario import from_json
from simcluster.scenes import add_accounts
from simcluster.world import Flavour, World

MISSING = object()
NESTED: Any = []
for _ in range(300):
    NESTED = [NESTED]
ODD: dict[str, Any] = {
    "none": None, "empty": "", "1e308": 1e308, "inf": "inf", "negative": -1, "huge": 10**40, "list": [1], "dict": {"a": 1},
    "parents": "../..", "surrogate": "\ud800", "nested": NESTED, "missing": MISSING,
}  # fmt: skip
SCENE: dict[str, Any] = {
    "nodes": {name: {"memory": 64, "cpu": 16, "host": 2} for name in ("pve1", "pve2", "pve3")},
    "storages": {"ceph": {"type": "rbd", "shared": True, "total": 1000}, "local-lvm": {"type": "lvmthin", "total": 200},
                 "local-zfs": {"type": "zfspool", "total": 200}},
    "guests": {
        "101": {"name": "h", "node": "pve1", "memory": 9, "max": 10, "cores": 2, "disks": {"scsi0": "ceph:20"}, "tags": ["plb_affinity_a"]},
        "102": {"name": "disk", "node": "pve1", "memory": 5, "max": 6, "cores": 2, "disks": {"scsi0": "local-lvm:10"}, "pool": "team"},
        "103": {"name": "ct", "node": "pve1", "kind": "lxc", "memory": 3, "max": 4, "cores": 1, "disks": {"rootfs": "ceph:8"}},
        "104": {"name": "copied", "node": "pve1", "memory": 2, "max": 3, "cores": 1, "disks": {"scsi0": "local-zfs:4"},
                "replicate": ["pve2"]},
        "201": {"name": "m", "node": "pve2", "memory": 4, "max": 4, "cores": 2, "disks": {"scsi0": "ceph:20"}, "tags": ["plb_affinity_a"]},
    },
}
NEAR = {"pve1": 1, "pve2": 1, "pve3": 1}
HA: dict[Flavour, dict[str, Any]] = {
    "8": {"resources": {"vm:101": {"group": "near"}, "vm:201": {"group": "near"}}, "groups": {"near": {"nodes": NEAR}}},
    "9": {"resources": ["vm:101", "vm:201"], "rules": {"near": {"resources": ["vm:101", "vm:201"], "nodes": NEAR}}},
}
VARIABLE = re.compile(r"(?<=/)(?:pve\d|\d+|UPID[^/]+|local[\w-]*|ceph[\w-]*|nfs[\w-]*|shared[\w-]*|team|db|web)(?=/|$)")
DRAINED = "pve1"
WISHES: tuple[tuple[str, Method, Memory], ...] = (("", "all", "reserved"), (DRAINED, "memory", "used"))
ENDS = 24 * 3600.0


@dataclass(frozen=True, order=True)
class Field:
    """Where a value stands: the answer's path with * for names, and the keys to it; `kind` is the type of a row of /cluster/resources."""

    path: str
    kind: str
    keys: tuple[str, ...]  # [] = a row of a list, () = the whole answer


@dataclass(frozen=True)
class Trial:
    """One field, one value, what is done with it, whether every row has it or only the first, and whether the cluster's list is there."""

    field: Field
    value: str
    deed: str
    every: bool
    on_a_node: bool

    def __str__(self) -> str:
        where = f"{self.field.path} {self.field.kind}".strip()
        return f"{self.deed}: {where} {'.'.join(self.field.keys)} = {self.value}, {'every row' if self.every else 'one row'}"


class Seen(dict[str, Any]):
    """An object of an answer that notes which of its keys are read."""

    def __init__(self, data: dict[str, Any], note: Callable[[str], None]) -> None:
        super().__init__(data)
        self._note = note

    def get(self, key: str, default: Any = None) -> Any:
        """The value, noted."""
        self._note(key)
        return super().get(key, default)

    def __getitem__(self, key: str) -> Any:
        self._note(key)
        return super().__getitem__(key)

    def __contains__(self, key: object) -> bool:
        self._note(str(key))
        return super().__contains__(key)

    def items(self) -> Any:
        """All pairs, all noted."""
        for key in self:
            self._note(key)
        return super().items()


def scene(flavour: Flavour) -> World:
    """Three nodes with a guest of each kind on the first, some time after their start."""
    world = add_accounts(from_json({**SCENE, "ha": HA[flavour], "flavour": flavour}))
    world.clock.sleep(1200)
    return world


def _name(path: str) -> str:
    return VARIABLE.sub("*", path)


def _kind(path: str, row: Any) -> str:
    return str(dict.get(row, "type", "")) if path in ("/cluster/resources", "/cluster/status") and isinstance(row, dict) else ""


def _watched(path: str, data: Any, found: set[Field], keys: tuple[str, ...] = (), kind: str = "") -> Any:
    """The data with its objects noting what is read of them."""
    if isinstance(data, list):
        return [_watched(path, item, found, (*keys, "[]"), kind or _kind(path, item)) for item in data]
    if isinstance(data, dict):
        inner = {key: _watched(path, item, found, (*keys, key), kind) if isinstance(item, dict | list) and len(keys) < 3 else item
                 for key, item in data.items()}
        return Seen(inner, lambda key: found.add(Field(path, kind, (*keys, key))) if key in inner else None)
    return data


def fields(flavour: Flavour) -> list[Field]:
    """What a plan, a drain and turns of the daemon read."""
    found = set[Field]()

    def watch(path: str, data: Any) -> Any:
        name = _name(path)
        found.add(Field(name, "", ()))
        return _watched(name, data, found)

    for deed in DEEDS.values():
        with tempfile.TemporaryDirectory() as folder:
            deed(scene(flavour), Path(folder), watch, True)
    return sorted(found)


def _spoil(data: Any, trial: Trial, keys: tuple[str, ...], path: str, kind: str = "") -> Any:
    """The data with the trial's value at its keys."""
    value = ODD[trial.value]
    if not keys:
        return value
    if keys[0] == "[]" and isinstance(data, list):
        rows = [number for number, row in enumerate(data) if not kind or _kind(path, row) == kind]
        for number in rows if trial.every else rows[:1]:
            data[number] = _spoil(data[number], trial, keys[1:], path)
    elif isinstance(data, dict) and keys[0] in data:
        if len(keys) == 1 and value is MISSING:
            del data[keys[0]]
        else:
            data[keys[0]] = _spoil(data[keys[0]], trial, keys[1:], path)
    return data


def spoiler(trial: Trial) -> Callable[[str, Any], Any]:
    """What changes PVE's answers as the trial says."""
    def patch(path: str, data: Any) -> Any:
        return _spoil(data, trial, trial.field.keys, path, trial.field.kind) if _name(path) == trial.field.path else data
    return patch


def _shown(drive: Drive, cluster: Cluster, plan: Plan) -> None:
    """Store the plan, and show it as text and as JSON."""
    drive.journal.add_plan(plan, drive.policy, "x")
    json.dumps([to_json(cluster), to_json(plan)], allow_nan=False).encode()
    plan_page(cluster, plan, Style()).encode()


def planned(world: World, folder: Path, patch: Callable[[str, Any], Any], on_a_node: bool) -> None:
    """A plan to level, and one to empty a node: no guest of it is forgotten without a word."""
    for node, method, counts in WISHES:
        drive = Drive(world, folder, Policy(containers=True, method=method, memory=counts), on_a_node=on_a_node)
        drive.api = Patched(drive.api, patch)  # type: ignore[assignment]
        try:
            cluster, plan = make_plan(drive.api, drive.policy, drive.clock.time(), PlanRequest(node), roster=drive.roster)
        except (PlanError, PveError) as error:
            str(error).encode()
            continue
        _shown(drive, cluster, plan)
        left = set(drive.guests_on(node)) - {move.vmid for move in plan.moves}
        assert not left or plan.blockers or not on_a_node, f"{sorted(left)} are forgotten: {plan.summary}"


def drained(world: World, folder: Path, patch: Callable[[str, Any], Any], on_a_node: bool) -> None:
    """A drain whose plan was made on good answers: it ends, and never as done with a guest on the node."""
    drive = Drive(world, folder, Policy(containers=True), on_a_node=on_a_node)
    job_id = drive.queue(drive.plan(DRAINED))
    drive.api = Patched(drive.api, patch)  # type: ignore[assignment]
    job = drive.finish(job_id, limit=ENDS, pause=10.0)
    job_page(job, drive.clock.time(), Style()).encode()
    left = drive.guests_on(DRAINED)
    assert job.message, "it ends without a word"
    assert job.state != "done" or not left, f"done with {left} on {DRAINED}: {job.message}"
    assert " is empty" not in job.message or not left, f"called empty with {left} on it: {job.message}"
    for step in job.steps:
        assert step.state != "done" or world.guests[step.vmid].node == step.target, f"{step.label} is not on {step.target}"


class Unforeseen(logging.Handler):
    """Keeps what the daemon's last resort says, and every traceback."""

    def __init__(self) -> None:
        super().__init__()
        self.said = list[str]()

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the record if nobody has foreseen what it tells of."""
        text = record.getMessage()
        text.encode()
        if record.exc_info or re.search(r"\b[A-Z]\w*(?:Error|Exception) in \w+\.py", text):
            self.said.append(text)


def turned(world: World, folder: Path, patch: Callable[[str, Any], Any], on_a_node: bool) -> None:
    """Turns of the daemon, which balances by itself and has a drain to carry out: nothing ends it, nothing is unforeseen."""
    drive = Drive(world, folder, Policy(containers=True), on_a_node=on_a_node)
    job_id = drive.queue(drive.plan(DRAINED))
    drive.api = Patched(drive.api, patch)  # type: ignore[assignment]
    settings = Settings(folder / "prs.conf", endpoint=Endpoint(("simulated",)), schedule=600.0, state_dir=folder)
    host = Host(lambda: settings, lambda endpoint: drive.api, "outside")
    service, ear = Service(host, settings, drive.journal, drive.clock, Notifier({})), Unforeseen()  # type: ignore[arg-type]
    logging.getLogger("prs").addHandler(ear)
    try:
        for _ in range(40):
            drive.clock.sleep(max(service.turn(), 20.0))
    finally:
        logging.getLogger("prs").removeHandler(ear)
    assert not ear.said, ear.said[0]
    job_page(drive.journal.job(job_id), drive.clock.time(), Style()).encode()
    assert drive.journal.job(job_id).state != "done" or not drive.guests_on(DRAINED)


DEEDS: dict[str, Callable[[World, Path, Callable[[str, Any], Any], bool], None]] = {"plan": planned, "drain": drained, "daemon": turned}


def trials(flavour: Flavour, share: int = 1, first: int = 0) -> Iterator[Trial]:
    """Every `share`-th of all trials, spread by what they are and not by where they stand in the list."""
    for field, value, deed, every in itertools.product(fields(flavour), ODD, DEEDS, (False, True)):
        if ("[]" not in field.keys and every) or (not field.keys and value == "missing"):
            continue
        trial = Trial(field, value, deed, every, zlib.crc32(f"{field}{value}".encode()) % 3 > 0)
        if zlib.crc32(str(trial).encode()) % share == first % share:
            yield trial


def tried(trial: Trial, flavour: Flavour, folder: Path) -> str:
    """What went wrong in the trial, "" when nothing did."""
    try:
        DEEDS[trial.deed](scene(flavour), folder, spoiler(trial), trial.on_a_node)
    except Exception as error:  # noqa: BLE001 - whatever escapes is what is looked for
        at = traceback.extract_tb(error.__traceback__)[-1]
        return f"{trial}: {type(error).__name__} in {Path(at.filename).name}:{at.lineno}: {error}"[:400]
    return ""


def main() -> int:
    """Try them and sum up."""
    parser = argparse.ArgumentParser(prog="odd_fields", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--share", type=int, default=1, help="every so many of all trials (default: 1, all)")
    parser.add_argument("--first", type=int, default=0, help="which of these (default: 0)")
    options = parser.parse_args()
    logging.lastResort = None
    count = failed = 0
    for flavour in ("8", "9"):
        for trial in trials(flavour, options.share, options.first):
            with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
                words = tried(trial, flavour, Path(folder))
            count, failed = count + 1, failed + bool(words)
            if words:
                print(f"PVE {flavour}, {words}", flush=True)
    print(f"{count} trials, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
