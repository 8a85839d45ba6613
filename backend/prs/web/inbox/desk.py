"""What a request is carried out with, by the service's user: the settings, the way to PVE as the caller, the journal and the holds."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from prs.config.load import Settings
from prs.endpoint import Endpoint
from prs.engine.drain.holds import Holds
from prs.engine.journal.journal import Journal
from prs.engine.journal.lock import held
from prs.pve.api import Api
from prs.web.access.auth import Caller, Connect


@dataclass(frozen=True, slots=True)
class Desk:
    """One for each request. `endpoint` is PVE's API without a login, `helper` the root helper's socket, `pve` stands for /etc/pve."""

    settings: Settings
    endpoint: Endpoint
    connect: Connect
    journal: Journal
    holds: Holds
    node: str
    helper: Path
    pve: Path

    def api(self, caller: Caller) -> Api:
        """PVE, called as the caller."""
        return self.connect(caller.endpoint)

    @staticmethod
    def now() -> float:
        """Unix time."""
        return time.time()

    def daemon(self) -> bool:
        """True while a process holds the lock of whoever carries jobs out (prs.engine.journal.lock)."""
        return held(self.settings.state_dir)
