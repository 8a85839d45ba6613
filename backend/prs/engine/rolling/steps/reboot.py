"""The steps around a node's reboot: the request, the wait for the node, the gates and flags after it."""

from __future__ import annotations

import logging

from prs.engine.rolling.deeds import REFUSED
from prs.engine.rolling.filling import left_behind
from prs.engine.rolling.gates import not_empty
from prs.engine.rolling.riders import Riders
from prs.engine.rolling.stages import Round, Visit, waits
from prs.engine.rolling.steps.at_hand import AtHand
from prs.errors import ApiError, PveError, Unreachable
from prs.pve.act import ceph, power

log = logging.getLogger(__name__)

REBOOT = 1800.0  # a server with much memory and many disks may need half an hour
GOES_DOWN = 600.0  # a node that still has its old uptime after this (s) has not obeyed
SLACK = 60.0  # figures and clocks may be off by this much (s)
FLAGS = 3600.0  # how long (s) it is tried to take a flag back


class RebootSteps:
    """The steps; `riders` are the guests that are shut down meanwhile."""

    def __init__(self, at: AtHand, riders: Riders) -> None:
        self.at, self._riders = at, riders

    def reboot(self, turn: Visit) -> Round:
        """Tell the node, once; whether a carrier that died has done so shows in the node's uptime."""
        up = power.uptimes(self.at.api).get(turn.node, 0.0)
        if turn.uptime and up < turn.uptime:
            return self.at.passed(told=turn.since)
        if not up:
            return self.at.broken(f"the uptime of {turn.node} is not known, so nobody could see whether it has rebooted")
        # Hooks, or another carrier, may have come between the last look and now.
        if shut := self.at.shut(turn, f"before the reboot of {turn.node}"):
            return shut
        if words := not_empty(self.at.api, self.at.holds.roster, turn.node, self.at.one.options.rides):
            return self.at.broken(words)
        self.set_noout(turn, uptime=up)
        try:
            power.reboot(self.at.api, turn.node)
        except ApiError as error:
            self.at.asked.note("reboot", turn.node, REFUSED)
            return self.at.broken(f"PVE does not reboot {turn.node}: {error}")
        except Unreachable as error:
            log.warning("no answer to the reboot request, which may have been carried out all the same: %s", error)
        self.at.asked.note("reboot", turn.node)
        return self.at.passed(told=self.at.clock.time())

    def set_noout(self, turn: Visit, **changes: object) -> None:
        """Write down that the node goes down, which only the round's carrier can, and keep Ceph from copying its data meanwhile."""
        # Whoever noted it may have died, or have had no answer, before it was set.
        wanted = ceph.has_osds(self.at.api, turn.node) and not ceph.noout(self.at.api)
        self.at.note(noout=turn.noout or wanted, **changes)
        if not wanted:
            return
        try:
            ceph.set_noout(self.at.api, True)
            self.at.asked.note("set-noout", turn.node)
        except ApiError as error:
            self.at.asked.note("set-noout", turn.node, REFUSED)
            self.at.note(noout=False)
            log.warning("Ceph's flag noout is not set (%s): if %s stays away for long, Ceph copies its data elsewhere", error, turn.node)

    def returns(self, turn: Visit) -> Round:
        """Wait until the node's uptime says that it has rebooted."""
        try:
            up = power.uptimes(self.at.api).get(turn.node, 0.0)
        except PveError:
            up = 0.0  # the API host may be the very node that reboots
        waited = self.at.clock.time() - turn.told
        if 0.0 < up < turn.uptime + max(0.0, waited - SLACK):
            return self.at.passed()
        if waited > REBOOT:
            return self.at.broken(f"{turn.node} was told to reboot and is not back after {REBOOT / 60:.0f} minutes", away=True)
        if waited > GOES_DOWN and up:
            return self.at.broken(f"{turn.node} was told to reboot and has not done so within {GOES_DOWN / 60:.0f} minutes")
        return waits(self.at.one, f"{turn.node} reboots", turn.told + REBOOT)

    def gates_again(self, turn: Visit) -> Round:
        """All must be well before guests come back."""
        # Who services a node by hand need not have rebooted it.
        back = self.at.one.options.reboot or 0.0 < power.uptimes(self.at.api).get(turn.node, 0.0) < turn.uptime
        return self.at.shut(turn, f"after the reboot of {turn.node}", back) or self.at.passed()

    def flags(self, turn: Visit) -> Round:
        """Take Ceph's flag back; it is tried for long, as nobody else knows that it was ours."""
        if turn.noout:
            try:
                ceph.set_noout(self.at.api, False)
            except PveError as error:
                if self.at.clock.time() - turn.since < FLAGS:
                    return waits(self.at.one, f"Ceph's flag noout is still set: {error}", turn.since + FLAGS)
                return self.at.broken(f"Ceph's flag noout is still set ({error}): ceph osd unset noout")
            self.at.asked.note("unset-noout", turn.node)
            turn = self.at.note(noout=False)
        self._riders.adopt(self.at.one, turn)
        kept = left_behind(self.at.holds, turn) if turn.away else ""
        return self.at.passed(**({"message": f"{turn.message}; {kept}"} if kept else {}))
