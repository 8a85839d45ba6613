"""A node that was emptied and not released since."""

from __future__ import annotations

import time
from dataclasses import dataclass

HoldKey = tuple[str, str]  # node, job


@dataclass(frozen=True, slots=True)
class Hold:
    """A node that is kept empty since `since` (Unix seconds) because of the drain that is `job`, asked for by `user`.

    `maintenance`: the drain has switched HA maintenance mode on, so the release switches it off. `host` has the job in its journal.
    """

    node: str
    job: str
    user: str
    since: float
    maintenance: bool = False
    host: str = ""

    @property
    def key(self) -> HoldKey:
        """What tells this hold from any other."""
        return self.node, self.job

    @property
    def drain(self) -> str:
        """Which drain it was, in words; the time is UTC, so that the same plan reads the same on every host."""
        who = f" by {self.user}" if self.user else ""
        where = f" on {self.host}" if self.host else ""
        when = time.strftime(", %Y-%m-%d %H:%M UTC", time.gmtime(self.since)) if self.since else ""
        return f"job {self.job}{who}{where}{when}"

    @property
    def reason(self) -> str:
        """Why the node gets nothing."""
        return f"kept empty since its drain ({self.drain}) until it is released"
