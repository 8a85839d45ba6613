"""Asks the same service on the other nodes, as the caller, so that a job started anywhere is seen everywhere."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from prs.endpoint import Endpoint
from prs.errors import ApiError, LoginFailed, PrsError, PveError, Unreachable
from prs.pve.api import Api
from prs.web import certificate
from prs.web.access.login import Login
from prs.web.access.pace import Turns
from prs.web.api.openapi import PREFIX
from prs.web.api.parse import parse
from prs.web.api.reflect import record, ref
from prs.web.api.validate import mistakes
from prs.web.cache import Cache

TIMEOUT = 4.0  # seconds for all of an answer; PVE's own answer behind it is fast, and a refused ticket has been refused here already
CHANGING = 60.0  # the same for what changes something
LONGEST = 600.0  # seconds for what is answered later (prs.web.later), behind which a plan may be made,
AGAIN = 0.5  # and pause before it is asked for; the peer waits as well
DOWN = 20.0  # seconds during which a node that did not answer is not asked again
ADDRESSES = 60.0
AT_ONCE = 8  # calls to peers of all callers together,
TURNS = 2  # and of a user so many questions, each to all of them: whoever else asks waits behind these at most
LARGEST, LARGEST_LIST = 4 * 2**20, 512 * 1024  # bytes of a plan or job, and of a list of jobs: reading and judging them stops the loop


@dataclass(frozen=True, slots=True)
class Peer:
    """Another node and its address."""

    node: str
    address: str


@dataclass(frozen=True, slots=True)
class Reply:
    """What a peer answered: `data` as described, or `refused` with the status; `error` says in words why there is neither."""

    peer: Peer
    status: int = 0
    data: Any = None
    refused: Any = None  # {code, message, details}
    error: str = ""


class Unanswered(PrsError):
    """A peer gave no usable answer; the text says why."""


class CallerRefused(Unanswered):
    """Proxmox VE would not pass this caller's call on, which says nothing about the peer."""


class _Answer(http.client.HTTPResponse):
    """An answer whose head and framing have an end: as long as bytes keep coming, nothing else is served, no deadline either."""

    def _read_status(self) -> tuple[str, int, str]:
        found: tuple[str, int, str] = super()._read_status()  # type: ignore[misc]
        if found[1] < 200:  # our service never says "100 Continue", of which there may be any number
            raise http.client.BadStatusLine("1xx")
        return found

    def begin(self) -> None:
        """Read the head; chunks may be of one byte each, and what follows the last one never ends."""
        super().begin()
        if self.chunked:
            raise http.client.UnknownTransferEncoding


class Peers:
    """The services of the other nodes, asked through one bounded pool: at their port, or where that is closed through pveproxy."""

    def __init__(
        self, port: int, node: str, api: Endpoint, certificates: Callable[[], Mapping[str, str] | None],
        pve: Callable[[Login, float], Api],
    ) -> None:  # fmt: skip
        """`node` is this one, `certificates` gives those of all nodes as PEM, None outside of a cluster (authorities are asked).

        `pve` gives PVE on this node, called as somebody, with the seconds for an answer.
        """
        self._port, self._node, self._trust, self._certificates, self._pve = port, node, api, certificates, pve
        self._known: Cache[tuple[Peer, ...]] = Cache(ADDRESSES, 200)
        self._down: Cache[str] = Cache(DOWN, 200)
        self._pool = ThreadPoolExecutor(AT_ONCE, "peers")
        self._turns = Turns(TURNS)

    def others(self, login: Login, api: Api) -> tuple[tuple[Peer, ...], str]:
        """The other online nodes with their addresses, and why they cannot be told ("" = they can)."""
        found = self._known.get(login.key)
        if found is None:
            try:
                rows = api.get("/cluster/status")
            except PveError as error:
                return (), f"the other nodes' jobs are not shown: {error}"
            nodes = [row for row in rows if isinstance(row, dict) and row.get("type") == "node" and row.get("online")]
            found = tuple(Peer(str(row["name"]), str(row["ip"])) for row in nodes if row.get("ip") and row.get("name") != self._node)
            self._known.put(login.key, found)
        return found, ""

    def ask(self, peers: Sequence[Peer], login: Login, method: str, path: str, schema: str, body: object = None) -> list[Reply]:
        """Send one request to all of them; replies in the same order, `data` held against the named schema of the description."""
        one: Callable[[Peer], Reply] = lambda peer: self._one(peer, login, method, path, schema, body)  # noqa: E731
        if method != "GET":  # what takes long must not hold up those who look
            return list(map(one, peers))
        with self._turns.of(login.user):
            return list(self._pool.map(one, peers))

    def _one(self, peer: Peer, login: Login, method: str, path: str, schema: str, body: object) -> Reply:
        down = self._down.get(peer)
        if down is not None and method == "GET":
            return Reply(peer, error=down)
        try:
            status, data = self._reach(peer, login, method, path, body)
            if status == 202:
                if method == "GET":
                    raise TimeoutError  # it is asked again soon, and those who look do not wait for one
                status, data = self._later(peer, login, data)
        except (OSError, http.client.HTTPException, ValueError, Unanswered) as error:
            words = f"{peer.node} ({peer.address}): {_words(error)}"
            # All callers believe it for a while: so it is nothing that one of them can bring about by what he sends.
            if method == "GET" and not isinstance(error, CallerRefused):
                self._down.put(peer, words)
            return Reply(peer, error=words)
        return _judged(peer, status, data, schema)

    def _later(self, peer: Peer, login: Login, told: Any) -> tuple[int, Any]:
        """What comes in the end of a call that the peer has answered with 202."""
        status, end = 202, time.monotonic() + LONGEST
        while status == 202:
            if time.monotonic() > end:
                raise Unanswered(f"is not done within {LONGEST / 60:.0f} minutes")
            time.sleep(AGAIN)
            status, told = self._reach(peer, login, "GET", f"{PREFIX}/answers/{_number(told)}", None)
        return status, told

    def _reach(self, peer: Peer, login: Login, method: str, path: str, body: object) -> tuple[int, Any]:
        if not self._port:
            return self._through_pveproxy(peer, login, method, path, body)
        try:
            return self._send(peer, login, method, path, body)
        except ConnectionRefusedError:
            with suppress(Unanswered):
                return self._through_pveproxy(peer, login, method, path, body)
            raise

    def _through_pveproxy(self, peer: Peer, login: Login, method: str, path: str, body: object) -> tuple[int, Any]:
        """Ask this node's pveproxy, which passes it on to that of the other node by itself; Unanswered when nothing leads there."""
        place, _, query = path.removeprefix(PREFIX).partition("?")
        params = {"node": peer.node, **({"query": query} if query else {})}
        seconds, began = _seconds(method, path), time.monotonic()
        try:
            api, place = self._pve(login, seconds), f"/prs{place}"
            send = {"POST": api.post, "PUT": api.put}.get(method)
            found = send(place, {**params, "body": _written(body or {})}) if send else api.get(place, params)
        except PveError as error:
            if isinstance(error, Unreachable) and time.monotonic() >= began + seconds:
                raise TimeoutError from None  # of the other node: this one's pveproxy only waits for it
            if isinstance(error, ApiError) and error.status == 501:
                raise Unanswered("has no way through Proxmox VE's own port (is the bridge package installed there?)") from None
            own = isinstance(error, LoginFailed) or (isinstance(error, ApiError) and error.status < 500)
            raise (CallerRefused if own else Unanswered)(str(error)) from None
        if not isinstance(found, dict) or not isinstance(found.get("status"), int):
            raise Unanswered("gives no usable answer")
        try:
            return found["status"], parse(json.dumps(found.get("answer")).encode())
        except (RecursionError, ValueError):
            raise Unanswered("gives no usable answer") from None

    def _send(self, peer: Peer, login: Login, method: str, path: str, body: object) -> tuple[int, Any]:
        seconds = _seconds(method, path)
        pin = self._pin(peer)
        connection = http.client.HTTPConnection(peer.address, self._port, timeout=seconds)
        connection.response_class = _Answer
        # The timeout of a socket is one of each byte; this one is for all of the answer.
        late = threading.Event()
        timer = threading.Timer(seconds, _give_up, (connection, late))
        timer.start()
        try:
            shown = _connect(connection, self._context(pin))
            # Before anything secret is sent: the certificate must be the very one this node shows according to the cluster's own files.
            if pin is not None and shown != pin:
                raise Unanswered("its certificate is not the one that Proxmox VE holds for it")
            headers = {"Authorization": login.authorization, "Accept": "application/json"}
            if method != "GET":
                headers |= {"CSRFPreventionToken": login.csrf, "Content-Type": "application/json"}
            connection.request(method, path, _written(body).encode() if body is not None else None, headers)
            response = connection.getresponse()
            most = LARGEST_LIST if path.partition("?")[0] == f"{PREFIX}/jobs" else LARGEST
            return response.status, parse(response.read(most))
        except (OSError, http.client.HTTPException, ValueError):
            if late.is_set():
                raise TimeoutError from None
            raise
        finally:
            timer.cancel()
            connection.close()

    def _pin(self, peer: Peer) -> bytes | None:
        """The certificate of the node as pmxcfs holds it; None when it knows no such node; Unanswered when that cannot be told."""
        known = self._certificates()
        if known is None or (known and peer.node not in known):
            return None
        try:
            return certificate.leaf(known.get(peer.node, ""))
        except ValueError:
            raise Unanswered("its certificate in Proxmox VE is not known") from None

    def _context(self, pin: bytes | None) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=(self._trust.ca_file or None) if pin is None else None)
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT  # cluster authorities made before 2026 lack keyUsage
        if pin is not None or not self._trust.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


def _connect(connection: http.client.HTTPConnection, context: ssl.SSLContext) -> bytes | None:
    """Connect in two steps, as nobody could end from outside a handshake of http.client's that drips; the certificate that is shown."""
    made = socket.create_connection((connection.host, connection.port), connection.timeout)
    secured = connection.sock = context.wrap_socket(made, server_hostname=connection.host, do_handshake_on_connect=False)
    secured.do_handshake()
    return secured.getpeercert(binary_form=True)


def _seconds(method: str, path: str) -> float:
    """For all of an answer."""
    return TIMEOUT if method == "GET" and "/answers/" not in path else CHANGING


def _written(body: object) -> str:
    """A body no larger than it came, or one of 64 KiB would not be taken by the other node."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))


def _give_up(connection: http.client.HTTPConnection, late: threading.Event) -> None:
    late.set()
    if connection.sock is not None:
        with suppress(OSError):
            socket.socket.shutdown(connection.sock, socket.SHUT_RDWR)  # that of TLS would take away what is just being read from


def _number(answer: Any) -> str:
    """Where to ask for an answer that comes later; Unanswered."""
    if mistakes(record("", data=ref("Later")), answer):
        raise Unanswered("gives no usable answer")
    return str(answer["data"]["later"])


def _judged(peer: Peer, status: int, answer: Any, schema: str) -> Reply:
    """The answer if it is as described; a node of another version, or a hostile one, must not break what is shown of the others."""
    good = status in (200, 201)
    if isinstance(answer, dict):
        answer = {name: value for name, value in answer.items() if name != "said"}  # its codes are found here
    envelope = record("", data=ref(schema)) if good else ref("Error")
    wrong = mistakes(envelope, answer) or ([] if good or 400 <= status < 600 else ["status: is none of an answer"])
    if not wrong and good:
        told = answer["data"]
        jobs = told.get("jobs", [told.get("job") if schema == "NodeState" else told])
        claimed = {job["host"] for job in jobs if job and "host" in job}
        wrong = [] if claimed <= {peer.node} else ["it speaks for another node"]
    if wrong:
        return Reply(peer, error=odd(peer, wrong[0]))
    return Reply(peer, status, answer["data"]) if good else Reply(peer, status, refused=answer["error"])


def odd(peer: Peer, wrong: str) -> str:
    """In words that what the peer answers cannot be so."""
    words = "answers otherwise than this version knows (is another version installed there?)"
    return f"{peer.node} ({peer.address}): {words}: {wrong}"


def _words(error: Exception) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "refuses the connection (is the web interface installed and running there?)"
    if isinstance(error, TimeoutError):
        return f"does not answer within {TIMEOUT:.0f} seconds"
    if isinstance(error, ssl.SSLError):
        return f"no trusted TLS connection ({getattr(error, 'verify_message', '') or error.reason})"
    return str(error) if isinstance(error, Unanswered) else "gives no usable answer"
