"""The cluster's API over real HTTPS: fakepve's server with the world behind it, one loopback address per node.

fakepve does TLS, request parsing, the ExtJS envelope and error shapes; this module adds what pve-behaviour.md observed beyond it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
import weakref
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import unquote

from aiohttp import web
from fakepve import FakePve, PveError
from fakepve.server import EXTJS, FORMATS, USER, params

from simcluster.errors import NoAnswer, Refused
from simcluster.routes import Page
from simcluster.world import World

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
LOGIN = tuple(f"{prefix}/access/ticket" for prefix in FORMATS)
NO_ANSWER = range(595, 600)
PER_CONNECTION = 100  # requests until pveproxy closes a connection
IDLE = 5.0
BARE = web.RequestKey("bare", web.StreamResponse)
TOTAL = web.RequestKey("total", int)


class Proxy(FakePve):  # type: ignore[misc]  # fakepve is untyped
    """All pveproxy daemons of one world; which node is asked follows from the address a request comes in on."""

    def __init__(self, world: World, addresses: Mapping[str, str], port: int, auth_delay: float) -> None:
        super().__init__(host=next(iter(addresses.values())))
        self.port: int = port  # 0 = any free one, known once the first address listens
        self.world, self.addresses, self.auth_delay = world, dict(addresses), auth_delay
        self.nodes = {name: {"online": True} for name in world.nodes}  # the world knows better, see World.prepare
        self._node_of = {address: name for name, address in addresses.items()}
        self._sites: dict[str, web.TCPSite] = {}
        self._open: dict[str, weakref.WeakSet[asyncio.Transport]] = {name: weakref.WeakSet() for name in addresses}
        self._served: weakref.WeakKeyDictionary[asyncio.Transport, int] = weakref.WeakKeyDictionary()
        self._context: ssl.SSLContext | None = None

    # listening

    def _build_app(self) -> web.Application:
        app = web.Application(middlewares=[self._connection, self._extjs, self._middleware], client_max_size=self.client_max_size)
        for prefix in FORMATS:
            app.router.add_route("*", prefix + "/{tail:.*}", self._generic)
        return app

    async def start(self, certfile: str, keyfile: str) -> None:
        """Listen on every node's address, all on the same port."""
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._context.load_cert_chain(certfile, keyfile)
        self.runner = web.AppRunner(self._build_app(), keepalive_timeout=IDLE, handler_cancellation=True, shutdown_timeout=0.2)
        await self.runner.setup()
        await self.follow()

    async def follow(self) -> None:
        """Stop listening for nodes whose API is gone, and listen again for those that came back."""
        with self.world.clock.lock:
            self.world.clock.catch_up()
            up = {name for name in self.world.nodes if self._up(name)}
        for name, address in self.addresses.items():
            if name in up and name not in self._sites:
                site = web.TCPSite(self.runner, address, self.port, ssl_context=self._context, reuse_address=True)
                await site.start()
                self._sites[name] = site
                self.port = self.port or self.runner.addresses[0][1]
            elif name not in up and name in self._sites:
                await self._sites.pop(name).stop()
                self.cut(name)

    def _up(self, name: str) -> bool:
        node = self.world.nodes[name]
        return node.alive and node.api != "down"

    def cut(self, *names: str) -> None:
        """Break off the connections to these nodes."""
        for name in names:
            for transport in list(self._open[name]):
                with contextlib.suppress(AttributeError):  # Python 3.11.2's TLS transport cannot be aborted once it is closed
                    transport.abort()

    def _asked(self, request: web.Request) -> str:
        transport = request.transport
        address = transport.get_extra_info("sockname")[0] if transport else ""
        return self._node_of.get(address, next(iter(self.addresses)))

    # what happens around every request

    @web.middleware
    async def _connection(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Close connections as pveproxy does, delay every 401, and send no body where PVE sends none."""
        node, served = self._asked(request), 0
        if request.transport is not None:
            self._open[node].add(request.transport)
            served = self._served[request.transport] = self._served.get(request.transport, 0) + 1
        if not self._up(node):
            self.cut(node)  # it died since the last look at who listens
        if not self._up(node) or self.world.nodes[node].api == "hangs":
            await asyncio.Event().wait()
        if request.method not in ("GET", "POST", "PUT", "DELETE"):
            response: web.StreamResponse = web.Response(status=501, reason=f"method '{request.method}' not available")
        else:
            response = await handler(request)
        if response.status == 401:
            await asyncio.sleep(self.auth_delay)
        if _bare(request, response):
            response = web.Response(status=response.status, reason=response.reason)
        # pveproxy tells the node's own time (pve-http-server PVE/APIServer/AnyEvent.pm), which is not that of whoever asks.
        response.headers["Date"] = format_datetime(datetime.fromtimestamp(self.world.clock.time(), UTC), usegmt=True)
        if response.status >= 400 or served >= PER_CONNECTION:
            response.force_close()
        return response

    @web.middleware
    async def _extjs(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Wrap answers for the web interface, except those that have no body even there; the envelope keeps `total`."""

        async def inner(request: web.Request) -> web.StreamResponse:
            response = await handler(request)
            if _bare(request, response):
                request[BARE] = response
            return response

        wrapped: web.StreamResponse = await super()._extjs(request, inner)
        if TOTAL in request and isinstance(wrapped, web.Response) and request.path.startswith(EXTJS + "/"):
            wrapped.text = json.dumps({**json.loads(wrapped.text or "{}"), "total": request[TOTAL]})
        bare: web.StreamResponse = request.get(BARE, wrapped)
        return bare

    # who is asking

    def _authenticate(self, request: web.Request) -> str | None:
        if request.path in LOGIN and "Authorization" not in request.headers:
            return None
        with self.world.clock.lock:
            self.world.clock.catch_up()
            scheme, _, value = request.headers.get("Authorization", "").replace(" ", "=", 1).partition("=")
            cookie = _cookie(",".join(request.headers.getall("Cookie", [])))
            if not cookie and scheme == "PVEAPIToken":
                return self._by_token(unquote(value))
            ticket = cookie or (value if scheme == "PVEAuthCookie" else "")
            if not ticket:
                if request.path in LOGIN:
                    return None
                raise PveError(401, "No ticket")
            return self._by_ticket(request, unquote(ticket))

    def _by_token(self, text: str) -> str:
        name, _, secret = text.partition("=")
        if not self.world.sessions.token(name, secret):
            raise PveError(401, "Authentication failed!")
        return name

    def _by_ticket(self, request: web.Request, ticket: str) -> str | None:
        if request.path in LOGIN:
            return None
        user = self.world.sessions.user(ticket)
        if not user:
            raise PveError(401, "Authentication failed!")
        if request.method != "GET" and not self.world.sessions.csrf_valid(user, request.headers.get("CSRFPreventionToken", "")):
            raise PveError(401, "Permission denied - invalid csrf token")
        return user

    # the answer

    async def _generic(self, request: web.Request) -> web.StreamResponse:
        user = request[USER]
        path = "/" + request.match_info["tail"].strip("/")
        raw = request.rel_url.raw_path.partition("/api2/")[2].partition("/")[2].rstrip("/")
        values = dict(await params(request))
        asked = self._asked(request)
        try:
            prepared = self.world.prepare(user or "", request.method, f"/{raw}" if raw else path, values, asked)
            speed = self.world.clock.speed
            if speed is None:
                self.world.clock.sleep(prepared.delay)
            else:
                await asyncio.sleep(prepared.delay / speed)
            data = self.world.finish(prepared)
        except NoAnswer as refusal:
            if request.transport is not None:
                request.transport.abort()
            raise PveError(refusal.status, refusal.message) from refusal
        except Refused as refusal:
            raise PveError(refusal.status, refusal.message, refusal.errors) from refusal
        body: dict[str, Any] = {"data": data}
        if isinstance(data, Page):
            body["total"] = request[TOTAL] = data.total
        return web.json_response(body)


def _bare(request: web.Request, response: web.StreamResponse) -> bool:
    """True for the answers that PVE sends without a body: a refused ticket, and trouble with another node."""
    return (response.status == 401 and request.path not in LOGIN) or response.status in NO_ANSWER


def _cookie(header: str) -> str:
    """Give the value of the first PVEAuthCookie; two Cookie lines arrive joined by a comma, which spoils it."""
    for part in header.split(";"):
        name, _, value = part.strip().partition("=")
        if name == "PVEAuthCookie":
            return value
    return ""
