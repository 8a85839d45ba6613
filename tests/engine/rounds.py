"""What the tests of rounds share: three nodes with a service each, which see one /etc/pve and have root's helper."""

from __future__ import annotations

import base64
import os
import socket
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from drive import VirtualClock
from prs.config.load import Settings
from prs.endpoint import Endpoint
from prs.engine.daemon.host import Host
from prs.engine.daemon.service import Service
from prs.engine.daemon.systemd import Notifier
from prs.engine.drain.shared_holds import FOLDER, SharedHolds
from prs.engine.journal.hold import Hold
from prs.engine.journal.journal import Journal
from prs.engine.rolling.hooks import Hook, RunHook, Stage, no_hooks
from prs.engine.rolling.shared_round import SharedRound
from prs.engine.rolling.stages import Round, RoundOptions, Verb, begin
from prs.engine.rolling.wishes import asked
from prs.errors import HelperError, RoundChanged
from prs.helper import root
from prs.model import Policy
from prs.pve.api import Api
from simcluster import InProcessApi
from simcluster.ha_rules import Resource
from simcluster.scenes import small
from simcluster.world import Flavour, World

ENDPOINT = Endpoint(("pve1",), "root@pam", password="x")


@dataclass
class Node:
    """A node's own things: its journal, and its service while that runs."""

    name: str
    journal: Journal
    service: Service | None = None


class Cluster:
    """The small lab, or another world; each node runs the service, which dies with the node and comes back with it."""

    def __init__(self, folder: Path, flavour: Flavour, ha: Collection[int] = (), world: World | None = None) -> None:
        self.world: World = world or small(flavour)
        for vmid in ha:
            self.world.ha.add(Resource(self.world.guests[vmid].sid))
        for guest in self.world.guests.values():
            self.world.life.load(guest.vmid, guest.memory // 2)
        self.world.clock.sleep(1800)
        self.folder, self.pve, self.clock = folder, folder / "pve", VirtualClock(self.world)
        for node in self.world.nodes:
            (self.pve / "nodes" / node).mkdir(parents=True)
            (folder / node).mkdir()
        self.hosts = {node: Node(node, Journal(folder / node / "journal.sqlite")) for node in self.world.nodes}
        self.ahead = dict[str, float]()  # seconds by which a node's clock is ahead of the others'
        self.off = set[str]()  # nodes whose service does not run though the node does
        self.before = self.places
        self.written = 0
        self.hook: RunHook = no_hooks
        self.ran: list[tuple[str, str, str]] = []  # the hooks that were begun: host, stage, node
        self.user = "root@pam"  # the services' account
        self.hangs = False  # a hook that runs is not waited for

    @property
    def places(self) -> dict[int, str]:
        """Where the guests are, templates left out."""
        return {vmid: guest.node for vmid, guest in self.world.guests.items() if not guest.template}

    @property
    def rebooted(self) -> list[str]:
        """The nodes that have rebooted, in order."""
        return [line.split()[1] for line in self.world.story("node") if line.endswith("is told to reboot")]

    def shared(self, host: str) -> SharedRound:
        """The round as a host sees and writes it."""
        return SharedRound(self.pve / FOLDER, self.pve / "nodes", partial(self._write, host))

    def _write(self, host: str, digest: str, text: str) -> str:
        words = self.ask(host, f"round {digest} {base64.b64encode(text.encode()).decode()}")
        self.written += 1
        if words.startswith("changed"):
            raise RoundChanged(words)
        if not words.startswith("ok round "):
            raise HelperError(words)
        return words.removeprefix("ok round ")

    def ask(self, host: str, line: str) -> str:
        """One request to root's own code on a node; without quorum /etc/pve takes no write."""
        if not self.world.quorate or not self.world.nodes[host].alive:
            return "failed: Permission denied (has the cluster quorum?)"
        ours, theirs = socket.socketpair()
        with ours, theirs:
            ours.sendall(f"{line}\n".encode())
            places = root.Places(self.pve / "nodes", "false", self.pve / FOLDER, self.pve / "priv" / "prs", self.pve / "alive", host)
            return root.serve(theirs, os.getuid(), places)

    def _list(self, host: str, put: bool, one: Hold) -> None:
        line = f"free {one.node} {one.job}"
        if put:
            line = f"hold {one.node} {one.job} {int(one.since)} {int(one.maintenance)} {one.host} {one.user}"
        if not (words := self.ask(host, line)).startswith("ok"):
            raise HelperError(words)

    def round(self) -> Round:
        """The round as it is written."""
        one = self.shared("pve1").read()
        assert one is not None
        return one

    def begin(
        self, *nodes: str, holder: str = "pve1", options: RoundOptions | None = None, kill_after: int = 0,
        domains: tuple[tuple[str, tuple[str, ...]], ...] = (), batches: tuple[tuple[str, ...], ...] = (),
    ) -> None:  # fmt: skip
        """Write a new round; nodes of one of `batches` are serviced together."""
        numbers = {node: number for number, batch in enumerate(batches, 1) if len(batch) > 1 for node in batch}
        shared = self.shared(holder)
        shared.read()
        policy, chosen = Policy(containers=True, kill_after=kill_after, domains=domains), options or RoundOptions()
        names, now = nodes or tuple(self.world.nodes), self.clock.time()
        shared.put(begin("0123456789ab", "root@pam", names, policy, chosen, holder, now, numbers))

    def ask_for(self, verb: Verb, node: str = "", host: str = "pve2") -> None:
        """What a user asks for, from any node's tab."""
        shared = self.shared(host)
        one = shared.read()
        assert one is not None
        shared.put(asked(one, verb, node, self.clock.time() + self.ahead.get(host, 0.0)))

    def service(self, name: str) -> Service:
        """A new process of a node's service; one that runs there is killed."""
        host, folder = self.hosts[name], self.folder / name
        settings = Settings(folder / "prs.conf", endpoint=ENDPOINT, state_dir=folder, automation="off",
                            policy=Policy(containers=True))  # fmt: skip
        holds = SharedHolds(self.pve / FOLDER, name, partial(self._list, name, True), partial(self._list, name, False))
        around = Host(lambda: settings, lambda endpoint: self.api(name), name, self.world.ha_maintenance, holds,
                      alive=lambda now: self.alive(), shared_round=self.shared(name), hook=partial(self._hooked, name))  # fmt: skip
        clock = VirtualClock(self.world, self.ahead.get(name, 0.0))
        host.service = Service(around, settings, host.journal, clock, Notifier({}))  # type: ignore[arg-type]
        return host.service

    def api(self, host: str) -> Api:
        """How a node's service asks PVE."""
        return InProcessApi(self.world, self.user, host)

    def _hooked(self, host: str, stage: Stage, node: str, stopped: Callable[[], bool]) -> Hook | None:
        self.ran.append((host, stage, node))
        return self.hook(stage, node, stopped)

    def alive(self) -> set[str]:
        """The nodes whose service gives signs."""
        return {name for name, node in self.world.nodes.items() if node.alive and name not in self.off}

    def live(self, seconds: float) -> None:
        """Let all services work that can."""
        until = self.clock.time() + seconds
        while self.clock.time() < until:
            self.tick()

    def tick(self) -> None:
        """One turn of each service."""
        for name, host in self.hosts.items():
            if name not in self.alive():
                host.service = None
                continue
            (host.service or self.service(name)).turn()
            end = time.monotonic() + 60
            while not self.hangs and host.service is not None and host.service._carrier._hooks.busy:
                assert time.monotonic() < end, "a hook that does not end"
                time.sleep(0.001)
        self.clock.sleep(5.0)

    def finish(self, hours: float = 6.0) -> Round:
        """Let it go on until the round has ended."""
        until = self.clock.time() + hours * 3600
        while self.round().open:
            assert self.clock.time() < until, (self.round(), self.world.story()[-20:])
            self.tick()
        return self.round()

    def until(self, step: str, node: str = "") -> Round:
        """Let it go on until it is at this step (of this node's turn)."""
        until = self.clock.time() + 4 * 3600
        while (turn := self.round().turn) is None or turn.step != step or (node and turn.node != node):
            assert self.round().open, self.round()
            assert self.clock.time() < until, self.round()
            self.tick()
        return self.round()
