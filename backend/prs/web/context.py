"""What the routes work with: the settings, the way to PVE, the journal, and what is remembered for a few seconds."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from prs.config.load import Settings
from prs.endpoint import Endpoint
from prs.engine.clock import SystemClock
from prs.engine.drain.holds import Holds
from prs.engine.journal.journal import Journal
from prs.engine.journal.lock import held
from prs.helper.client import shared_holds
from prs.model import Cluster
from prs.pve.api import Api
from prs.pve.read.snapshot import read_cluster
from prs.pve.roster import with_hidden
from prs.web.access.auth import Caller, Connect, Verifier
from prs.web.access.guard import Guard
from prs.web.access.guesses import LOGINS, LOGINS_CLIENT, Gate, Guesses
from prs.web.cache import Cache
from prs.web.peers import Peers
from prs.web.site import Site

FRESH = 5.0  # seconds a cluster that was read for display is shown; PVE renews its figures every 10 s


Run = Callable[..., Any]  # run(context, work, who, *arguments) gives what work(context, who, *arguments) gives


def here(context: Context, work: Callable[..., Any], who: Caller, *arguments: Any) -> Any:
    """Do the work in this process."""
    return work(context, who, *arguments)


class Context:
    """One per process; safe for many threads. `run` carries out what computes for long."""

    def __init__(self, settings: Settings, api: Endpoint, connect: Connect, guard: Guard, site: Site, run: Run = here) -> None:
        self.settings, self.guard, self.site, self._run = settings, guard, site, run
        self.verifier, self.guesses, self.logins = Verifier(api, connect), Guesses(), Gate(LOGINS, LOGINS_CLIENT)
        self.peers = Peers(settings.web.port, site, settings.web.api, lambda login: connect(self.verifier.endpoint(login)))
        self._api, self._connect = api, connect
        self._local, self._shared_holds = threading.local(), shared_holds(site.pve, site.node, site.helper)
        self._clusters: Cache[Cluster] = Cache(FRESH, 8)

    @property
    def parts(self) -> tuple[Settings, Endpoint, Guard, Site]:
        """What another process needs to make the same context."""
        return self.settings, self._api, self.guard, self.site

    def run(self, work: Callable[..., Any], who: Caller, *arguments: Any) -> Any:
        """What `work(context, who, *arguments)` gives, wherever it is done; `work` is a function of a module."""
        return self._run(self, work, who, *arguments)

    @property
    def journal(self) -> Journal:
        """This thread's connection to the journal."""
        found: Journal | None = getattr(self._local, "journal", None)
        if found is None:
            found = self._local.journal = Journal(self.settings.state_dir / "journal.sqlite")
        return found

    @property
    def holds(self) -> Holds:
        """The nodes that are kept empty, by drains of this host and of others."""
        return Holds(self.journal, SystemClock(), self._shared_holds)

    def api(self, caller: Caller) -> Api:
        """PVE, called as the caller."""
        return self._connect(caller.endpoint)

    def anonymous(self) -> Api:
        """PVE, called as nobody: what it tells before a login, and the login itself."""
        return self._connect(self._api)

    def cluster(self, caller: Caller) -> Cluster:
        """The cluster as the caller sees it, up to FRESH seconds old; PveError."""
        found = self._clusters.get(caller.login.key)
        if found is None:
            found = with_hidden(read_cluster(self.api(caller), self.now(), "all"), self.holds.roster, caller.name)
            self._clusters.put(caller.login.key, found)
        return found

    @staticmethod
    def now() -> float:
        """Unix time."""
        return time.time()

    def daemon(self) -> bool:
        """True while a process holds the lock of whoever carries jobs out (prs.engine.journal.lock)."""
        return held(self.settings.state_dir)
