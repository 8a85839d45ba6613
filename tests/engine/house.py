"""A daemon of one host on a simulated cluster, to let live for hours of virtual time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from drive import VirtualClock
from prs.config.load import Settings
from prs.endpoint import Endpoint
from prs.engine.daemon.host import Host
from prs.engine.daemon.notices import Notice
from prs.engine.daemon.service import Service
from prs.engine.daemon.systemd import Notifier
from prs.engine.journal.journal import Journal
from prs.errors import Unreachable
from prs.pve.api import Api
from simcluster import InProcessApi
from simcluster.scenes import small
from simcluster.world import Flavour, World

ENDPOINT = Endpoint(("pve1",), "prs@pve", token_name="daemon", token_value="x")


class House:
    """A daemon on a host, with its cluster and its settings."""

    def __init__(self, folder: Path, flavour: Flavour, name: str = "elsewhere", **settings: Any) -> None:
        self.world: World = small(flavour)
        self.world.clock.sleep(600)
        self.clock, self.calls, self.users = VirtualClock(self.world), [InProcessApi(self.world)], list[str]()
        self.settings = Settings(folder / "prs.conf", endpoint=ENDPOINT, schedule=3600.0, state_dir=folder, **settings)
        self.journal = Journal(folder / "journal.sqlite")
        self.down = False
        self.written, self.alive, self.told = 0, set[str](), list[bool]()
        self.notices = list[tuple[Notice, bool]]()
        host = Host(self._load, self._connect, name, None, None, lambda: self.written, lambda now: self.alive, self.told.append,
                    notify=lambda notice, wanted: self.notices.append((notice, wanted)))  # fmt: skip
        self.service = Service(host, self.settings, self.journal, self.clock, Notifier({}))  # type: ignore[arg-type]

    def _load(self) -> Settings:
        return self.settings

    def _connect(self, endpoint: Endpoint) -> Api:
        if self.down:
            raise Unreachable("pve1 does not answer")
        self.users.append(endpoint.user)
        self.calls.append(InProcessApi(self.world, f"{endpoint.user}!{endpoint.token_name}" if endpoint.token_name else endpoint.user))
        return self.calls[-1]

    def live(self, seconds: float) -> None:
        """Let the daemon work for so long."""
        until = self.clock.time() + seconds
        while self.clock.time() < until:
            self.clock.sleep(self.service.turn())

    @property
    def requests(self) -> int:
        """Calls made to PVE so far."""
        return sum(api.calls for api in self.calls)
