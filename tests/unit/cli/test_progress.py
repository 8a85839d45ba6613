"""The display of a running job, on a terminal that is emulated here and without one."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import pytest

from prs.cli.progress import Lines, Live, block, changes, display
from prs.engine.journal.jobs import Job, Step
from prs.terminal import Style, columns
from unit import samples
from unit.screen import Screen

WIDE = Style(120, 30, unicode=True)
MOVING = samples.running().steps[1]


class Terminal(Screen):
    """A terminal that understands what the display uses: line ends, carriage return, cursor up, erase below, wrapping at its width."""

    def __init__(self, width: int = 120) -> None:
        super().__init__()
        self.width, self.rows, self.row, self.column = width, [""], 0, 0

    def write(self, text: str) -> int:
        for part in re.findall(r"\x1b\[\d*[AJm]|[^\x1b]", text):
            if part == "\n":
                self.row, self.column = self.row + 1, 0
                self.rows += [""] * (self.row + 1 - len(self.rows))
            elif part == "\r":
                self.column = 0
            elif part.endswith("A") and part.startswith("\x1b"):
                self.row = max(0, self.row - int(part[2:-1]))
            elif part == "\x1b[J":
                self.rows[self.row :] = [self.rows[self.row][: self.column]]
            elif not part.startswith("\x1b"):
                self._put(part)
        return len(text)

    def _put(self, char: str) -> None:
        if self.column >= self.width:
            self.row, self.column = self.row + 1, 0
            self.rows += [""] * (self.row + 1 - len(self.rows))
        self.rows[self.row] = self.rows[self.row][: self.column].ljust(self.column) + char
        self.column += 1

    def narrow(self, width: int) -> None:
        """Make the window narrower: longer lines break into several rows, as terminals do."""
        pieces = [[row[start : start + width] for start in range(0, max(1, len(row)), width)] for row in self.rows]
        self.row = sum(len(piece) for piece in pieces[: self.row])
        self.rows, self.width = [row for piece in pieces for row in piece], width

    def style(self, _: object) -> Style:
        return Style(self.width, 30, unicode=True)


def test_one_line_for_each_running_migration_and_a_total() -> None:
    assert block(samples.running(), samples.NOW + 50, WIDE) == [
        "  104 (mail)  pve1 → pve3  ██████░░░░░░░░░░░░░░  31%, 2.9 of 9.5 GiB, 391 MiB/s, 0:17 left",
        "█████████████░░░░░░░  64%  1 of 3 migrations ended, 18.9 of 29.5 GiB, 1 waiting, 0:50 so far",
    ]


@pytest.mark.parametrize(
    ("step", "detail"),
    [
        (replace(MOVING, state="starting"), "starting"),
        (replace(MOVING, state="verifying"), "waiting to see it on pve3, at most 60 minutes"),
        (replace(MOVING, total=0), "running for 0:11"),
        (replace(MOVING, speed=0.0, seconds_left=None), "31%, 2.9 of 9.5 GiB"),
        (replace(MOVING, speed=0.0, seconds_left=None, message="no word from pve1: no answer"),
         "no word from pve1: no answer; last seen at 31%, 2.9 of 9.5 GiB"),
    ],
)
def test_what_a_running_line_says(step: Step, detail: str) -> None:
    line = block(replace(samples.running(), steps=(step,)), samples.NOW + 50, WIDE)[0]
    assert re.split("[█░]+  ", line)[1] == detail


def test_what_is_waited_for_stays_in_the_block() -> None:
    """The job's own reason, else that of the steps that are held up, each reason once."""
    job = samples.running()
    words = "waiting: the cluster has no quorum"
    assert block(replace(job, message=words), samples.NOW, WIDE)[-2] == f"  {words}"
    one = replace(job.steps[1], state="planned", message="waiting: locked (backup)")
    steps = tuple(replace(one, seq=number, vmid=200 + number) for number in (1, 2))
    assert block(replace(job, steps=steps), samples.NOW, WIDE)[-2] == "  201 (mail) and 1 more: waiting: locked (backup)"
    both = block(replace(job, steps=steps, message=words), samples.NOW, WIDE)
    assert both[-3:-1] == [f"  {words}", "  201 (mail) and 1 more: waiting: locked (backup)"]


def test_without_a_terminal_a_reason_to_wait_is_a_line_once_and_again_each_minute() -> None:
    stream, job = io.StringIO(), replace(samples.running(), message="waiting: the cluster has no quorum, at most 15 minutes")
    lines = Lines(stream)
    for second in range(0, 100, 2):
        lines.show(job, samples.NOW + second)
    lines.show(replace(job, message=""), samples.NOW + 100)
    lines.show(job, samples.NOW + 102)
    assert stream.getvalue().count("waiting: the cluster has no quorum, at most 15 minutes\n") == 3


@pytest.mark.parametrize(("width", "height"), [(40, 10), (80, 6), (100, 24)])
def test_the_block_fits_the_window(width: int, height: int) -> None:
    job = samples.running()
    many = replace(job, steps=tuple(replace(job.steps[1], seq=number, name="x" * 80) for number in range(40)))
    lines = block(many, samples.NOW + 50, Style(width, height, unicode=True))
    assert len(lines) < height
    assert all(columns(line) < width for line in lines)
    assert lines[-2] == f"  and {40 - len(lines) + 2} more running"


def test_a_job_without_bytes_is_counted_in_steps() -> None:
    job = samples.running()
    steps = tuple(replace(step, total=0, memory=0, disk=0) for step in job.steps)
    assert "  33%  1 of 3 migrations ended, 1 waiting" in block(replace(job, steps=steps), samples.NOW, WIDE)[-1]


def test_a_redraw_replaces_the_block_and_keeps_the_lines_above() -> None:
    screen = Terminal()
    live = Live(screen, screen.style)
    live.show(replace(samples.QUEUED, state="running", started=samples.NOW), samples.NOW)
    live.show(samples.running(), samples.NOW + 50)
    live.show(samples.running(), samples.NOW + 51)
    live.write("12:00:00 a log line\n")
    assert screen.rows[:2] == ["102 (db01) pve1 → pve3: seen on pve3 after 0:39", "12:00:00 a log line"]
    assert screen.rows[2:] == [*block(samples.running(), samples.NOW + 51, WIDE), ""]
    screen.width = 160
    live.show(samples.ended(), samples.NOW + 70)
    live.close()
    assert [row.partition(": ")[2][:7] for row in screen.rows] == ["seen on", "", "failed ", "skipped", ""]


def test_a_window_made_narrower_leaves_no_remains() -> None:
    screen = Terminal()
    live = Live(screen, screen.style)
    live.show(samples.running(), samples.NOW + 50)
    screen.narrow(50)
    live.show(samples.running(), samples.NOW + 51)
    assert len(screen.rows) == 4
    assert screen.rows[1:3] == block(samples.running(), samples.NOW + 51, Style(50, 30, unicode=True))


def test_changes_are_those_since_the_last_look() -> None:
    first, second = samples.running(), samples.ended()
    assert [step.seq for step in changes(None, first)] == [1, 2]
    assert [step.seq for step in changes(first, second)] == [2, 3]
    assert changes(second, second) == []


def lines_of(*looks: tuple[Job, float]) -> list[str]:
    screen = Screen(tty=False)
    shown = Lines(screen)
    for job, now in looks:
        shown.show(job, now)
    shown.close()
    return screen.text().splitlines()


def test_without_a_terminal_each_change_is_a_line() -> None:
    found = lines_of((samples.QUEUED, samples.NOW), (samples.running(), samples.NOW + 50), (samples.ended(), samples.NOW + 70))
    assert found == [
        "102 (db01) pve1 → pve3: seen on pve3 after 0:39",
        f"104 (mail) pve1 → pve3: is migrating as {samples.UPID}",
        f"104 (mail) pve1 → pve3: failed after 0:21: migration aborted (look at task {samples.UPID})",
        "106 (ct-dns1) pve1 → pve2: skipped: locked: backup is running",
    ]


def test_without_a_terminal_a_long_migration_is_heard_of_once_a_minute() -> None:
    found = lines_of(*((samples.running(), samples.NOW + 50 + second) for second in range(0, 130, 2)))
    assert found[2:] == ["104 (mail) pve1 → pve3: 31%, 2.9 of 9.5 GiB, 391 MiB/s, 0:17 left"] * 2


def test_the_display_fits_the_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    assert isinstance(display(Screen()), Live)
    assert isinstance(display(Screen(tty=False)), Lines)
    monkeypatch.setenv("TERM", "dumb")
    assert isinstance(display(Screen()), Lines)
