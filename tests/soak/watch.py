"""What must hold whatever happens: looked at after every round of every job."""

from __future__ import annotations

import re
from collections import Counter
from itertools import combinations

from drive import Drive
from prs.engine.journal.jobs import Job, Step
from prs.model import Plan
from simcluster.gate import may

# What other people, PVE and the dice do can fill a node or bring guests together; then only our own doing is judged.
FOREIGN = ("kill", "maintenance", "move", "load", "appear", "start")
STARTED = re.compile(r"task (?:qmigrate|vzmigrate|hamigrate) (\d+) started by prs@pve!daemon")


class Watch:
    """Collects every breach of a promise, each as a sentence."""

    def __init__(self, drive: Drive, faults: list[str]) -> None:
        self.world, self.journal, self.faults = drive.world, drive.journal, faults
        self.user, self.on_a_node = drive.api.user, drive.roster is not None
        self.breaches: list[str] = []
        self._ended: set[tuple[str, int]] = set()
        self._expected, blind = set(self.world.guests), self.hidden()
        # Of a guest that the account does not see nobody can know the tags.
        shown = {vmid: guest for vmid, guest in self.world.guests.items() if vmid not in blind}
        self._tagged = {vmid: (guest.node, guest.tags) for vmid, guest in shown.items() if guest.tags}
        self._met: set[tuple[int, int]] = set()
        self._refused: set[str] = set()  # nodes of which a drain was refused because guests are hidden

    def hidden(self) -> set[int]:
        """The guests that the account may not see."""
        return {vmid for vmid in self.world.guests if not may(self.world, self.user, f"/vms/{vmid}", "VM.Audit")}

    def planned(self, plan: Plan) -> None:
        """What a plan says of guests that its maker does not see: on a node their number, elsewhere that there may be some."""
        blind, words = self.hidden(), " ".join((plan.summary, *plan.warnings))
        here = sorted(vmid for vmid in blind if self.world.guests[vmid].node == plan.node)
        what = f"plan {plan.kind} {plan.node} ({plan.summary})"
        if touched := sorted(blind & {move.vmid for move in plan.moves}):
            self.breaches.append(f"{what} moves {touched}, which the account does not see")
        if self.on_a_node and here and plan.node not in self._refused:
            self.breaches.append(f"{what} was made, though {here} there are hidden from the account, as the cluster's own list tells")
        if self.on_a_node and here and re.search(rf"\bempt(y|ies) {plan.node}\b", plan.summary):
            self.breaches.append(f"{what} claims to empty the node, on which {here} are hidden")
        if self.on_a_node and blind and "hidden from" not in words:
            self.breaches.append(f"{what} does not say that {sorted(blind)} are hidden")
        if not self.on_a_node and plan.kind == "drain" and "may see" not in words:
            self.breaches.append(f"{what} does not say how far the account sees")

    def refused(self, node: str) -> None:
        """No plan was made for the drain: there must be guests that are hidden."""
        self._refused.add(node)
        if not self.hidden():
            self.breaches.append(f"the drain of {node} was refused though the account sees every guest")

    def look(self, job_id: str) -> None:
        """Compare what the job says of the steps that have just ended with the cluster itself."""
        job = self.journal.job(job_id)
        for step in job.steps:
            if step.open or (job.id, step.seq) in self._ended:
                continue
            self._ended.add((job.id, step.seq))
            self._judge(job, step)
        if not job.open and job.kind == "drain" and job.state == "done":
            self._empty(job)
        self._tags(job)

    def _tags(self, job: Job) -> None:
        """What tags ask for, of guests that nobody but us has moved."""
        if set(FOREIGN) & set(self.faults):
            return
        where = {vmid: self.world.guests[vmid].node for vmid in self._tagged if vmid in self.world.guests}
        for vmid, node in where.items():
            first, tags = self._tagged[vmid]
            pins = {tag.removeprefix("plb_pin_") for tag in tags if tag.startswith("plb_pin_")}
            if node != first and ("plb_ignore" in tags or (pins and node not in pins)):
                self.breaches.append(f"job {job.kind} {job.node}: guest {vmid} with tags {', '.join(tags)} went from {first} to {node}")
        apart = sorted(vmid for vmid in where if "plb_anti_affinity_a" in self._tagged[vmid][1])
        for pair in combinations(apart, 2):
            if where[pair[0]] == where[pair[1]] and pair not in self._met:
                self._met.add(pair)
                self.breaches.append(f"job {job.kind} {job.node}: {pair[0]} and {pair[1]}, apart by tag, met on {where[pair[0]]}")
        # A stopped guest keeps with others only where stopped guests are moved too.
        awake = [vmid for vmid in where if self.world.guests[vmid].running]
        bound = [vmid for vmid in awake if "plb_affinity_b" in self._tagged[vmid][1]]
        together, before = {where[vmid] for vmid in bound}, {self._tagged[vmid][0] for vmid in bound}
        wider = len(together) > max(1, len(before))
        if job.state == "done" and not self.faults and wider and all(step.state == "done" for step in job.steps):
            self.breaches.append(f"job {job.kind} {job.node} is done, and parted guests that belong together by tag: {sorted(together)}")

    def _judge(self, job: Job, step: Step) -> None:
        guest = self.world.guests.get(step.vmid)
        where = guest.node if guest else "nowhere"
        what = f"job {job.kind}, step {step.seq} of {step.vmid} {step.source} -> {step.target} is {step.state} ({step.message})"
        # Whoever was deleted a while after it had arrived did arrive.
        if step.state == "done" and where != step.target and not self._deleted_there(step):
            self.breaches.append(f"{what}, but the guest is on {where}")
        if step.state in ("failed", "cancelled") and where == step.target and step.upid and not step.ha:
            self.breaches.append(f"{what}, but the guest is on its target")
        resource = self.world.ha.resources.get(guest.sid) if guest else None
        wish = self.world.ha.rules.wish(resource) if resource else None
        if step.state == "done" and wish and wish.strict and where not in wish.nodes:
            self.breaches.append(f"{what}, but a rule binds it to {', '.join(wish.nodes)}")
        if step.state in ("failed", "skipped", "unknown") and not step.message:
            self.breaches.append(f"{what}: no reason is given")
        moving = [task for task in self.world.tasks.running("qmigrate", "vzmigrate") if task.vmid == step.vmid]
        ours = [task for task in moving if task.upid == step.upid]
        if step.state in ("done", "failed", "cancelled") and ours and not (step.state == "done" and ours[0].moved):
            self.breaches.append(f"{what}, but its migration still runs")

    def close(self, jobs: list[Job]) -> list[str]:
        """Judge the end: everything has ended, nothing is lost or was done twice, no rule was broken, no node overfilled."""
        for job in jobs:
            if job.open or any(step.open for step in job.steps):
                self.breaches.append(f"job {job.kind} {job.node} has no end: {job.state} ({job.message})")
        appeared = {guest for guest in self.world.guests if guest >= 900}
        lost = self._expected - self._deleted() - set(self.world.guests)
        if lost or set(self.world.guests) - self._expected - appeared:
            self.breaches.append(f"guests were lost or made up: {lost}")
        self._twice(jobs)
        if not set(FOREIGN) & set(self.faults):
            self.breaches += [f"overfilled: {event}" for event in self.world.overfilled]
        self.breaches += [f"rule broken: {event}" for event in self.world.clashes]
        self.breaches += self.world.schema_errors
        return self.breaches

    def _deleted(self) -> set[int]:
        return {int(match[1]) for line in self.world.story("guest") if (match := re.search(r" (\d+) \(\S*\) is deleted", line))}

    def _deleted_there(self, step: Step) -> bool:
        arrivals = [line for line in self.world.story("migration") if f" {step.vmid} (" in line and ", came from " in line]
        return step.vmid in self._deleted() and bool(arrivals) and f" is on {step.target}, " in arrivals[-1]

    def _empty(self, job: Job) -> None:
        there = [guest for guest in self.world.on(job.node) if not guest.template and (job.plan.stopped or guest.running)]
        blind = set() if self.on_a_node else self.hidden()
        if left := [guest.label for guest in there if guest.vmid not in blind]:
            self.breaches.append(f"drain of {job.node} is done, but {', '.join(left)} are there")
        if not self.on_a_node and f"as far as {self.user} may see" not in job.message:
            self.breaches.append(f"drain of {job.node} is done ({job.message}), and does not say how far the account sees")

    def _twice(self, jobs: list[Job]) -> None:
        steps = Counter(step.vmid for job in jobs for step in job.steps)
        started = Counter(int(match[1]) for line in self.world.story("task") if (match := STARTED.search(line)))
        for vmid, count in sorted(started.items()):
            if count > steps[vmid]:
                self.breaches.append(f"guest {vmid}: {count} migrations were started by us for {steps[vmid]} steps")
