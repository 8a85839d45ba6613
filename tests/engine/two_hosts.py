"""Two hosts of one cluster: a journal and a daemon each, one list of held nodes below /etc/pve, and root's helper."""

from __future__ import annotations

import os
import socket
from dataclasses import replace
from functools import partial
from pathlib import Path

from drive import Drive, VirtualClock
from prs.config.load import Settings
from prs.endpoint import Endpoint
from prs.engine.daemon.host import Host
from prs.engine.daemon.service import Service
from prs.engine.daemon.systemd import Notifier
from prs.engine.drain.release import release_node
from prs.engine.drain.shared_holds import FOLDER, SharedHolds
from prs.engine.journal.hold import Hold
from prs.errors import HelperError
from prs.helper import root
from prs.helper.client import put_shared_hold, take_shared_hold
from prs.model import Policy
from simcluster import InProcessApi
from simcluster.ha_rules import Resource
from simcluster.scenes import small
from simcluster.world import Flavour, World

HOSTS = ("pve1", "pve2")
ENDPOINT = Endpoint(("pve1",), "prs@pve", token_name="daemon", token_value="x")


class Etc:
    """One /etc/pve for all hosts, and root's helper on each; `down` is why the helper does nothing at present."""

    def __init__(self, folder: Path) -> None:
        self.pve, self.down = folder / "pve", ""
        for node in ("pve1", "pve2", "pve3"):
            (self.pve / "nodes" / node).mkdir(parents=True)

    def shared_holds(self, host: str) -> SharedHolds:
        """The list as a host sees it."""
        return SharedHolds(self.pve / FOLDER, host, partial(self._ask, put_shared_hold), partial(self._ask, take_shared_hold))

    def _ask(self, request: object, held: Hold) -> None:
        """The client's words to the helper's own code, over a socket."""
        if self.down:
            raise HelperError(self.down)
        line = f"free {held.node} {held.job}\n"
        if request is put_shared_hold:
            line = f"hold {held.node} {held.job} {int(held.since)} {int(held.maintenance)} {held.host} {held.user}\n"
        ours, theirs = socket.socketpair()
        with ours, theirs:
            ours.sendall(line.encode())
            answer = root.serve(theirs, os.getuid(), root.Places(self.pve / "nodes", "false", self.pve / FOLDER))
        if not answer.startswith("ok"):
            raise HelperError(answer)

    @property
    def names(self) -> list[str]:
        """The nodes in the list."""
        return sorted(path.name.partition(".")[0] for path in (self.pve / FOLDER).glob("*.held"))


class Site:
    """The small lab, and on two of its nodes an engine with a journal of its own."""

    def __init__(self, folder: Path, flavour: Flavour, ha: tuple[int, ...] = ()) -> None:
        self.world: World = small(flavour)
        for vmid in ha:
            self.world.ha.add(Resource(self.world.guests[vmid].sid))
        self.world.clock.sleep(660)
        self.etc = Etc(folder)
        self.drives = {
            host: Drive(self.world, _made(folder / host), Policy(containers=True), switch=self.world.ha_maintenance if ha else None,
                        shared_holds=self.etc.shared_holds(host))
            for host in HOSTS
        }  # fmt: skip
        self.one, self.two = self.drives.values()

    def service(self, host: str) -> Service:
        """The daemon of a host."""
        drive = self.drives[host]
        policy = replace(drive.policy, spread=0.01)
        settings = Settings(drive.path, endpoint=ENDPOINT, schedule=3600.0, state_dir=drive.path.parent, policy=policy)
        around = Host(lambda: settings, lambda endpoint: InProcessApi(self.world), host, drive.switch, self.etc.shared_holds(host))
        return Service(around, settings, drive.journal, VirtualClock(self.world), Notifier({}))  # type: ignore[arg-type]

    def live(self, service: Service, seconds: float) -> None:
        """Let a daemon work."""
        until = self.world.clock.time() + seconds
        while self.world.clock.time() < until:
            self.world.clock.sleep(service.turn())

    def release(self, drive: Drive, node: str) -> str:
        """`release NODE --stay`."""
        return release_node(drive.holds, drive.holds.held()[node], self.world.ha_maintenance)


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
