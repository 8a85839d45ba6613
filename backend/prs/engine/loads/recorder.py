"""Asks who leads, every five minutes and whenever another service comes or goes, and takes a reading of all loads on the node that does."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from dataclasses import replace

from prs.engine.clock import SystemClock
from prs.engine.loads.history import Counted, LoadHistory
from prs.engine.loads.link_speeds import LinkSpeeds
from prs.engine.loads.memory import LoadMemory
from prs.errors import PrsError
from prs.model import Node, Policy, Reading
from prs.pve.api import Api
from prs.pve.read.resources import fullest, nodes, reading, uptimes
from prs.pve.read.values import rows

log = logging.getLogger(__name__)

EVERY = 300.0  # seconds between two readings
LEARNS = 3600.0  # seconds between two looks at finished migrations on a node that does not lead


class Recorder:
    """Fills memory and history of loads; failures wait for the next reading."""

    def __init__(
        self, memory: LoadMemory, clock: SystemClock, connect: Callable[[], Api], leads: Callable[[Api], object], counted: Counted
    ) -> None:
        """`connect` logs in, `leads` asks who leads and tells it by `told`, `counted` says which nodes count for the spread."""
        self._speeds, self._history, self._counted = LinkSpeeds(memory.path), LoadHistory(memory.path), counted
        self.memory, self._clock, self._connect, self._leads = memory, clock, connect, leads
        self._next, self._asked, self._learned = clock.monotonic(), -EVERY, -LEARNS
        self._leading = False
        self._alive = frozenset[str]()
        self.fullest = 0.0  # share of its memory that the fullest node used at the last reading
        self.returned = 0.0  # when the node came up that did so last, in Unix time

    def turn(self, alive: Collection[str]) -> None:
        """Take a reading when one is due; `alive` are the nodes whose service is, from which the one that leads is chosen."""
        now = self._clock.monotonic()
        before, self._alive = self._alive, frozenset(alive)
        came_or_went = self._alive != before
        if now < self._next:
            if came_or_went:  # the tab tells what the node says that leads: a wrong one for minutes tells nothing
                self._try(lambda: self._leads(self._connect()))
            return
        self._next = now + EVERY
        self._try(lambda: self._read(now, came_or_went))

    def _try(self, ask: Callable[[], object]) -> None:
        try:
            ask()
        except PrsError as error:
            log.debug("no reading for the memory of loads: %s", error)

    def _read(self, now: float, came_or_went: bool) -> None:
        api = self._connect()
        if came_or_went or now - self._asked >= EVERY:
            self._leads(api)
        if not self._leading and now - self._learned >= LEARNS:
            self._learned = now
            self._speeds.learn(api)  # who leads does so before its runs; the tab and the command of any node reckon with them
        if self._leading:
            data = rows(api.get("/cluster/resources"))
            self._take(reading(data), nodes(data, []))
            self.fullest = fullest(data)
            self.returned = self._clock.time() - min(uptimes(data).values(), default=self._clock.time())

    def learned(self, api: Api, policy: Policy) -> Policy:
        """The policy with the speeds of links, after a look at the migrations that have finished since."""
        self._speeds.learn(api)
        return replace(policy, speeds=self._speeds.known())

    def told(self, leading: bool) -> None:
        """Whether this node leads, as it was asked just now."""
        self._leading, self._asked = leading, self._clock.monotonic()

    def made(self, reading: Reading, nodes: Collection[Node]) -> None:
        """Take the reading that a plan has made just now; the next one is due five minutes from here."""
        self._take(reading, nodes)
        self.fullest = 0.0
        self._next = self._clock.monotonic() + EVERY

    def _take(self, found: Reading, nodes: Collection[Node]) -> None:
        now = self._clock.time()
        self.memory.add(found, now)
        self._history.add(found, nodes, self._counted, now)
