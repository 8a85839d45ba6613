"""What becomes of a step that is under way: each function looks at PVE and gives the fields of the step that change.

While a step is `verifying`, its message holds PVE's last word on the task. That word is not proof: a `hamigrate` task ends OK before the
guest has moved, and `migration problems` often means that it has moved. Only the sight of the guest on its target makes a step done.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prs.engine.drain.ha_maintenance import HA_MOVES, HA_MOVING, HA_STARTS
from prs.engine.journal.jobs import Step
from prs.errors import PveError
from prs.planner.quantities import span
from prs.pve.act import migration
from prs.pve.act.migration import Location
from prs.pve.api import Api, clock_ahead

Changes = dict[str, Any]

# pveproxy gives up on a request after 30 s, but what it started goes on (pve-http-server): only later is a missing task truly missing.
POST_SETTLES = 45.0
# After its task the guest may need a moment to show up as running (a container boots).
SHOWS_UP = 90.0
SETTLES = 15.0
CUT_OFF = 15.0
# How long a dead source node may take to come back before nobody can say what became of the guest.
NODE_RETURNS = 300.0
# A step about which PVE says nothing for this long, although its node is up, is left to the user's own eyes.
GIVES_UP = 900.0
# How far the clocks of two nodes may differ, and this machine's from theirs where PVE does not tell its time.
CLOCK_SKEW = 300.0
ATTEMPTS = 2
CANCELLED = "cancelled"
CANCELLED_BY_USER = "cancelled by the user"
LOST = "its task can no longer be read"
SILENT = "no word from"  # begins what a step says while nobody can tell how far it is
NOT_UP = ("stopped", "prelaunch", "inmigrate")


def advance(api: Api, step: Step, places: Mapping[int, Location], waited: float, known: frozenset[str]) -> Changes:
    """The changes to an active step. `waited` is how long (s) it has been in its state, `known` the UPIDs seen before."""
    where = places.get(step.vmid)
    if step.state == "starting":
        return _starting(api, step, where, waited, known)
    if step.state == "running":
        return _running(api, step)
    return _verifying(api, step, where, waited, known)


def silent(step: Step, where: Location | None, waited: float, error: PveError) -> Changes:
    """What to record while PVE cannot say how a step stands: its node may be down, its task in another user's hands."""
    if where and where.node == step.target:
        return {"state": "verifying", "message": LOST} if step.state != "verifying" else _unheard(step, where, waited)
    if where and not where.node_online and waited >= NODE_RETURNS:
        return {"state": "unknown", "message": f"{step.source} went offline during the migration: look there for the guest once it is back"}
    if waited >= GIVES_UP:
        words = f"PVE cannot say how it stands ({error}): look for the guest on {step.source} and {step.target}"
        return {"state": "unknown", "message": words}
    return {"message": f"{SILENT} {step.source}, given up after {span(GIVES_UP)}: {error}", "speed": 0.0, "seconds_left": None}


def _unheard(step: Step, where: Location, waited: float) -> Changes:
    """The cluster shows the guest on its target, whose own API does not answer: the cluster's word counts after a while."""
    if waited < SHOWS_UP:
        return {}
    if where.node_online and where.status == ("running" if step.running else "stopped"):
        words = f"the cluster shows it {where.status} on {step.target}, whose API does not answer"
        return {"state": "done", "message": words, "done": step.total, "seconds_left": 0.0}
    return {"state": "unknown", "message": f"listed on {step.target}, which does not answer for it: look at {step.target}"}


def _starting(api: Api, step: Step, where: Location | None, waited: float, known: frozenset[str]) -> Changes:
    """The request may or may not have reached PVE: look for its task, for the guest, for a lock, and only then try again."""
    upid = migration.find_task(api, step.source, step.vmid, _asked(api, step), known)
    if upid:
        return {"state": "running", "upid": upid}
    if where is None:
        return {"state": "skipped", "message": "the guest no longer exists"} if migration.gone(api, step.move) else _unseen(step, waited)
    if where.node == step.target:
        return {"state": "verifying", "message": "OK"}
    # The tasks of a node that is down are not to be seen: only once it is back can one be called missing.
    if waited < POST_SETTLES or ((where.lock or not where.node_online) and waited < NODE_RETURNS):
        return {}
    if not where.node_online:
        words = f"{step.source} went offline before PVE answered the request: look there for the guest once it is back"
        return {"state": "unknown", "message": words}
    if where.lock:
        words = f"locked ({where.lock}), but no task of it is to be found: look at the task list of {step.source}"
        return {"state": "unknown", "message": words}
    if step.attempts < ATTEMPTS:
        return {"state": "planned", "message": "PVE did not answer the request and started nothing; it is sent again"}
    return {"state": "failed", "message": f"PVE did not answer {step.attempts} requests and started nothing"}


def _unseen(step: Step, waited: float) -> Changes:
    """PVE's list does not show the guest, and yet it is not gone."""
    if waited < GIVES_UP:
        return {}
    return {"state": "unknown", "message": f"PVE does not show where it is: look for the guest on {step.source} and {step.target}"}


def _asked(api: Api, step: Step) -> float:
    """The earliest time, by PVE's clock, at which a task of the step's last request can have begun."""
    return step.posted + clock_ahead(api) - CLOCK_SKEW


def _running(api: Api, step: Step) -> Changes:
    task = migration.task(api, step.upid)
    if task.running:
        return {}
    if task.gone:
        return {"state": "verifying", "message": LOST}
    if good(task.exitstatus):
        return {"state": "verifying", "message": task.exitstatus}
    # Why we stopped it tells more than the words with which PVE ended it.
    if step.message.startswith(CANCELLED):
        return {"state": "verifying", "message": step.message}
    told = migration.error(api, step.upid)
    return {"state": "verifying", "message": task.exitstatus if told in ("", task.exitstatus) else f"{task.exitstatus}: {told}"}


def _verifying(api: Api, step: Step, where: Location | None, waited: float, known: frozenset[str]) -> Changes:
    if step.ha and ":hamigrate:" in step.upid:
        # The HA manager's real migration is a task of its own, by root@pam: follow that one from here.
        real = migration.find_task(api, step.source, step.vmid, _asked(api, step), known | {step.upid})
        if real and ":hamigrate:" not in real:
            return {"state": "running", "upid": real}
    if where is None:
        return {"state": "failed", "message": "the guest no longer exists"} if migration.gone(api, step.move) else _unseen(step, waited)
    if where.node == step.target:
        return _arrived(api, step, where, waited)
    if where.node != step.source:
        return {"state": "failed", "message": f"is on {where.node}, not on {step.target}: something else moved it"}
    if where.node_online and not good(step.message) and not migration.sighting(api, step.source, step.kind, step.vmid):
        # Its node denies knowing it, and the list may be old or kept from an earlier look: it may just have gone elsewhere, or be hidden.
        if migration.free(api, step.vmid):
            return {"state": "failed", "message": "the guest no longer exists"}
        words = f"{step.source} no longer has it and PVE does not show where it is: {step.message}"
        return {} if waited < SHOWS_UP else {"state": "unknown", "message": words}
    return _not_arrived(step, where, waited)


def _arrived(api: Api, step: Step, where: Location, waited: float) -> Changes:
    status = migration.sighting(api, step.target, step.kind, step.vmid)
    asleep = step.running and status in NOT_UP
    settled = status and not asleep and where.ha not in HA_MOVING
    # Nothing wakes a guest any more whose task has ended badly; one that booted after a good end needs its moment.
    if not settled and waited < (SHOWS_UP if good(step.message) else SETTLES):
        return {}
    if not status:
        return {"state": "unknown", "message": f"listed on {step.target}, which does not answer for it: look at {step.target}"}
    note = "" if good(step.message) else f"moved, but PVE reported: {step.message}"
    if asleep:
        note = f"moved, but it is {status} on {step.target}"
    return {"state": "done", "message": note, "done": step.total, "seconds_left": 0.0}


def _not_arrived(step: Step, where: Location, waited: float) -> Changes:
    if where.node_online and step.message.startswith(CANCELLED_BY_USER):
        return {"state": "cancelled", "message": f"{step.message}; the guest is still on {step.source}"}
    if where.node_online and not good(step.message) and step.message != LOST:
        return {"state": "failed", "message": "; ".join(filter(None, [step.message, _left_locked(step, where)]))}
    if not where.node_online:
        if waited < NODE_RETURNS:
            return {}
        return {"state": "unknown", "message": f"{step.source} went offline during the migration: look there for the guest once it is back"}
    if where.ha in HA_MOVING and waited < HA_MOVES:
        return {}
    if waited < (HA_STARTS if step.ha else SHOWS_UP):
        return {}
    if step.ha:
        words = f"the HA manager accepted the request and did not carry it out; the guest is still on {step.source}"
        return {"state": "failed", "message": words}
    return {"state": "failed", "message": f"PVE reported {step.message}, but the guest is still on {step.source}"}


def _left_locked(step: Step, where: Location) -> str:
    """That PVE could not take its lock off: without quorum, which the death of a node interrupts too, it can write no configuration."""
    if where.lock != "migrate":
        return ""
    command = f"{'qm' if step.kind == 'qemu' else 'pct'} unlock {step.vmid}"
    return f"it runs on {step.source} and keeps the lock of that migration: `{command}` there takes it off"


def good(exitstatus: str) -> bool:
    """Whether a task with this end has done its work."""
    return exitstatus == "OK" or exitstatus.startswith("WARNINGS:")
