"""Whether migrations fail one after the other for one reason, so that those still planned would fail too. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection

from prs.engine.journal.jobs import Job, Step

ALIKE = 3  # failures of a kind in a row after which a job starts nothing more by itself
HELD_UP = "no scheduled run of this host begins before it has ended"  # of a job that is paused: who has paused it wants calm
# What ends by itself once a node or the quorum is back, and what somebody did on purpose: no reason to stop the rest.
_PASSING = re.compile(r"unexpected status|interrupted by signal|cancelled|/etc/pve.*Permission denied|move config.*Permission denied")
_UPID = re.compile(r"UPID:\S+")
_VARIES = re.compile(r"0x[0-9a-f]+|\d+(?:[.:,]\d+)*")  # numbers, times, addresses, sizes


def tripped(job: Job, judged: Collection[int] = ()) -> str:
    """What the latest migrations share, in words, when ALIKE of them failed alike in a row; "" when not, or when nothing is left to do.

    `judged` are the seqs of failures that somebody has seen already and gone on after.
    """
    ended = sorted((step for step in job.steps if step.state in ("done", "failed")), key=lambda step: (step.ended, step.seq))
    row: list[Step] = []
    for step in reversed(ended):
        if step.state == "done" or step.seq in judged or _PASSING.search(step.message) or (row and kind(step) != kind(row[0])):
            break
        row.append(step)
    planned, targets = [step for step in job.steps if step.state == "planned"], {step.target for step in row}
    if len(row) < ALIKE or not planned:
        return ""
    if len(targets) == 1 and any(step.target not in targets for step in planned):
        return ""  # it may be that one target, and others are still to be tried
    return f"{len(row)} migrations in a row failed alike{_common(row)}: {row[0].message}"


def stopped(job: Job) -> str:
    """What a paused job says of itself: why it stopped by itself and how to go on; "" when somebody has paused it."""
    words = tripped(job)
    how = "Resume goes on" if job.origin == "web" else f"`resume {job.id}` goes on"
    meanwhile = "else the next scheduled run of this host takes its place" if job.origin == "schedule" else HELD_UP
    return f"{words}; once that is mended, {how} with the other {job.count('planned')}; {meanwhile}" if words else ""


def kind(step: Step) -> str:
    """The message of a failure without what differs from guest to guest: its name and number, its nodes, task, sizes and times."""
    text = _UPID.sub("#", step.message)
    for own in sorted(filter(None, (step.name, step.source, step.target)), key=len, reverse=True):
        text = re.sub(rf"(?<![\w-]){re.escape(own)}(?![\w-])", "#", text)
    return _VARIES.sub("#", text).lower()


def _common(steps: list[Step]) -> str:
    """From where and whereto they all went, as far as that is one place."""
    sources, targets = {step.source for step in steps}, {step.target for step in steps}
    parts = [f"from {sources.pop()}" if len(sources) == 1 else "", f"to {targets.pop()}" if len(targets) == 1 else ""]
    return "".join(f" {part}" for part in parts if part)
