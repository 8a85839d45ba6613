"""The tasks of the cluster: UPIDs, logs and ends (pve-common PVE/UPID.pm, RESTEnvironment.pm)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from simcluster.process import Cancelled, Failed, NodeDied, Process, Steps
from simcluster.tasklog import Log, stamp

if TYPE_CHECKING:
    from simcluster.physics import Flow
    from simcluster.world import World

KILLED = "unexpected status"


class Task:
    """One task; times in Unix seconds, `exitstatus` None while it runs."""

    def __init__(self, node: str, pid: int, start: float, type: str, id: str, user: str) -> None:
        self.node, self.pid, self.start, self.type, self.id, self.user = node, pid, start, type, id, user
        self.pstart = pid * 7
        self.upid = f"UPID:{node}:{pid:08X}:{self.pstart:08X}:{int(start):08X}:{type}:{id}:{user}:"
        self.log = Log()
        self.exitstatus: str | None = None
        self.end: float | None = None
        self.process: Process | None = None
        self.target = ""  # of a migration
        self.arriving: Flow | None = None  # the memory that is on its way to the target
        self.arriving_bytes = 0
        self.moved = False  # the guest's configuration is on the target already
        self.live = False  # the VM's process on the target has been started: phase 2 of a live migration
        self.deaf = False  # does not react to being stopped
        self.problem = ""  # what goes wrong after the guest has moved
        self.ignored = False  # the HA manager takes no notice of what it asks for

    @property
    def running(self) -> bool:
        """True until the task has ended."""
        return self.exitstatus is None

    @property
    def vmid(self) -> int:
        """The guest it is about, 0 for none."""
        return int(self.id) if self.id.isdigit() else 0


class Tasks:
    """All tasks, newest last."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._pid = 1000
        self.all: dict[str, Task] = {}
        self._running: dict[str, Task] = {}
        self._moving: list[Task] = []  # those with memory on its way

    def start(
        self, node: str, type: str, id: str, user: str, steps: Callable[[Task], Steps], over: Callable[[Task], None] | None = None
    ) -> Task:
        """Start a task on a node and run it up to its first wait; `over` is called at its end."""
        self._pid += 1
        task = Task(node, self._pid, self._world.clock.now, type, id, user)
        self.all[task.upid] = self._running[task.upid] = task
        self._world.tell("task", f"{node} task {type} {id} started by {user}")
        self._world.faults.on_task(task)

        def ended(why: Exception | None) -> None:
            self._end(task, why)
            if over:
                over(task)

        task.process = Process(self._world.clock, self._world.links, steps(task), ended)
        task.process.start()
        return task

    def _end(self, task: Task, why: Exception | None) -> None:
        self.settle(task)
        task.end = self._world.clock.now
        del self._running[task.upid]
        if isinstance(why, NodeDied):
            task.exitstatus = KILLED
            return
        task.exitstatus = "OK" if why is None else str(why)
        task.log.add("TASK OK" if why is None else f"TASK ERROR: {why}")
        self._world.tell("task", f"{task.node} task {task.type} {task.id} ended: {task.exitstatus}")

    def note(self, task: Task, text: str) -> None:
        """Append a line with the time in front, as the migration code does."""
        task.log.add(f"{stamp(self._world.clock.now)} {text}")

    def expect(self, task: Task, flow: Flow, size: int) -> None:
        """Count `size` bytes as arriving on the task's target in step with the flow."""
        task.arriving, task.arriving_bytes = flow, size
        self._moving.append(task)

    def settle(self, task: Task) -> None:
        """Stop counting what is arriving: it has arrived, or is thrown away."""
        if task.arriving is not None:
            task.arriving = None
            self._moving.remove(task)

    def arriving(self, node: str) -> float:
        """Give the bytes of memory that have arrived on a node for guests that are still on their way."""
        now = self._world.clock.now
        return sum(task.arriving_bytes * task.arriving.share(now) for task in self._moving if task.target == node and task.arriving)

    def running(self, *types: str) -> list[Task]:
        """Give the tasks under way, all or of some types."""
        return [task for task in self._running.values() if not types or task.type in types]

    def cancel(self, task: Task) -> None:
        """Stop a task as SIGTERM does."""
        if task.running and task.process and not task.deaf:
            self._world.tell("task", f"{task.node} task {task.type} {task.id} is being stopped")
            task.process.interrupt(Cancelled("interrupted by signal"))

    def die(self, node: str) -> None:
        """End what ran on a node that died, and what was sent to it."""
        for task in self.running():
            if task.process and task.node == node:
                task.process.interrupt(NodeDied())
            elif task.process and task.target == node:
                task.process.interrupt(Failed("migration aborted"))

    def visible(self, user: str, task: Task) -> bool:
        """True for a user's own tasks and those of the user's tokens; a token sees only its own (pve-manager PVE/API2/Tasks.pm)."""
        return task.user == user or task.user.partition("!")[0] == user
