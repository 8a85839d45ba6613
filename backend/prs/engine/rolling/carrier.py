"""Who carries the round: one service at a time, which hands it on before its own node goes down; when it dies another goes on.

Every change is written over the version that was read, so that of two services that think the round is theirs only one can act.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import replace

from prs.engine.clock import Clock
from prs.engine.drain.ha_maintenance import Switch
from prs.engine.drain.holds import Holds
from prs.engine.journal.jobs import Job
from prs.engine.journal.rides import give_away
from prs.engine.rolling.batches.batched import separated
from prs.engine.rolling.deeds import Asked
from prs.engine.rolling.filling import Filling
from prs.engine.rolling.gates import PATIENCE
from prs.engine.rolling.holders import anew, handed, removed, taken
from prs.engine.rolling.hook_thread import HookThread
from prs.engine.rolling.hooks import RunHook, no_hooks
from prs.engine.rolling.neighbours import Neighbours
from prs.engine.rolling.noout import ROUND, remember, take_back_orphan
from prs.engine.rolling.riders import ORIGIN
from prs.engine.rolling.shared_round import SharedRound
from prs.engine.rolling.stages import Round, broken_off, noted
from prs.engine.rolling.steps.node_steps import NodeSteps
from prs.engine.rolling.wishes import leaving, left
from prs.errors import JournalError, NotFound, PrsError, PveError, RoundUnknown
from prs.pve.act import ceph
from prs.pve.api import Api

log = logging.getLogger(__name__)

LOOK = 10.0  # seconds between two looks at what is waited for
RENEW = 60.0  # seconds between two signs of the carrier
LEASE = 180.0  # seconds without a sign after which another looks whether the carrier's node is there
FORGOTTEN = 86400.0  # seconds without a sign after which nobody counts on the round any more: it is stopped, not gone on with
HANDED = 60.0  # seconds within which a service takes what it was handed


class Carrier:
    """The round as the service of `host` sees it. `alive` names the nodes whose service has given a sign lately."""

    def __init__(
        self, shared: SharedRound | None, holds: Holds, clock: Clock, host: str, connect: Callable[[], Api],
        alive: Callable[[float], Collection[str]], switch: Switch | None, hook: RunHook = no_hooks,
    ) -> None:  # fmt: skip
        self._shared, self._holds, self._journal, self._clock, self._host = shared, holds, holds.journal, clock, host
        self._connect, self._alive, self._switch, self._hooks = connect, alive, switch, HookThread(hook)
        self._api: Api | None = None
        self._steps: NodeSteps | None = None
        self._seen: tuple[str, float] = ("", 0.0)  # the version of the round, and since when (monotonic) it is that one
        self._next, self._asked, self._said = 0.0, 0.0, ""
        self._neighbours = Neighbours(self._pve, alive, clock, host)
        self._last: Round | None = None  # as it was read, or written, while this host carried it
        self.open = False  # whether a round goes on in the cluster, as far as is known
        self.at: Collection[str] = ()  # the nodes whose turn it is in a round that this host carries

    def turn(self) -> list[str]:
        """Go on with the round as far as it is this host's; the jobs of the journal that were ended because another carries it."""
        if self._shared is None:
            return []
        try:
            one = self._shared.read()
        except RoundUnknown as error:
            self._say(str(error))
            self.open = not self._shared.ended  # no guests are moved by schedule beside a round of which nothing is known
            return []
        if self._shared.digest != self._seen[0]:
            self._seen = self._shared.digest, self._clock.monotonic()
        self.open = one is not None and one.open
        mine = one is not None and one.holder == self._host
        before, self.at = self.at, [turn.node for turn in one.together] if one and mine else ()
        ended = self._fence(one)
        if one is None:
            self._without(before)
        else:
            known, self._last = self._last, one if one.open and mine else None
            remember(self._journal, one, mine)
            try:
                self._carry(self._expected(self._timed(one, known))) if one.open else self._clear(one)
            except JournalError:
                raise
            except PrsError as error:  # nothing was written: the next turn looks again
                self._say(str(error))
        return ended

    def forget(self) -> None:
        """The settings have changed: log in anew."""
        self._api = self._steps = None

    def _say(self, words: str) -> None:
        if words != self._said:
            self._said = words
            log.warning("%s", words)

    def _fence(self, one: Round | None) -> list[str]:
        """End the jobs of rounds in this journal that are not, or no longer, what the round's file says that this host does."""
        turn = one.turn if one and one.holder == self._host and not one.handed else None
        mine = turn.job if turn and turn.host == self._host else ""
        if turn is None:
            self._hooks.stop()
        if one and one.holder != self._host:
            give_away(self._journal, ORIGIN, one.created)
        ended = [job for job in self._journal.jobs(only_open=True) if job.origin == ORIGIN and job.id != mine]
        for job in ended:
            self._end(job)
        return [job.id for job in ended]

    def _end(self, job: Job) -> None:
        """What the job has set or moved is another host's business now: only its own row ends."""
        now, words = self._clock.time(), "the round of maintenance is carried by another host, or has ended"
        for step in job.steps:
            if step.open:
                self._journal.update_step(job.id, step.seq, state="unknown" if step.active else "skipped", message=words, ended=now)
        self._journal.update_job(job.id, state="cancelled", message=words, ended=now)
        log.warning("job %s ends: %s", job.id, words, extra={"job": job.id})

    def _timed(self, one: Round, known: Round | None) -> Round:
        """The round whose step at hand began now, by this host's clock, where a user of another node has said so by that one's."""
        turn, turns = one.turn, known.turns if known and known.id == one.id and one.holder == self._host else ()
        before = next((each for each in turns if turn and each.node == turn.node), turn)
        return one if turn is None or before is None or before.since == turn.since else self._put(anew(one, self._clock.time()))

    def _expected(self, one: Round) -> Round:
        """The round; one whose last sign is of another day, as after days without power, or of an old file, is taken back and ends."""
        if one.request == "stop" or abs(self._clock.time() - one.renewed) <= FORGOTTEN:
            return one
        return replace(one, request="stop", message="stopped, as no service has carried it on for a day")

    def _carry(self, one: Round) -> None:
        now, turn = self._clock.time(), one.turn
        if one.holder != self._host:
            self._take_over(one)
        elif turn is None:
            return
        elif one.handed:
            self._put(taken(one, self._host, now, self._ahead(one)))
        elif leaving(one):
            self._leave(one)
        elif one.paused:
            self._renewed(one)
        elif any(each.node == self._host for each in one.together):
            self._hand_on(one)
        elif self._clock.monotonic() >= self._next and (other := self._neighbours.with_ceph(one, turn)):
            self._put(handed(one, other, now))
        elif turn.job or self._clock.monotonic() >= self._next:
            self._next = self._clock.monotonic() + LOOK
            self._go_on(anew(one, now) if abs(now - one.renewed) >= PATIENCE else one)

    def _clear(self, one: Round) -> None:
        """Take back Ceph's flag, which the round could not, until that is done; where its carrier is gone, another does."""
        now = self._clock.monotonic()
        if not one.flagged or now < self._next:
            return
        if one.holder != self._host:
            there = one.holder in self._alive(self._clock.time())
            if now - self._seen[1] >= LEASE and (not there or self._neighbours.only_here(one.holder)):
                self._put(taken(one, self._host, self._clock.time()))
            return
        self._next = now + RENEW
        if ceph.noout(self._pve()):
            ceph.set_noout(self._pve(), False)
            Asked(one.user, "round", one.id).note("unset-noout", next(turn.node for turn in one.turns if turn.noout))
        self._put(replace(one, turns=tuple(replace(turn, noout=False) for turn in one.turns)))
        log.warning("Ceph's flag noout is taken back, which was set for round %s of maintenance", one.id)

    def _without(self, nodes: Collection[str]) -> None:
        """Somebody has deleted the file of a round that may have been under way: its flag goes, and what stays as it is is named.

        The file says so then, which every node shows, and tells of the flag until that is taken back.
        """
        if nodes:
            kept = ", ".join(self._holds.held()) or "no node"
            log.warning("the file of the round of maintenance at %s is gone: nothing more is done for it, and who is kept empty stays so "
                        "until released: %s", ", ".join(nodes), kept)  # fmt: skip
        if (last := self._last) is not None:
            try:
                turns = [turn for turn in last.turns if turn.under_way]
                behind = {turn.node: Filling(self._pve(), self._holds, self._switch, last, turn).left() for turn in turns}
                self._put(removed(last, behind, self._journal.note(ROUND) == last.id, self._clock.time()))
            except PrsError as error:
                self._say(f"that the round of maintenance has ended cannot be written: {error}")
            else:
                self._last = None
                return
        now = self._clock.monotonic()
        if not self._journal.note(ROUND) or now - self._seen[1] < LOOK or now < self._next:
            return
        self._next = now + RENEW
        try:
            if round_id := take_back_orphan(self._pve(), self._journal):
                log.warning("Ceph's flag noout is taken back: round %s of maintenance has set it, and its file is gone", round_id)
        except PrsError as error:
            self._say(f"Ceph's flag noout is still set by a round of maintenance whose file is gone: {error}")

    def _leave(self, one: Round) -> None:
        """The user wants no more of this node: its job, or its hook, comes to an end first."""
        turn = one.turn
        job: Job | None = None
        with suppress(NotFound):  # of a journal that was lost
            job = self._journal.job(turn.job) if turn and turn.job else None
        if self._hooks.busy:
            self._hooks.stop()
            self._renewed(one)
        elif job is not None and job.open:
            self._journal.request(job.id, "cancel")
            self._renewed(one)
        else:
            self._put(left(one, self._clock.time()))

    def _go_on(self, one: Round) -> None:
        found = self._node_steps().go_on(one)
        here, there = one.turn, found.turn
        if here and (there is None or (there.node, there.step) != (here.node, here.step)):
            log.info("maintenance of %s: %s is over%s", here.node, here.step, f", {there.step} of {there.node} begins" if there else "")
            self._next = 0.0
        kept = self._steps.at.one if self._steps else one
        if self._substance(found) != self._substance(kept):
            self._put(found)
        else:
            self._renewed(found)

    @staticmethod
    def _substance(one: Round) -> object:
        """What is worth a write at once: words about a job change every few seconds."""
        turn = one.turn
        return one if turn is None or not turn.job else noted(one, message="")

    def _node_steps(self) -> NodeSteps:
        if self._steps is None:
            self._steps = NodeSteps(self._pve(), self._holds, self._clock, self._host, self._switch, self._put, self._hooks)
        return self._steps

    def _pve(self) -> Api:
        if self._api is None:
            self._api = self._connect()
        return self._api

    def _put(self, one: Round) -> Round:
        assert self._shared is not None, "who has no list of rounds carries none"
        found = self._shared.put(replace(one, renewed=self._clock.time()))
        self._said, self.open = "", found.open
        self._last = found if found.open and found.holder == self._host else None
        return found

    def _renewed(self, one: Round) -> None:
        if abs(self._clock.time() - one.renewed) >= RENEW:
            self._put(one)

    def _hand_on(self, one: Round) -> None:
        """This node's own turn comes: another service carries the round meanwhile."""
        now, services = self._clock.time(), self._neighbours.services()
        able = sorted(services - {each.node for each in one.together})
        if able:
            log.info("the round of maintenance is handed to %s, as %s goes down", able[0], self._host)
            self._put(handed(one, able[0], now))
        elif services and not any(each.begun for each in one.together):
            self._put(separated(one))
        else:
            self._put(broken_off(one, f"no service of another node is there to carry the round while {self._host} goes down", now))

    def _take_over(self, one: Round) -> None:
        """Carry on what its carrier has left behind: once PVE shows that node offline, or where what was handed was never taken."""
        lasted, mine = self._clock.monotonic() - self._seen[1], next((turn for turn in one.together if turn.node == self._host), None)
        if one.handed:
            # The node whose turn it is tries last: it would only have to hand the round on again.
            if lasted >= HANDED * (2 if mine else 1):
                self._neighbours.silent.add(one.holder)
                self._put(taken(one, self._host, self._clock.time(), self._ahead(one)))
            return
        if lasted < LEASE or self._clock.monotonic() < self._asked or (mine and mine.begun):
            return
        self._asked = self._clock.monotonic() + LOOK
        try:
            status = self._neighbours.nodes().get(one.holder, "")
        except PveError as error:
            self._say(f"whether {one.holder}, which carries the round of maintenance, is there cannot be told: {error}")
            return
        if status == "offline":
            log.warning("%s, which carries the round of maintenance, is offline: %s goes on with it", one.holder, self._host)
            self._put(taken(one, self._host, self._clock.time(), self._ahead(one)))

    def _ahead(self, one: Round) -> float:
        """How far (s) this host's clock is ahead of that of the host which has written the round as it was first seen; small is 0."""
        seen = self._clock.time() - (self._clock.monotonic() - self._seen[1])
        return seen - one.renewed if abs(seen - one.renewed) >= 2 * RENEW else 0.0
