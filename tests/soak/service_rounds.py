"""One random round of the services: deaths of the carrier and of its process, no quorum, hooks, riders, users; what was broken."""

from __future__ import annotations

import random
import re
import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from engine.rounds import Cluster
from engine.test_round_story import RACKS, RIDER, lab
from prs.engine.journal.rides import drains_with_rides
from prs.engine.rolling.batches.batched import Facts, batched
from prs.engine.rolling.hooks import Hook, Stage
from prs.engine.rolling.stages import Round, RoundOptions, Verb
from prs.errors import HelperError, PlanError
from prs.pve.read.quorum import Votes
from simcluster.ceph import Ceph
from simcluster.world import Flavour

BOUND = 105  # bound to its node by its hardware
AWAY = 900.0  # virtual seconds that a node is dead for
LONGEST = 12 * 3600.0  # virtual seconds in which every round has ended


class ServiceRound:
    """Everything about one seed; `log` tells its story, `broken` what must never be."""

    def __init__(self, seed: int, flavour: Flavour, folder: Path) -> None:
        self.dice = dice = random.Random(f"round of the services {seed}")
        self.wide = random.Random(f"width {seed}").random() < 0.4  # five nodes, of which some may be serviced together
        ha = [vmid for vmid in (101, 102, 107) if dice.random() < 0.4]
        self.site = site = five(folder, flavour) if self.wide else Cluster(folder, flavour, ha)
        self.world = world = site.world
        self.rider = RIDER if self.wide else BOUND
        if not self.wide or dice.random() < 0.3:
            world.ceph = Ceph(osds={"pve1": [0], "pve2": [1], "pve3": [2]}, mons=("pve1", "pve2", "pve3"))
        self.ceph = world.ceph or Ceph()
        self.flag = dice.random() < 0.2  # the administrator's own
        self.ceph.flags = {"noout"} if self.flag else set()
        rides = (self.rider,) if dice.random() < 0.7 else ()
        if rides:
            world.guests[self.rider].config["hostpci0"] = "0000:01:00.0"
            world.guests[self.rider].stops = dice.random() < 0.85
            world.guests[self.rider].config["onboot"] = int(dice.random() < 0.5)
        self.options = RoundOptions(reboot=dice.random() < 0.85, hooks=dice.random() < 0.6, rides=rides)
        self.before = {vmid: (guest.node, guest.running) for vmid, guest in world.guests.items() if not guest.template}
        self.broken, self.log = list[str](), [f"round of the services {seed}: PVE {flavour}"]
        self.died = set[int]()  # guests that a node's death has switched off: not ours to bring back
        # A server may need longer than PVE's history of it can have holes for.
        world.life.boot_time = random.Random(f"boots {seed}").choice((90.0, 90.0, 420.0, 1200.0))
        self.deaths, self.agreed, self.back = dice.choice((0, 0, 1, 2)), Counter[tuple[str, str]](), dict[str, float]()
        self.dead_end = dice.random() < 0.1  # a node that is told to reboot stays away
        self.quorum = 0.0  # until when there is none
        site.hook = self.hook
        self._watch_reboots()

    def _watch_reboots(self) -> None:
        power_off, revive = self.world.life.power_off, self.world.life.revive

        def watched(name: str, reboot: bool) -> None:
            left = [guest.vmid for guest in self.world.on(name) if guest.running]
            self.broken += [f"{name} is told to reboot with {left} running"] if left and reboot else []
            power_off(name, reboot)

        self.world.life.power_off = watched  # type: ignore[method-assign]
        self.revive = revive
        if self.dead_end:
            self.world.life.revive = lambda name: None  # type: ignore[method-assign]

    def hook(self, stage: Stage, node: str, stopped: Callable[[], bool]) -> Hook | None:
        """A site whose hooks fail or hang now and then, and which has not all of them."""
        ran = sum((at, to) == (stage, node) for _, at, to in self.site.ran)
        if ran > 1 + self.agreed[stage, node]:
            self.broken.append(f"the hook {stage} ran {ran} times for {node}, and nobody had agreed to that")
        kind = self.dice.random()
        if kind < 0.05:
            return Hook(stage, "failed", 1, "no")
        return Hook(stage, "hung", seconds=1800.0) if kind < 0.08 else Hook(stage, "done", 0) if kind < 0.7 else None

    def _user(self, one: Round) -> None:
        """What a user, who looks now and then, asks for."""
        turn = one.turn
        if turn is None:
            return
        rests = one.paused or turn.step == "by-hand"
        if self.dice.random() < (0.05 if rests else 0.001):
            verbs: tuple[Verb, ...] = ("resume", "resume", "resume", "skip", "stop") if rests else ("pause", "skip", "stop")
            verb = self.dice.choice(verbs)
            with suppress(PlanError, HelperError):
                self.site.ask_for(verb, turn.node, self.dice.choice(sorted(self.site.alive())))
                self.log.append(f"a user asks to {verb} at {turn.step} of {turn.node}")
                if verb == "resume" and turn.halted:
                    self.agreed[turn.step, turn.node] += 1

    def _fate(self, one: Round) -> None:
        """Processes, nodes and the quorum go, and come back."""
        now, turn = self.world.clock.time(), one.turn
        for name in [name for name, when in self.back.items() if now >= when]:
            del self.back[name]
            self.revive(name)
        if self.quorum and now >= self.quorum:
            self.quorum = 0.0
            self.world.life.quorum(True)
        kind = self.dice.random()
        if kind < 0.01:
            self.site.service(one.holder)
            self.log.append(f"the service of {one.holder} dies at {turn.step if turn else 'the end'}")
        elif kind < 0.0115 and not self.back and not self.quorum:
            self.quorum = now + self.dice.choice((20.0, 120.0))
            self.world.life.quorum(False)
        elif kind < 0.013 and self.deaths and turn and not self.quorum and all(node.alive for node in self.world.nodes.values()):
            self.deaths -= 1
            self.log.append(f"{one.holder} dies at {turn.step} of {turn.node}")
            self.died |= {guest.vmid for guest in self.world.on(one.holder)}
            self.world.life.kill(one.holder)
            self.back[one.holder] = now + AWAY

    def go(self) -> None:
        """Play it, and look at what is left."""
        names = sorted(self.world.nodes)
        nodes = self.dice.sample(names, self.dice.choice((2, 3, 4, 5) if self.wide else (1, 2, 2, 3)))
        racks = {node: rack for rack, members in RACKS for node in members} if self.wide and self.dice.random() < 0.3 else {}
        facts = Facts(Votes(dict.fromkeys(names, 1)), names, self.ceph.osds.keys(), racks)
        groups = batched(nodes, 3 if self.wide else 1, facts).groups
        self.log.append(f"together: {groups}")
        self.site.begin(*nodes, holder=self.dice.choice(names), options=self.options, batches=tuple(map(tuple, groups)))
        end = self.world.clock.time() + LONGEST
        while (one := self.site.round()).open:
            if self.world.clock.time() > end:
                self.broken.append(f"the round does not end: {one}")
                return
            self._user(one)
            self._fate(one)
            self.site.tick()
        self.log.append(f"ended: {one.state} {one.message}")
        for name in self.back:
            self.revive(name)
        if self.quorum:
            self.world.life.quorum(True)
        self.site.live(300)
        self._look(one)

    def _look(self, one: Round) -> None:
        if ("noout" in self.ceph.flags) != self.flag:
            self.broken.append("the flag noout was left behind" if not self.flag else "the administrator's flag noout was cleared")
        held = sorted({node for host in self.site.hosts.values() for node in host.journal.held()})
        if one.state == "done" and held:
            self.broken.append(f"done, and {', '.join(held)} is kept empty")
        said = [node for node in held if f"{node} is kept empty" in one.message or f"{node} was told" in one.message]
        self.broken += [f"{node} is kept empty, and the round does not say so" for node in held if node not in said]
        modes = sorted(self.world.ha.in_maintenance - set(held))
        self.broken += [f"{node} is in HA maintenance mode, and not kept empty" for node in modes]
        if held:
            return  # its user has to say what becomes of it
        for vmid, (node, running) in self.before.items():
            guest = self.world.guests[vmid]
            named = vmid in self.died or re.search(rf"\b{vmid} (\(|is on)", one.message)
            if not named and (guest.node, guest.running) != (node, running):
                self.broken.append(f"{vmid} is on {guest.node} ({guest.status}), and was on {node}")
        for name, host in self.site.hosts.items():
            if left := drains_with_rides(host.journal):
                self.broken.append(f"guests of {left} count as shut down on {name}")
            self.broken += [f"job {job.id} of {name} is still open" for job in host.journal.jobs(only_open=True)]


def five(folder: Path, flavour: Flavour) -> Cluster:
    """The five nodes of the story, with Ceph's daemons nowhere and no device in a guest."""
    site = lab(folder, flavour)
    site.world.ceph = None
    del site.world.guests[RIDER].config["hostpci0"]
    return site


def play_service_round(seed: int, flavour: Flavour) -> tuple[list[str], list[str]]:
    """Play one; the breaches and the story."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        one = ServiceRound(seed, flavour, Path(folder))
        one.go()
        return one.broken, [*one.log, *one.world.story()[-60:]] if one.broken else one.log
