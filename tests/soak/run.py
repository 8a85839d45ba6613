"""One seed: a cluster, one or two jobs, faults, deaths of our own process, commands of the user; then what was broken."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

from drive import Drive
from prs.engine.drain.release import plan_release
from prs.engine.execution.executor import TICK
from prs.errors import HelperError, JobConflict, PlanError, PveError
from prs.model import Plan
from simcluster.world import Flavour
from soak import chance
from soak.watch import Watch

FLAVOURS: tuple[Flavour, Flavour] = ("8", "9")
USER = "prs@pve!daemon"
BLIND = 0.25  # share of seeds in which the account does not see every guest
LIMIT = 10 * 3600.0  # virtual seconds in which every job must have ended


class Run:
    """Everything about one seed; `log` tells its story."""

    def __init__(self, seed: int, flavour: Flavour, folder: Path) -> None:
        self.dice = random.Random(seed)
        self.world = chance.cluster(self.dice, flavour)
        switch = self._switch if self.dice.random() < 0.6 else None
        sight = random.Random(f"sight {seed}")  # dice of its own: the seeds in which all is seen are what they were
        on_a_node = sight.random() < 0.8
        if sight.random() < BLIND:
            chance.blind(sight, self.world, USER)
            on_a_node = sight.random() < 0.5
        self.drive = Drive(self.world, folder, chance.policy(self.dice), USER, switch, on_a_node=on_a_node)
        self.log: list[str] = [f"seed {seed}: PVE {self.world.flavour}, {len(self.world.nodes)} nodes, {len(self.world.guests)} guests"]
        self.jobs: list[str] = []

    def _switch(self, node: str, on: bool) -> None:
        if self.dice.random() < 0.1:
            raise HelperError("the helper for HA maintenance mode does not answer: Connection refused")
        self.world.ha_maintenance(node, on)

    def go(self) -> list[str]:
        """Play it and give the breaches."""
        entries = chance.faults(self.dice, self.world)
        self.watch = Watch(self.drive, [entry["do"] for entry in entries])
        self.log[0] += f", {len(self.watch.hidden())} hidden" if self.watch.hidden() else ""
        for _ in range(self.dice.choice((1, 1, 1, 2))):
            self._queue()
        for entry in entries:
            self.world.faults.add(entry)
            self.log.append(f"fault {entry}")
        self._carry_out()
        if self.drive.journal.held() and self.dice.random() < 0.4:
            self._release()
        self.log += self.world.story()
        jobs = [self.drive.journal.job(job_id) for job_id in self.jobs]
        for job in jobs:
            self.log.append(f"ended: {job.kind} {job.node}: {job.state} ({job.message})")
            self.log += [f"  {step.seq} {step.label} {step.source} -> {step.target}: {step.state} ({step.message})" for step in job.steps]
        self.drive.journal.close()
        return self.watch.close(jobs)

    def _queue(self) -> None:
        node = self.dice.choice([*self.world.nodes, *self.world.nodes, ""])
        try:
            self._accept(self._plan(node))
        except JobConflict as error:
            self.log.append(str(error))

    def _plan(self, node: str) -> Plan:
        """A plan; a drain that is refused because guests are hidden is asked for again as one that leaves what must stay."""
        try:
            return self.drive.plan(node)
        except PlanError as error:
            self.log.append(str(error))
            self.watch.refused(node)
            return self.drive.plan(node, leave=True)

    def _accept(self, plan: Plan) -> None:
        self.log.append(f"plan: {plan.summary}")
        self.watch.planned(plan)
        if plan.feasible and plan.moves:
            self.jobs.append(self.drive.queue(plan))

    def _carry_out(self) -> None:
        """Tick every job until all have ended; now and then our process dies, or the user asks for something."""
        executors = {job_id: self.drive.executor(job_id) for job_id in self.jobs}
        deadline, wild = self.world.clock.time() + LIMIT, self.dice.random() < 0.5
        while executors and self.world.clock.time() < deadline:
            for job_id in list(executors):
                if wild and self.dice.random() < 0.02:
                    executors[job_id] = self.drive.executor(job_id)  # kill -9 and a new start
                    self.world.clock.sleep(self.dice.choice((0, 5, 60)))
                if wild and self.dice.random() < 0.004:
                    self.drive.journal.request(job_id, self.dice.choice(("pause", "cancel", "abort")))
                if self.drive.journal.job(job_id).request == "pause" and self.dice.random() < 0.05:
                    self.drive.journal.request(job_id, "")
                ended = executors[job_id].tick()
                self.watch.look(job_id)
                if ended:
                    del executors[job_id]
            self.world.clock.sleep(TICK)

    def _release(self) -> None:
        """The way back of the first node that is kept empty, after the faults."""
        self.world.clock.sleep(1200)
        held = next(iter(self.drive.journal.held().values()))
        try:
            _, plan, policy = plan_release(self.drive.api, self.drive.holds, held, self.world.clock.time())
        except (PlanError, PveError) as error:
            self.log.append(f"no way back: {error}")
            return
        self.log.append(f"way back: {plan.summary}")
        if plan.moves:
            journal, user = self.drive.journal, self.drive.api.user
            node = held.node if held.maintenance else ""
            plan_id = journal.add_plan(plan, policy, user)
            self.jobs.append(journal.add_job(plan_id, user, "cli", self.world.clock.time(), maintenance=node))
            executor = self.drive.executor(self.jobs[-1])
            deadline = self.world.clock.time() + LIMIT
            while not executor.tick() and self.world.clock.time() < deadline:
                self.watch.look(self.jobs[-1])
                if self.drive.journal.job(self.jobs[-1]).request == "pause" and self.dice.random() < 0.05:
                    self.drive.journal.request(self.jobs[-1], "")
                self.world.clock.sleep(TICK)
            self.watch.look(self.jobs[-1])


def play(seed: int, flavour: Flavour) -> tuple[list[str], list[str]]:
    """What was broken with this seed on this release of PVE, and its story."""
    shm = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shm if shm.is_dir() else None) as folder:
        run = Run(seed, flavour, Path(folder))
        return run.go(), run.log
