"""Writes what becomes of a job and of its steps into the journal and the log."""

from __future__ import annotations

import logging
from typing import Any

from prs.engine.clock import Clock
from prs.engine.journal.jobs import STEP_OPEN, Job, Step
from prs.engine.journal.journal import Journal

log = logging.getLogger(__name__)


class Record:
    """The rows of one job."""

    def __init__(self, journal: Journal, clock: Clock, job_id: str) -> None:
        self.journal, self.clock, self.job_id = journal, clock, job_id

    def read(self) -> Job:
        """The job as the journal has it now."""
        return self.journal.job(self.job_id)

    def job(self, **changes: Any) -> None:
        """Set fields of the job."""
        current = self.read()
        if any(getattr(current, name) != value for name, value in changes.items()):
            self.journal.update_job(self.job_id, **changes)

    def differing(self, step: Step, **changes: Any) -> None:
        """Set fields of a step if any is another than it was read with."""
        if any(getattr(step, name) != value for name, value in changes.items()):
            self.step(step, **changes)

    def step(self, step: Step, **changes: Any) -> None:
        """Set fields of a step; a new state or message is logged too."""
        state = changes.get("state", step.state)
        if state not in STEP_OPEN:
            changes["ended"] = self.clock.time()
        self.journal.update_step(self.job_id, step.seq, **changes)
        if state == step.state and "message" not in changes:
            return
        level = logging.WARNING if state in ("failed", "unknown", "skipped") else logging.INFO
        words = f" ({changes['message']})" if changes.get("message") else ""
        self.log(level, f"{step.label} {step.source} → {step.target}: {state}{words}", step, changes.get("upid", step.upid))

    def log(self, level: int, words: str, step: Step | None = None, upid: str = "") -> None:
        """Log a sentence with the fields that name job, node, guest and task."""
        fields = {"job": self.job_id, "node": step.source if step else "", "vmid": step.vmid if step else "", "upid": upid}
        log.log(level, words, extra={key: value for key, value in fields.items() if value})
