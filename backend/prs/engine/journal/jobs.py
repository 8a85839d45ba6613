"""A job and its steps as the journal holds them: what is being done, how far it is, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from prs.engine.journal.rides import Ride
from prs.model import Kind, Move, Plan, Policy

StepState = Literal["planned", "starting", "running", "verifying", "done", "failed", "skipped", "cancelled", "unknown"]
JobState = Literal["queued", "running", "paused", "cancelling", "done", "partial", "failed", "cancelled"]
Request = Literal["", "pause", "cancel", "abort"]  # abort = cancel, and stop the running migrations too

STEP_ACTIVE = ("starting", "running", "verifying")
STEP_OPEN = ("planned", *STEP_ACTIVE)
JOB_OPEN = ("queued", "running", "paused", "cancelling")


@dataclass(frozen=True, slots=True)
class Step:
    """One migration of a job. `done`, `total` are bytes, `speed` bytes per second, times Unix seconds (0 = not yet)."""

    seq: int
    vmid: int
    name: str
    kind: Kind
    source: str
    target: str
    running: bool = True
    ha: bool = False
    memory: int = 0
    disk: int = 0
    seconds: float = 0.0
    round: int = 1
    state: StepState = "planned"
    upid: str = ""
    posted: float = 0.0  # when the migrate request was about to be sent: where a search for its task begins
    attempts: int = 0
    started: float = 0.0
    ended: float = 0.0
    message: str = ""
    done: int = 0
    total: int = 0
    speed: float = 0.0
    seconds_left: float | None = None
    storages: tuple[tuple[str, str], ...] = ()  # (storage here, storage there) where local disks land on another name

    @property
    def active(self) -> bool:
        """True from the moment a migration may exist in PVE until its outcome is known."""
        return self.state in STEP_ACTIVE

    @property
    def open(self) -> bool:
        """True until the step has a final state."""
        return self.state in STEP_OPEN

    @property
    def label(self) -> str:
        """The guest as people know it: `102 (db01)`."""
        return f"{self.vmid} ({self.name})" if self.name else str(self.vmid)

    @property
    def move(self) -> Move:
        """The step as the planner's move."""
        return Move(self.vmid, self.name, self.kind, self.source, self.target, self.running, self.ha, self.memory, self.disk, self.seconds,
                    storages=self.storages)


@dataclass(frozen=True, slots=True)
class Job:
    """A plan being carried out, or already carried out; `revision` grows with each change of it or of a step."""

    id: str
    kind: Literal["balance", "drain"]
    state: JobState
    plan: Plan
    policy: Policy  # what the plan was made with; its limits hold while it is carried out
    node: str = ""
    request: Request = ""
    user: str = ""
    origin: str = ""  # cli, schedule or web
    credential: str = ""  # name of the waiting credential; "" = the configured account
    created: float = 0.0
    started: float = 0.0
    ended: float = 0.0
    message: str = ""
    revision: int = 0
    steps: tuple[Step, ...] = ()
    rides: tuple[Ride, ...] = ()

    @property
    def open(self) -> bool:
        """True until the job has a final state."""
        return self.state in JOB_OPEN

    @property
    def final(self) -> tuple[Step, ...]:
        """The steps without those that were given up for a later one of the same guest."""
        last = {step.vmid: step.seq for step in self.steps}
        return tuple(step for step in self.steps if step.state not in ("skipped", "failed") or last[step.vmid] == step.seq)

    def count(self, *states: str) -> int:
        """The number of steps in any of the given states."""
        return sum(step.state in states for step in self.steps)
