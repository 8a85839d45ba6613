"""What the routes work with: the settings, the way to PVE, the journal to read, the inbox, and what is remembered for a few seconds."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from prs.codec import from_json
from prs.config.load import Settings
from prs.endpoint import Endpoint
from prs.engine.journal.journal import Journal
from prs.engine.journal.lock import held
from prs.engine.rolling.stages import Round
from prs.model import Cluster, Policy
from prs.pve.api import Api
from prs.pve.read.snapshot import read_cluster
from prs.pve.roster import with_hidden
from prs.web.access.auth import Caller, Connect, Verifier
from prs.web.access.guard import Guard
from prs.web.access.guesses import LOGINS, LOGINS_CLIENT, Gate, Guesses
from prs.web.access.login import Login
from prs.web.access.pace import CHANGES, MINUTE, MOMENT, READS, Pace, Turns
from prs.web.access.single_flight import SingleFlight
from prs.web.cache import Cache
from prs.web.facts import Facts, Known
from prs.web.inbox.client import Inbox
from prs.web.later import Later
from prs.web.peers import Peers
from prs.web.site import Site

FRESH = 5.0  # seconds a cluster that was read for display is shown; PVE renews its figures every 10 s
# Clusters of all callers: one of 2000 guests takes some MiB, and a node that is silent makes each of them wait; and of a user with all
# tokens, each of which sees another one.
READ_AT_ONCE, READ_USER = 16, 2


class Context:
    """One per process; safe for many threads."""

    def __init__(self, settings: Settings, api: Endpoint, connect: Connect, guard: Guard, site: Site, inbox: Inbox) -> None:
        self.settings, self.guard, self.site, self._inbox = settings, guard, site, inbox
        self.verifier, self.guesses, self.logins = Verifier(api, connect), Guesses(), Gate(LOGINS, LOGINS_CLIENT)
        self.later, self.changes, self.reads = Later(), Pace(CHANGES, MINUTE), Pace(READS, MOMENT)
        self._known = Known(lambda: inbox.look("facts"))
        pve: Callable[[Login, float], Api] = lambda login, seconds: connect(replace(self.verifier.endpoint(login), timeout=seconds))  # noqa: E731
        self.peers = Peers(settings.web.port, site.node, settings.web.api, lambda: self.facts.nodes, pve)
        self._api, self._connect = api, connect
        self._local = threading.local()
        self._clusters: Cache[Cluster] = Cache(FRESH, 8)
        self.shown: Cache[tuple[Cluster, Any, Any, tuple[bytes, str]]] = Cache(FRESH, 16)  # answers, with what they were made of
        self._reading: SingleFlight[Cluster] = SingleFlight()
        self._turns, self._users = threading.Semaphore(READ_AT_ONCE), Turns(READ_USER)

    def ask(self, action: str, who: Caller, client: str, **arguments: Any) -> Any:
        """Have the inbox carry an action of the caller's out; Refusal."""
        try:
            return self._inbox.ask(action, who.login, client, arguments)
        finally:
            self._known.forget()

    def policy(self, who: Caller) -> Any:
        """The cluster-wide policy as this node reads it, as JSON; Refusal."""
        return self._inbox.look_for_caller("policy-view", who.login.user)

    def round(self, who: Caller) -> tuple[Round | None, str]:
        """The last round of rolling maintenance, None where there was none, and why it is not known. Refusal."""
        found = self._inbox.look_for_caller("round-view", who.login.user)
        return from_json(Round, found["round"], "round") if found["round"] else None, str(found["problem"])

    def balancing_policy(self, who: Caller) -> Policy:
        """What the settings want of a plan just now; Refusal, ModelError when the inbox is of another version."""
        return from_json(Policy, self._inbox.look_for_caller("settings", who.login.user)["policy"])

    @property
    def journal(self) -> Journal:
        """This thread's connection to the journal, to read only."""
        found: Journal | None = getattr(self._local, "journal", None)
        if found is None or found.passing:
            found = self._local.journal = Journal(self.settings.state_dir / "journal.sqlite", writes=False)
        return found

    @property
    def facts(self) -> Facts:
        """What the inbox tells of this node and its cluster."""
        return self._known.get()

    def api(self, caller: Caller) -> Api:
        """PVE, called as the caller."""
        return self._connect(caller.endpoint)

    def anonymous(self) -> Api:
        """PVE, called as nobody: what it tells before a login, and the login itself."""
        return self._connect(self._api)

    def cluster(self, caller: Caller) -> Cluster:
        """The cluster as the caller sees it with any of their tickets, up to FRESH seconds old; PveError."""
        return self._clusters.get(caller.name) or self._reading.ask(caller.name, lambda: self._read(caller))

    def _read(self, caller: Caller) -> Cluster:
        with self._users.of(caller.login.user), self._turns:
            found = self._clusters.get(caller.name)  # read while this one waited
            if found is None:
                known = self.facts
                found = with_hidden(read_cluster(self.api(caller), self.now(), "all"), known.roster, caller.name)
                found = replace(found, problems=(*found.problems, *filter(None, [known.trouble])))
                self._clusters.put(caller.name, found)
            return found

    @staticmethod
    def now() -> float:
        """Unix time."""
        return time.time()

    def daemon(self) -> bool:
        """True while a process holds the lock of whoever carries jobs out (prs.engine.journal.lock)."""
        return held(self.settings.state_dir)
