"""How automatic balancing stands on this node, as its service tells whoever asks: a note in the journal."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

from prs.codec import from_json, to_json
from prs.config.load import Settings
from prs.engine.journal.journal import Journal
from prs.errors import JournalError, ModelError

_NOTE = "automation"


@dataclass(frozen=True, slots=True)
class Automation:
    """What the service last knew; times in Unix seconds, 0 = none.

    `waiting` says in words what the next run waits for, `result` what the last one planned; `job` is the one that it started, `plan` the
    one that it suggests and nobody has carried out or replaced yet. `withdrawn` says why the last suggestion went without either.
    """

    leader: str = ""
    why: str = ""  # it leads
    waiting: str = ""
    next_run: float = 0.0
    last_run: float = 0.0
    result: str = ""
    job: str = ""
    plan: str = ""
    withdrawn: str = ""
    lacks_account: bool = False


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A plan that waits for somebody to apply it; the spreads (fractions) are of the moment, with `day` the widest of the coming day."""

    plan: str
    created: float
    moves: int
    bytes: int
    spread_before: float
    spread_after: float
    day: bool
    summary: str


def automation(journal: Journal) -> Automation:
    """What was last told, nothing but defaults where nothing was."""
    try:
        return from_json(Automation, json.loads(journal.note(_NOTE) or "{}"))
    except (ValueError, ModelError):
        return Automation()  # another version wrote it; the next turn of the service tells it anew


def tell_automation(journal: Journal, state: Automation) -> None:
    """Write it, if it is another one than before."""
    if automation(journal) != state:
        journal.note(_NOTE, json.dumps(to_json(state)))


def withdraw(journal: Journal, plan: str, why: str) -> bool:
    """Take a suggestion back, with the reason ("" = it has been carried out); False if another one, or none, waits by now."""
    state = automation(journal)
    if state.plan != plan:
        return False
    tell_automation(journal, replace(state, plan="", withdrawn=why))
    return True


def dismiss(journal: Journal, plan: str, why: str) -> bool:
    """Take a suggestion away for good; False if it waits no longer."""
    with journal.transaction() as db:
        gone = db.execute("DELETE FROM plans WHERE id = ? AND NOT EXISTS (SELECT 1 FROM jobs WHERE jobs.plan = plans.id)", (plan,)).rowcount
    withdraw(journal, plan, why)
    return bool(gone)


def suggestion(journal: Journal) -> Suggestion | None:
    """What this node's service suggests and nobody has carried out; None where that is nothing, or cannot be read."""
    plan_id = automation(journal).plan
    if not plan_id or not journal.waits(plan_id):
        return None
    try:
        plan, _ = journal.plan(plan_id)
    except JournalError:
        return None
    day = plan.outlook
    spreads = (day.widest_before, day.widest_after) if day else (plan.spread_before, plan.spread_after)
    return Suggestion(plan_id, plan.created, len(plan.moves), plan.bytes, *spreads, day is not None, plan.summary)


@dataclass(frozen=True, slots=True)
class Balancing:
    """Automatic balancing as node `host` tells it: the limits in force (`spread` a fraction, `schedule` seconds), and how it stands."""

    host: str
    level: str
    method: str
    spread: float
    containers: bool
    max_moves: int | None
    max_bytes: int | None
    schedule: float
    state: Automation
    outcome: str = ""  # of the job that the last run has started
    calendar: str = ""  # in the place of `schedule`: an event of Proxmox VE's calendar
    paused_until: float = 0.0  # Unix time, 0 once it has come
    suggestion: Suggestion | None = None


def balancing(settings: Settings, journal: Journal, host: str, now: float) -> Balancing:
    """What this node, `host`, tells of automatic balancing at Unix time `now`."""
    state, policy, suggested = automation(journal), settings.policy, suggestion(journal)
    if state.plan and suggested is None:
        state = replace(state, plan="")
    paused = settings.paused_until if settings.paused_until > now else 0.0
    return Balancing(
        host, settings.level, policy.asked, policy.spread, policy.containers, policy.max_moves, policy.max_bytes, settings.schedule,
        state, _outcome(journal, state.job), settings.calendar.text if settings.calendar else "", paused,
        suggested,
    )  # fmt: skip


def _outcome(journal: Journal, job_id: str) -> str:
    if not job_id:
        return ""
    try:
        job = journal.job(job_id)
    except JournalError:
        return ""  # it has left the journal, or cannot be read
    return f"job {job.id} is {job.state}: {job.count('done')} of {len(job.final)} migrations done"
