"""Faults on demand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simcluster.errors import Refused
from simcluster.process import Steps
from simcluster.routes import Call

if TYPE_CHECKING:
    from simcluster.tasks import Task
    from simcluster.world import World


class Faults:
    """The faults of a world."""

    def __init__(self, world: World) -> None:
        self._world = world

    def on_request(self, call: Call) -> Refused | None:
        """Look whether a fault concerns a request."""
        return None

    def on_task(self, task: Task, steps: Steps) -> Steps:
        """Look whether a fault concerns a task that starts."""
        return steps

    def refuses(self, task: Task) -> bool:
        """True when the HA manager is to ignore the request this task makes."""
        return False

    def delay(self, seconds: float) -> None:
        """Let an answer take time."""
        self._world.clock.sleep(seconds)
