"""Runs the HTTPS face in a thread, for tests and for `python -m simcluster`."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import os
import tempfile
import threading
from types import TracebackType

from fakepve.certs import make_cert

from simcluster.server import Proxy
from simcluster.world import World

LOOK_EVERY = 0.05  # wall seconds between looks at which nodes are up
_serial = itertools.count()


class SimServer:
    """`with SimServer(world, speed=60.0) as server:` serves the world at server.host:server.port; its time runs `speed` times wall time.

    With speed None the time stays virtual: it passes only where a test lets it pass, however slow this machine is just now.
    """

    def __init__(self, world: World, speed: float | None = 1.0, host: str = "", port: int = 0, auth_delay: float = 3.0) -> None:
        self.world, self.speed, self._auth_delay = world, speed, auth_delay
        self.addresses = _addresses(list(world.nodes), host)
        self.host, self.port = next(iter(self.addresses.values())), port
        # A backend asks its peers at the addresses the cluster tells: they must not lead off this machine.
        for name, address in self.addresses.items():
            world.nodes[name].address = address
        self._folder = tempfile.TemporaryDirectory(prefix="simcluster-")
        self.ca_file = ""
        self._ready, self._stop = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="simcluster", daemon=True)
        self._failure: BaseException | None = None

    @property
    def url(self) -> str:
        """The address of the first node's API."""
        return f"https://{self.host}:{self.port}"

    @property
    def logins(self) -> dict[str, str]:
        """Users and their passwords, tokens and their secrets."""
        access = self.world.access
        users = {name: user.password for name, user in access.users.items()}
        return {**users, **{name: token.secret for name, token in access.tokens.items()}}

    def __enter__(self) -> SimServer:
        """Start serving; raises what kept the server from listening."""
        names = [*self.addresses.values(), *self.world.nodes]
        self.ca_file, self._key_file, der = make_cert(self._folder.name, hosts=tuple(names))
        self.world.fingerprint = _fingerprint(der)
        self.world.clock.pace(self.speed)
        self._thread.start()
        self._ready.wait()
        if self._failure:
            raise self._failure
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        """Stop serving; the world's time is virtual again."""
        self._stop.set()
        self._thread.join()
        self.world.clock.pace(None)
        self._folder.cleanup()

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        proxy = Proxy(self.world, self.addresses, self.port, self._auth_delay)
        try:
            await proxy.start(self.ca_file, self._key_file)
        except OSError as failure:
            self._failure = failure
            self._ready.set()
            return
        self.port = proxy.port
        self._ready.set()
        try:
            while not self._stop.is_set():
                await asyncio.sleep(LOOK_EVERY)
                await proxy.follow()
        finally:
            await proxy.stop()  # also after a fault: addresses that listen and never answer would hang whoever asks
            proxy.cut(*self.addresses)
        await asyncio.sleep(LOOK_EVERY)  # connections that were cut off need a turn of the loop to be gone


def _addresses(nodes: list[str], host: str) -> dict[str, str]:
    """Give each node a loopback address of its own, different in every process and server."""
    high, low = divmod(os.getpid(), 250)
    part = f"127.{1 + low}.{(high + next(_serial)) % 250}"
    found = {name: f"{part}.{number}" for number, name in enumerate(nodes, 1)}
    if host:
        found[nodes[0]] = host
    return found


def _fingerprint(der: bytes) -> str:
    return ":".join(f"{byte:02X}" for byte in hashlib.sha256(der).digest())
