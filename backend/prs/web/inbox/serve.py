"""Serves one request of the web on standard input, as the service's user: it is believed nothing that Proxmox VE does not confirm.

systemd starts it for each connection (Accept=yes). A request has to carry a ticket, CSRF token or API token that PVE accepts now, and
what it asks for is judged by the rights that PVE tells of that caller now; the service's own account is not even read.
"""

from __future__ import annotations

import argparse
import os
import pwd
import socket
import struct
import sys
import time
from pathlib import Path
from typing import Any

from prs import audit
from prs.codec import to_json
from prs.config.load import DEFAULT_PATH, Settings, load_settings
from prs.config.policy_view import view
from prs.engine.clock import SystemClock
from prs.engine.drain.holds import Holds
from prs.engine.journal.automation import balancing
from prs.engine.journal.journal import Journal
from prs.errors import PrsError
from prs.helper.client import PVE, SOCKET, shared_holds
from prs.helper.cluster_log import tell_cluster
from prs.logs import brief, set_up
from prs.web.api.refusal import Refusal, refusal
from prs.web.inbox.facts import facts, settings_for_web
from prs.web.inbox.message import REQUEST, Message, Told, answered, refused, unpacked

PATIENCE = 10.0  # seconds for a request to arrive, and for an answer to be taken


def main(arguments: list[str] | None = None) -> int:
    """Serve the connection on standard input."""
    given = parsed(arguments)
    set_up("info", sys.stderr, daemon=True)
    tell_cluster(given.helper)
    with socket.socket(fileno=os.dup(sys.stdin.fileno())) as connection:
        told = answer(connection, given)
        try:
            connection.sendall(told)
        except OSError as error:
            audit.log.debug("the answer was not taken: %s", error)
    return 0


def parsed(arguments: list[str] | None) -> argparse.Namespace:
    """What the command line says, as `answer` takes it."""
    parser = argparse.ArgumentParser(prog="prs-inbox", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("-c", "--config", type=Path, default=DEFAULT_PATH, help="configuration file (default %(default)s)")
    parser.add_argument("--user", default="prs-web", help="the only user that may ask")
    parser.add_argument("--node", default=socket.gethostname().partition(".")[0], help="name of this node (default %(default)s)")
    parser.add_argument("--pve", type=Path, default=PVE, help="PVE's configuration file system (default %(default)s)")
    parser.add_argument("--helper", type=Path, default=SOCKET, help="socket of the root helper (default %(default)s)")
    return parser.parse_args(arguments)


def answer(connection: socket.socket, given: argparse.Namespace) -> bytes:
    """What the request on the connection gets, PATIENCE to take it included."""
    connection.settimeout(PATIENCE)
    try:
        found = answered(serve(connection, given))
    except PrsError as error:
        found = refused(refusal(error), isinstance(error, Told))
    except Exception as error:  # noqa: BLE001 - one line about it instead of a traceback
        audit.log.error("a request failed: %s", brief(error))
        found = b"\n"
    connection.settimeout(PATIENCE)
    return found


def serve(connection: socket.socket, given: argparse.Namespace) -> Any:
    """Read the request, judge it and carry it out; Refusal and what else went wrong."""
    _, asking, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    if asking != pwd.getpwnam(given.user).pw_uid:
        raise Refusal(403, "forbidden", f"User {asking} may not ask.")
    message, asked = unpacked(_line(connection))
    pve = None if given.pve == PVE else given.pve
    settings = load_settings(given.config, pve=pve)
    set_up(settings.log_level, sys.stderr, daemon=True)
    if message.action == "settings":
        return settings_for_web(settings)
    if message.action == "policy-view":
        return to_json(view(given.config, given.pve))
    if message.action == "round-view":
        from prs.web.inbox.rounds.steer import round_view

        return round_view(given.pve, given.helper)
    with Journal(settings.state_dir / "journal.sqlite") as journal:
        holds = Holds(journal, SystemClock(), shared_holds(given.pve, given.node, given.helper))
        if message.action == "facts":
            return facts(holds, given.pve, given.helper, balancing(settings, journal, given.node, SystemClock().time()))
        return _for_caller(message, asked, settings, holds, given)


def _for_caller(message: Message, asked: Any, settings: Settings, holds: Holds, given: argparse.Namespace) -> Any:
    """Have PVE prove the caller, then carry the action out and leave an audit line, whatever came of it."""
    # What only some requests need is loaded for them alone.
    from prs.pve.http.client import connect
    from prs.web.access.auth import Verifier
    from prs.web.access.login import read_login
    from prs.web.api.validate import mistakes
    from prs.web.inbox.actions import ARGUMENTS, work_of
    from prs.web.inbox.desk import Desk
    from prs.web.pveproxy import own_api

    known = ARGUMENTS.get(message.action)
    wrong = ["action: is not known"] if known is None else mistakes(known, asked)
    if wrong:
        raise Refusal(400, "invalid", "The request is not as described.", wrong[:20])
    endpoint = own_api(settings.web, given.pve / "local", given.pve / "pve-root-ca.pem", given.node)
    login = read_login(message.authorization, message.csrf, True)
    who = Verifier(endpoint, connect).verify(login, message.client, True)
    name, why, done = audit.named(message.action, str(asked.get("verb", ""))), "", dict[str, Any]()
    try:
        desk = Desk(settings, endpoint, connect, holds.journal, holds, given.node, given.helper, given.pve)
        done |= work_of(message.action)(desk, who, asked)
    except PrsError as error:
        found = refusal(error)
        why = f"refused with {found.status}"
        raise Told(found.status, found.code, found.message, found.details, found.retry) from error
    except BaseException:
        why = "failed"
        raise
    finally:
        begun = done.get("id", "") if name in ("start", "apply", "begin-round") else ""
        job = str(asked.get("job") or asked.get("round") or begun)
        about = str(done.pop("about", "") or ", ".join(asked.get("nodes", ()))[:200])
        audit.note(audit.Deed(name, who.name, _address(message.client), job, str(asked.get("node", "")), why, about))
    return done


def _address(text: str) -> str:
    """The client's address as the web tells it: only it knows, and nothing but an address fits into an audit line."""
    return "".join(letter for letter in text[:45] if letter in "0123456789abcdefABCDEF.:%") or "?"


def _line(connection: socket.socket) -> bytes:
    """The request, as far as it comes within PATIENCE, also byte by byte."""
    line, end = bytearray(), time.monotonic() + PATIENCE
    while not line.endswith(b"\n") and len(line) <= REQUEST:
        connection.settimeout(max(0.01, end - time.monotonic()))
        part = connection.recv(64 * 1024)
        if not part:
            break
        line += part
    return bytes(line)


if __name__ == "__main__":
    raise SystemExit(main())
