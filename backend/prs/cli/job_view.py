"""What jobs and their steps look like to people: pure functions that give text."""

from __future__ import annotations

import time
from collections.abc import Sequence

from prs.cli.plan_view import heading, label
from prs.engine.drain.way_back import home, undone
from prs.engine.execution.observe import SILENT
from prs.engine.journal.jobs import Job, Step
from prs.engine.rolling.hooks import Hook
from prs.engine.rolling.runs import RollingRun
from prs.terminal import Cell, Style, clean, counted, duration, paint, paragraph, percent, size, speed, table

_COLOURS = {"done": "green", "failed": "red", "partial": "red", "unknown": "red", "cancelled": "yellow", "skipped": "yellow"}
HOOK_LINES = 10  # of what a hook said; all that is kept of it is in --json
_SHORT = "%b %d %H:%M"  # a time in lists, as Proxmox VE writes it
_WORDS = {"unknown": "outcome unknown", "verifying": "waiting to see it there"}


def jobs_page(jobs: Sequence[Job], now: float, style: Style) -> str:
    """List jobs in the given order, one line each."""
    if not jobs:
        return "No jobs yet.\n"
    rows = [_job_row(job, now) for job in jobs]
    return table(("JOB", "WHAT", "STATE", "BY", "CREATED", "TOOK", "MOVED", "MESSAGE"), rows, style, right=(5, 6), indent="")


def _job_row(job: Job, now: float) -> list[str | Cell]:
    took = duration((job.ended or now) - job.started) if job.started else ""
    moved = f"{job.count('done')}/{len(job.final)}"
    return [clean(job.id), what(job), state_cell(job.state), clean(job.user), moment(job.created, _SHORT), took, moved, _said(job)]


def _said(job: Job) -> str:
    """What the job says of itself; what a drain saw at its end ("pve1 is empty") need no longer be so."""
    at = f"at {moment(job.ended, _SHORT)}: " if job.kind == "drain" and job.ended and job.message else ""
    return at + clean(job.message)


def what(job: Job) -> str:
    """Say what a job does: `drain pve1`, `release pve1`, `bring back what job 12ab moved`, `level memory`."""
    if job.kind == "drain":
        return f"drain {clean(job.node or job.plan.node)}"
    if node := home(job):
        return f"release {clean(node)}"
    if other := undone(job):
        return f"bring back what job {clean(other)} moved"
    return f"level {clean(job.plan.method)}"


def state_cell(state: str) -> Cell:
    """Give the state of a job or step in words and in its colour."""
    return Cell(_WORDS.get(state, state), _COLOURS.get(state, ""))


def moment(seconds: float, form: str = "%Y-%m-%d %H:%M") -> str:
    """Give Unix seconds in local time to the minute, nothing for 0."""
    return time.strftime(form, time.localtime(seconds)) if seconds else ""


def job_page(job: Job, now: float, style: Style) -> str:
    """Show a job with all its steps."""
    state = state_cell(job.state)
    title = f"Job {clean(job.id)}: {what(job)}, {paint(state.text, state.colour, style)}"
    facts = [f"by {clean(job.user)}" if job.user else "", f"created {moment(job.created)}"]
    if job.started:
        facts.append(f"{'took' if job.ended else 'running for'} {duration((job.ended or now) - job.started)}")
    text = f"{title} ({', '.join(filter(None, facts))})\n"
    text += paragraph(_said(job), style) if job.message else ""
    if job.rides:
        rows: list[list[str | Cell]] = [
            [label(one.vmid, one.name), clean(one.node), state_cell(one.state), clean(one.message)] for one in job.rides
        ]
        text += heading("Guests that are shut down meanwhile", style) + table(("GUEST", "NODE", "STATE", "DETAIL"), rows, style)
    return text + (heading(f"Migrations ({job.count('done')} of {len(job.final)} done)", style) + steps_table(job.steps, now, style))


def steps_table(steps: Sequence[Step], now: float, style: Style) -> str:
    """Show steps in their order with state, time taken and what is known of each."""
    rows = [_step_row(step, now) for step in steps]
    return table(("#", "GUEST", "FROM", "TO", "STATE", "TIME", "DETAIL"), rows, style, right=(0, 5))


def _step_row(step: Step, now: float) -> list[str | Cell]:
    guest = label(step.vmid, step.name)
    return [str(step.seq), guest, clean(step.source), clean(step.target), state_cell(step.state), _took(step, now), _detail(step)]


def _took(step: Step, now: float) -> str:
    return duration((step.ended or now) - step.started) if step.started else ""


def _detail(step: Step) -> str:
    """Say how far a running step is, or what is known of another one; the task is named when the outcome needs a look at it."""
    if step.state == "running" and step.total:
        return progress_text(step)
    look = f"look at task {clean(step.upid)}" if step.state in ("failed", "unknown") and step.upid else ""
    return "; ".join(filter(None, [clean(step.message), look]))


def progress_text(step: Step) -> str:
    """Say how much is copied, how fast and how long it still takes: `31%, 2.9 of 9.5 GiB, 391 MiB/s, 0:17 left`."""
    parts = [percent(fraction(step)), f"{size(step.done).removesuffix(' GiB')} of {size(step.total)}"]
    parts += [speed(step.speed)] if step.speed > 0 else []
    parts += [f"{duration(step.seconds_left)} left"] if step.seconds_left is not None else []
    if step.message.startswith(SILENT):
        return f"{clean(step.message)}; last seen at {', '.join(parts)}"
    return ", ".join(parts)


def fraction(step: Step) -> float:
    """Give the copied share 0..1 of a step; 0 while nothing is known, 1 only when it is done."""
    if step.state == "done":
        return 1.0
    return min(step.done / step.total, 0.99) if step.total > 0 else 0.0


def step_event(step: Step, style: Style) -> str:
    """Say in one sentence what has just become of a step."""
    who = f"{label(step.vmid, step.name)} {clean(step.source)} {style.arrow} {clean(step.target)}"
    after = f" after {duration(step.ended - step.started)}" if step.started and step.ended else ""
    message = f": {clean(step.message)}" if step.message else ""
    look = f" (look at task {clean(step.upid)})" if step.state in ("failed", "unknown") and step.upid else ""
    texts = {
        "starting": "is starting",
        "running": f"is migrating{f' as {clean(step.upid)}' if step.upid else ''}",
        "verifying": f"task ended, waiting to see it on {clean(step.target)}",
        "done": f"seen on {clean(step.target)}{after}",
        "failed": f"failed{after}{message}{look}",
        "skipped": f"skipped{message}",
        "cancelled": f"cancelled{after}{message}",
        "unknown": f"outcome unknown{message}{look}",
    }
    return f"{who}: {texts.get(step.state, step.state + message)}"


def job_end(job: Job, style: Style) -> str:
    """Close a run: what was moved, how it ended, and each guest that was not moved."""
    moved = [step for step in job.steps if step.state == "done"]
    copied = sum(step.total or step.memory + step.disk for step in moved)
    took = f" in {duration(job.ended - job.started)}" if job.started and job.ended else ""
    line = f"{len(moved)} of {counted(len(job.final), 'migration')} done, {size(copied)} copied{took}."
    state = state_cell(job.state)
    text = f"{paint(state.text.capitalize(), state.colour, style)}: {line}\n"
    text += paragraph(clean(job.message), style) if job.message else ""
    left = [step for step in job.final if step.state != "done"]
    if left:
        text += heading(f"Not moved ({counted(len(left), 'guest')})", style) + steps_table(left, job.ended, style)
    return text


def rolling_text(rolling_run: RollingRun, style: Style) -> str:
    """Say how far rolling maintenance is: its state and one line for each node."""
    state = state_cell(rolling_run.state)
    text = f"Rolling maintenance {clean(rolling_run.id)}: {paint(state.text, state.colour, style)}\n"
    text += paragraph(clean(rolling_run.message), style) if rolling_run.message else ""
    rows: list[list[str | Cell]] = [[clean(stop.node), state_cell(stop.state), clean(stop.message)] for stop in rolling_run.stops]
    text += table(("NODE", "STATE", "DETAIL"), rows, style)
    return text + "".join(_hook_text(stop.node, hook, style) for stop in rolling_run.stops for hook in stop.hooks)


def _hook_text(node: str, hook: Hook, style: Style) -> str:
    """One hook with the last lines of what it said."""
    how = hook.state if hook.code is None else f"exit status {hook.code}"
    took = f" after {duration(hook.seconds)}" if hook.state != "running" else ""
    lines = [f"  {clean(line)}\n" for line in hook.output.splitlines()[-HOOK_LINES:]]
    return paragraph(f"Hook {clean(hook.stage)} for {clean(node)}: {how}{took}", style) + "".join(lines)
