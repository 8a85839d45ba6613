"""Shows a running job: redrawn in place on a terminal, as plain lines anywhere else."""

from __future__ import annotations

import math
import os
from collections.abc import Callable

from prs.cli.job_view import fraction, progress_text, step_event
from prs.cli.plan_view import label
from prs.engine.drain.ha_maintenance import HA_MOVES
from prs.engine.execution.observe import NODE_RETURNS
from prs.engine.journal.jobs import Job, Step
from prs.planner.quantities import span
from prs.terminal import Stream, Style, bar, clean, columns, counted, cut, duration, paint, percent, size, style_of, write

_BAR, _SHORT_BAR, _WIDE = 20, 10, 100  # columns of a bar, on a narrow terminal, and where wide begins
_WAITS = 3  # kinds of waiting shown at once
_REPEAT = 60.0  # seconds between two lines about the same running migration without a terminal
_FINAL = {"done": "green", "failed": "red", "skipped": "yellow", "cancelled": "yellow", "unknown": "red"}


def step_line(step: Step, guest: int, nodes: int, now: float, style: Style) -> str:
    """Draw one running migration: guest, from → to, bar, then bytes, speed and time left or what it waits for; widths in columns."""
    way = f"{clean(step.source)} {style.arrow} {clean(step.target)}"
    patience = HA_MOVES if step.ha else NODE_RETURNS
    waits = {"starting": "starting", "verifying": f"waiting to see it on {clean(step.target)}, at most {span(patience)}"}
    detail = waits.get(step.state) or (progress_text(step) if step.total else f"running for {duration(now - step.started)}")
    head = f"  {_pad(label(step.vmid, step.name), guest)}  {_pad(way, nodes)}  "
    drawn = f"{bar(fraction(step), _bar_width(style), style)}  "
    # Location even the short bar is too much it goes: the percentage says the same, and the time left must be seen.
    return head + detail if 0 < style.width <= columns(head + drawn + detail) else head + drawn + detail


def _bar_width(style: Style) -> int:
    return _SHORT_BAR if 0 < style.width < _WIDE else _BAR


def _pad(text: str, width: int) -> str:
    return text + " " * (width - columns(text))


def total_line(job: Job, now: float, style: Style) -> str:
    """Draw the job as a whole: bar, steps ended, bytes copied of all, time running."""
    everything = sum(_bytes(step) for step in job.steps)
    copied = sum(_bytes(step) * fraction(step) for step in job.steps)
    # Bytes are the better measure; a job of guests without memory and disks is counted in steps.
    share = copied / everything if everything else (job.count("done") / len(job.steps) if job.steps else 1.0)
    ended = sum(not step.open for step in job.steps)
    parts = [f"{ended} of {counted(len(job.steps), 'migration')} ended"]
    parts += [f"{size(copied).removesuffix(' GiB')} of {size(everything)}"] if everything else []
    parts += [f"{job.count('planned')} waiting"] if job.count("planned") else []
    parts += [job.state] if job.state in ("paused", "cancelling") else []
    parts.append(f"{duration(now - (job.started or now))} so far")
    return f"{bar(share, _bar_width(style), style)} {percent(share):>4}  {', '.join(parts)}"


def _bytes(step: Step) -> int:
    return step.total or step.memory + step.disk


def block(job: Job, now: float, style: Style) -> list[str]:
    """Draw all running migrations and the total as lines that fit the terminal, also in number."""
    active = [step for step in job.steps if step.active]
    held_up = waiting_lines(job)
    room = max(1, style.height - 3 - len(held_up)) if style.height else len(active)
    shown = active if len(active) <= room else active[: room - 1]
    guest = max((columns(label(step.vmid, step.name)) for step in shown), default=0)
    nodes = max((columns(f"{clean(step.source)} {style.arrow} {clean(step.target)}") for step in shown), default=0)
    lines = [step_line(step, guest, nodes, now, style) for step in shown]
    if len(shown) < len(active):
        lines.append(f"  and {len(active) - len(shown)} more running")
    lines += [*held_up, total_line(job, now, style)]
    return [cut(line, style.width - 1, style) if style.width else line for line in lines]


def waiting_lines(job: Job) -> list[str]:
    """What is waited for and why, as long as it lasts: by the job as a whole, and by the steps that are held up, each kind once."""
    whole = [f"  {clean(job.message)}"] if job.open and job.message.startswith("waiting") else []
    found: dict[str, list[Step]] = {}
    for step in job.steps:
        if step.state == "planned" and step.message.startswith("waiting"):
            found.setdefault(step.message, []).append(step)
    lines = []
    for words, (first, *others) in found.items():
        more = f" and {len(others)} more" if others else ""
        lines.append(f"  {label(first.vmid, first.name)}{more}: {clean(words)}")
    return [*whole, *lines[:_WAITS], *([f"  and {len(lines) - _WAITS} more reasons to wait"] if len(lines) > _WAITS else [])]


def changes(before: Job | None, after: Job) -> list[Step]:
    """Give the steps whose state changed between two looks at a job (all that have begun, when there was no earlier look)."""
    known = {step.seq: step.state for step in before.steps} if before else {}
    return [step for step in after.steps if step.state != known.get(step.seq, "planned")]


class Live:
    """The display on a terminal: ended steps scroll by as lines, below them a block that is redrawn in place."""

    def __init__(self, stream: Stream, look: Callable[[Stream], Style] = style_of) -> None:
        self._stream, self._look = stream, look
        self._drawn: list[str] = []
        self._job: Job | None = None

    def show(self, job: Job, now: float) -> None:
        """Draw the job as it is now (Unix seconds); steps that ended since the last time get a line above the block."""
        style = self._look(self._stream)  # asked each time: the window may have been resized
        news = [_painted(step, style) for step in changes(self._job, job) if not step.open]
        self._redraw("".join(f"{line}\n" for line in news), block(job, now, style), style)
        self._job = job

    def write(self, text: str) -> int:
        """Put a log line above the block, so that a logging handler can use this object as its stream."""
        if text:
            self._redraw(text if text.endswith("\n") else text + "\n", self._drawn, self._look(self._stream))
        return len(text)

    @property
    def encoding(self) -> str:
        """Name of the terminal's character encoding."""
        return self._stream.encoding

    def isatty(self) -> bool:
        """Say what the stream below is."""
        return self._stream.isatty()

    def fileno(self) -> int:
        """Number of the terminal's open file."""
        return self._stream.fileno()

    def flush(self) -> None:
        """Do nothing: every write is flushed already."""

    def close(self) -> None:
        """Remove the block and leave the cursor on an empty line."""
        self._redraw("", [], self._look(self._stream))

    def _redraw(self, above: str, lines: list[str], style: Style) -> None:
        # Lines drawn for a wider window take several rows after it was made narrower.
        rows = sum(max(1, math.ceil(columns(line) / style.width)) if style.width else 1 for line in self._drawn)
        erase = f"\r\x1b[{rows}A\x1b[J" if rows else ""
        write(self._stream, erase + above + "".join(f"{line}\n" for line in lines))
        self._drawn = lines


class Lines:
    """The display without a terminal: a line for each change of a step, and now and then one for a long migration."""

    def __init__(self, stream: Stream) -> None:
        self._stream, self._style = stream, style_of(stream)
        self._job: Job | None = None
        self._said: dict[int | str, float] = {}

    def show(self, job: Job, now: float) -> None:
        """Write what changed since the last time; `now` in Unix seconds."""
        for step in changes(self._job, job):
            self._say(step.seq, step_event(step, self._style), now)
        for step in job.steps:
            if step.state == "running" and step.total and now - self._said.get(step.seq, now) >= _REPEAT:
                way = f"{label(step.vmid, step.name)} {clean(step.source)} {self._style.arrow} {clean(step.target)}"
                self._say(step.seq, f"{way}: {progress_text(step)}", now)
        waits = waiting_lines(job)
        for line in waits:
            if now - self._said.get(line, -_REPEAT) >= _REPEAT:
                self._say(line, line.strip(), now)
        self._said = {key: at for key, at in self._said.items() if not isinstance(key, str) or key in waits}
        self._job = job

    def _say(self, what: int | str, text: str, now: float) -> None:
        self._said[what] = now
        write(self._stream, text + "\n")

    def close(self) -> None:
        """Do nothing: lines need no end."""


class Quiet:
    """No display, for a program that reads only the result."""

    def show(self, job: Job, now: float) -> None:
        """Show nothing."""

    def close(self) -> None:
        """Do nothing."""


def display(stream: Stream) -> Live | Lines:
    """Choose the display that fits the stream: in place only on a terminal that can move its cursor."""
    return Live(stream) if stream.isatty() and os.environ.get("TERM", "") not in ("", "dumb") else Lines(stream)


def _painted(step: Step, style: Style) -> str:
    return paint(step_event(step, style), _FINAL.get(step.state, ""), style)
