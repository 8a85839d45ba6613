"""The second way in: requests that pveproxy passes on through a unix socket, answered whole, with their status inside the body.

pveproxy streams what comes from the socket to its client as it is, always under its own HTTP 200, and does not tell when that
client has gone (PVE/APIServer/AnyEvent.pm response_stream). So there is no HTTP head here, and a call waits some seconds only
(prs.web.server.held).
"""

from __future__ import annotations

import ipaddress
import json
import os
import pwd
import socket
import struct
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from gunicorn.http.errors import InvalidHeader, InvalidRequestMethod
from werkzeug.wrappers import Response

from prs.web.access.client import BRIDGE, Told, client_of
from prs.web.access.login import read_login
from prs.web.access.pace import room
from prs.web.api.answers import refused
from prs.web.api.refusal import Refusal
from prs.web.server.held import Held

# Requests at the same time: of one user at one address (all who come through another node have that one's), and of all; no user takes
# what is left for others. pveproxy itself has made sure of the user before the plugin is called (permissions of Bridge.pm).
EACH, ALL = 20, 80
NAME = "bridge"  # of the socket, as its unit names it (FileDescriptorName=)
PEER = "www-data"  # the user whose processes may speak here, beside root: pveproxy's
_FIRST = 3  # systemd's first file descriptor, sd_listen_fds(3)
# What the plugin in pveproxy sends. Host, Origin and Cookie belong to pveproxy's own clients: here they have no meaning.
_HEADERS = frozenset({"AUTHORIZATION", "CSRFPREVENTIONTOKEN", "IF-NONE-MATCH", "CONTENT-TYPE", "CONTENT-LENGTH", "PRS-CLIENT"})
_SHOWN = ("ETag", "Retry-After")


def inherited(environment: dict[str, str]) -> int | None:
    """The listening socket that systemd has opened for us, None without one; gunicorn must not take it for its own."""
    mine = environment.pop("LISTEN_PID", "") == str(os.getpid())
    count, names = environment.pop("LISTEN_FDS", "0"), environment.pop("LISTEN_FDNAMES", "").split(":")
    if not mine or not count.isdigit():
        return None
    found = [_FIRST + number for number, name in enumerate(names[: int(count)]) if name == NAME]
    return found[0] if found else None


def peers(user: str) -> frozenset[int]:
    """The numbers of the users whose processes may speak here; KeyError for a user that does not exist."""
    return frozenset({0, pwd.getpwnam(user).pw_uid})


def speaker(sock: Any) -> int:
    """The user of the process at the other end, as the kernel knows it."""
    found: int = struct.unpack("3i", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))[1]
    return found


def judge(req: Any) -> None:
    """Refuse what the plugin does not send: InvalidHeader, InvalidRequestMethod."""
    if req.method not in ("GET", "POST", "PUT"):
        raise InvalidRequestMethod(req.method)
    for name, _ in req.headers:
        if name not in _HEADERS:
            raise InvalidHeader(name)


def client(req: Any) -> str:
    """The address of pveproxy's client, for limits and the log and never for rights; "" where none is given."""
    given = [value for name, value in req.headers if name == "PRS-CLIENT"]
    try:
        found = ipaddress.ip_address(given[0] if len(given) == 1 else "")
    except ValueError:
        return ""
    return str(getattr(found, "ipv4_mapped", None) or found)


class Shares:
    """How many requests of each user at each address are being answered."""

    def __init__(self) -> None:
        self._inside: Counter[tuple[str, str]] = Counter()

    @contextmanager
    def share(self, address: str, authorization: str) -> Iterator[None]:
        """Hold one of the shares; Refusal 429 when there is none. Not for threads: a greenlet is not interrupted here."""
        who = client_of(address), _user(authorization)
        if not room(self._inside[who], self._inside.total(), EACH, ALL):
            raise Refusal(429, "slow_down", "Too many calls at the same time: try again in 3 seconds.", retry=3)
        self._inside[who] += 1
        try:
            yield
        finally:
            self._inside[who] -= 1
            self._inside += Counter()  # forgets clients without a share


def _user(authorization: str) -> str:
    """Whose ticket or token it is, "" where the service will refuse it at once."""
    try:
        return read_login(authorization, "", changing=False).user
    except Refusal:
        return ""


def answer(app: Callable[..., Any], environ: dict[str, Any], shares: Shares, held: Held) -> bytes:
    """What goes through pveproxy: {data: {status, headers, answer}}, `answer` being what the port would send, null where that is empty."""
    environ[BRIDGE] = Told()
    try:
        with shares.share(environ["REMOTE_ADDR"], environ.get("HTTP_AUTHORIZATION", "")):
            found = held.answer(environ, lambda: Response.from_app(app, environ, buffered=True))
    except Refusal as error:
        found = refused(error)
    headers = {name: found.headers[name] for name in _SHOWN if name in found.headers}
    head = json.dumps({"data": {"status": found.status_code, "headers": headers}})
    return head[:-2].encode() + b', "answer": ' + (found.get_data() or b"null") + b"}}\n"
