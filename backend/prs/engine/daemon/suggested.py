"""Looks after a plan that is only suggested: it goes, with a word why, when it no longer holds."""

from __future__ import annotations

import logging

from prs.config.load import Settings
from prs.engine.clock import SystemClock
from prs.engine.daemon.host import Host
from prs.engine.drain.holds import Holds
from prs.engine.execution.still_holds import look
from prs.engine.journal.automation import Automation, automation, withdraw
from prs.engine.journal.journal import Journal
from prs.errors import JournalError, PveError

log = logging.getLogger(__name__)

EVERY = 300.0  # seconds between two looks at whether the suggestion still holds


class Suggested:
    """One daemon's suggestion."""

    def __init__(self, host: Host, journal: Journal, clock: SystemClock, holds: Holds) -> None:
        self._host, self._journal, self._clock, self._holds = host, journal, clock, holds
        self._next, self._plan = 0.0, ""

    def turn(self, settings: Settings) -> None:
        """Take the suggestion back if there is a reason to."""
        state = automation(self._journal)
        if state.plan and (why := self._against(settings, state)) is not None and withdraw(self._journal, state.plan, why) and why:
            log.info("the suggested plan %s is withdrawn: %s", state.plan, why)

    def _against(self, settings: Settings, state: Automation) -> str | None:
        """Why it has to go; "" when it has been carried out, None while it stands or that cannot be told just now."""
        if not self._journal.waits(state.plan):
            return ""
        if settings.level != "suggest":
            return "automatic balancing no longer suggests plans"
        if state.leader not in ("", self._host.name):
            return f"{state.leader} leads now, and suggests plans of its own"
        if self._plan != state.plan:  # one that has just been made holds
            self._plan, self._next = state.plan, self._clock.monotonic() + EVERY
        if self._clock.monotonic() < self._next or settings.endpoint is None:  # whoever applies it has it looked at anew
            return None
        self._next = self._clock.monotonic() + EVERY
        return self._changed(settings, state.plan)

    def _changed(self, settings: Settings, plan_id: str) -> str | None:
        try:
            plan, _ = self._journal.plan(plan_id)
            policy = self._journal.plan_policy(plan_id)
        except JournalError as error:
            return str(error)
        try:
            api = self._host.connect(settings.require_endpoint())
            _, found = look(api, self._holds, plan, policy, self._clock.time())
        except PveError as error:
            log.debug("whether the suggested plan still holds is not known: %s", error)
            return None
        return f"the cluster has changed so that it no longer holds: {found[0]}" if found else None
