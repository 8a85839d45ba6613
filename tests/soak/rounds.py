"""One random rolling run: Ceph, guests that ride along, hooks that fail, nodes that stay away, deaths of our process; what was broken."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable
from pathlib import Path

from drive import Drive
from prs.engine.drain.release import plan_release
from prs.engine.journal.jobs import Job
from prs.engine.journal.rides import drains_with_rides
from prs.engine.rolling.hooks import Hook, Stage
from prs.engine.rolling.rolling import Actions, Rolling
from prs.engine.rolling.runs import RollingRun, RollingRuns
from prs.errors import PlanError
from prs.model import Policy
from simcluster.ceph import Ceph
from simcluster.ha_rules import Resource
from simcluster.scenes import small
from simcluster.world import Flavour

RIDER = 105  # bound to its node by its hardware
PAUSE = 10.0  # virtual seconds between two ticks


class Killed(BaseException):
    """Stands for SIGKILL."""


class Round:
    """Everything about one seed; `log` tells its story, `broken` what must never be."""

    def __init__(self, seed: int, flavour: Flavour, folder: Path) -> None:
        self.dice = dice = random.Random(f"round {seed}")
        self.world = world = small(flavour)
        for vmid in (101, 102, 107):
            if dice.random() < 0.4:
                world.ha.add(Resource(world.guests[vmid].sid))
        for guest in world.guests.values():
            world.life.load(guest.vmid, guest.memory // 2)
        world.clock.sleep(1800)
        world.ceph = self.ceph = Ceph(osds={"pve1": [0], "pve2": [1], "pve3": [2]}, mons=("pve1", "pve2", "pve3"))
        self.flag = dice.random() < 0.2  # the administrator's own
        self.ceph.flags = {"noout"} if self.flag else set()
        rides = (RIDER,) if dice.random() < 0.7 else ()
        if rides:
            world.guests[RIDER].config["hostpci0"] = "0000:01:00.0"
            world.guests[RIDER].stops = dice.random() < 0.85
        self.drive = Drive(world, folder, Policy(containers=True, rides=rides), "root@pam", world.ha_maintenance)
        self.before = {vmid: (guest.node, guest.running) for vmid, guest in world.guests.items() if not guest.template}
        self.runs, self.broken, self.log, self.fuse = RollingRuns(self.drive.journal), list[str](), [f"round {seed}: PVE {flavour}"], 0
        self._watch_reboots()

    def _watch_reboots(self) -> None:
        power_off, revive, away = self.world.life.power_off, self.world.life.revive, self.dice.random() < 0.15

        def watched(name: str, reboot: bool) -> None:
            left = [guest.vmid for guest in self.world.on(name) if guest.running]
            self.broken += [f"{name} is told to reboot with {left} running"] if left else []
            power_off(name, reboot)

        self.world.life.power_off = watched  # type: ignore[method-assign]
        self.world.life.revive = (lambda name: None) if away else revive  # type: ignore[method-assign]

    def hook(self, stage: Stage, node: str, stopped: Callable[[], bool]) -> Hook | None:
        """A site whose hooks fail or hang now and then."""
        kind = self.dice.random()
        self.world.clock.sleep(self.dice.choice((1, 30, 400)))
        if kind < 0.03:
            return Hook(stage, "failed", 1, "no")
        return Hook(stage, "hung", seconds=1800.0) if kind < 0.05 else Hook(stage, "done", 0) if kind < 0.6 else None

    def burn(self) -> None:
        """One more point at which the process may die has passed."""
        self.fuse -= 1
        if self.fuse == 0:
            raise Killed

    def work(self, job_id: str) -> Job:
        """Carry a job out in a process that may die."""
        executor, ticks = self.drive.executor(job_id), 0
        while not executor.tick():
            self.burn()
            ticks += 1
            if ticks > 8000:
                raise AssertionError(f"job {job_id} does not end: {self.drive.journal.job(job_id).message}")
            self.drive.clock.sleep(PAUSE)
        return self.drive.journal.job(job_id)

    def go(self) -> None:
        """Play it, starting anew after each death, and look at what is left."""
        nodes = self.dice.sample(("pve1", "pve2", "pve3"), self.dice.choice((1, 2)))
        run_id = self.runs.add(nodes, self.drive.policy, "root@pam", self.drive.clock.time())
        for _ in range(self.dice.choice((1, 2, 3))):
            self.fuse = self.dice.randrange(1, 120) if self.dice.random() < 0.6 else 0
            try:
                run = self._once(run_id)
                break
            except Killed:
                self.log.append("died")
        else:
            self.fuse = 0
            run = self._once(run_id)
        self.fuse = 0
        self.log.append(f"ended: {run.state} {run.message}")
        self._look(run)

    def _once(self, run_id: str) -> RollingRun:
        for job in self.drive.journal.jobs(only_open=True):
            self.work(job.id)
        actions = Actions(self.work, lambda: False, self.log.append, self.world.ha_maintenance, True, self.drive.holds, hook=self.hook)
        return Rolling(self.drive.api, self.runs, self.drive.clock, run_id, actions).go()

    def _look(self, run: RollingRun) -> None:
        if ("noout" in self.ceph.flags) != self.flag:
            self.broken.append("the flag noout was left behind" if not self.flag else "the administrator's flag noout was cleared")
        held = self.drive.holds.own()
        if run.state == "done" and held:
            self.broken.append(f"done, and {', '.join(held)} is kept empty")
        self.broken += [f"{node} is kept empty, and the run does not say so" for node in held if f"release {node}" not in run.message]
        alive = [node for node in held if self.world.nodes[node].alive]
        for node in alive:
            self._release(node)
        if len(alive) < len(held):
            return  # what is bound to a node that is away stays away with it
        self.drive.clock.sleep(120)
        for vmid, (node, running) in self.before.items():
            guest = self.world.guests[vmid]
            if (guest.node, guest.running) != (node, running):
                self.broken.append(f"{vmid} is on {guest.node} ({guest.status}), and was on {node}")
        if left := drains_with_rides(self.drive.journal):
            self.broken.append(f"guests of {left} count as shut down")

    def _release(self, node: str) -> None:
        try:
            _, plan, policy = plan_release(self.drive.api, self.drive.holds, self.drive.holds.own()[node], self.drive.clock.time())
        except PlanError as error:
            self.broken.append(f"{node} cannot be released: {error}")
            return
        plan_id = self.drive.journal.add_plan(plan, policy, "root@pam")
        job_id = self.drive.journal.add_job(plan_id, "root@pam", "cli", self.drive.clock.time(), maintenance=node)
        job = self.work(job_id)
        self.log.append(f"released {node}: {job.state} {job.message}")


def play_round(seed: int, flavour: Flavour) -> tuple[list[str], list[str]]:
    """Play one; the breaches and the story."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        one = Round(seed, flavour, Path(folder))
        one.go()
        return one.broken, [*one.log, *one.world.story()[-60:]] if one.broken else one.log
