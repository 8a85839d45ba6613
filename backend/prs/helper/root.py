"""The root helper: what the service needs root for. One connection, one line, one line back:

`enable NODE`, `disable NODE`: HA maintenance mode, for which Proxmox VE has no REST call (pve-ha-manager HA/CLI/ha_manager.pm).
`hold NODE JOB SINCE 0|1 HOST USER`, `free NODE JOB`: tell all nodes, by a file below /etc/pve, that a drained node is kept empty.
`account`: the service's own account, which `setup` has left in /etc/pve/priv for all nodes; `alive`: tell all nodes that this one serves.
`keep TEXTS`: put a first account there (by node, JSON in base64), where there is none.
`policy DIGEST TEXT`: write the cluster-wide policy (TEXT in base64) in the place of the version whose SHA-256 is DIGEST;
`round DIGEST TEXT`: the round of rolling maintenance, in the same way.
`log ACTION JOB NODE CLIENT yes|no USER`: a line in Proxmox VE's cluster log (pve-cluster PVE/Cluster.pm log_msg), `-` where there is none.

systemd starts it per connection (Accept=yes, StandardInput=socket). Standard library only, and nothing of the service is imported
but `root_account`, `root_policy` and `root_request`; these, and `root_hooks` in a unit of its own, are all that runs as root.
"""

from __future__ import annotations

import argparse
import errno
import fcntl
import json
import os
import pwd
import re
import secrets
import socket
import subprocess
import sys
import syslog
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from prs.helper import root_account, root_policy, root_request

LONGEST = 500  # bytes of a request that brings no text
SECONDS = 30.0
LOGGED = "ok log"
_LABEL, _JOB = rb"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?", rb"[0-9a-f]{12}"
_SWITCH = re.compile(rb"(enable|disable) (%b)\n" % _LABEL)
_HOLD = re.compile(rb"hold (%b) (%b) ([0-9]{1,11}) ([01]) (%b) ([^\x00-\x20\x7f]{1,255})\n" % (_LABEL, _JOB, _LABEL))
_FREE = re.compile(rb"free (%b) (%b)\n" % (_LABEL, _JOB))
_LOG = re.compile(
    rb"log ([a-z-]{1,20}) (%b|-) (%b|-) ([0-9A-Fa-f.:%%]{1,45}|local|schedule|round) (yes|no) ([^\x00-\x20\x7f]{1,255})\n" % (_JOB, _LABEL)
)
LINES, REFUSALS = 60, 30  # of the cluster log, which all nodes share, in a minute; and how many of them may tell of what was refused
WRITES = 120  # changes of what all nodes share, in a minute, that the service's user may ask for; it needs some ten
_TELL = 'use PVE::SafeSyslog; use PVE::Cluster; initlog("prs"); PVE::Cluster::log_msg("notice", $ARGV[0], $ARGV[1]);'


class Places(NamedTuple):
    """Where things are: a directory with one entry per node, the HA manager's command, and the directory of the holds."""

    nodes: Path
    command: str
    held: Path
    private: Path = Path("/etc/pve/priv/proxmox-rebalancing-service")
    alive: Path = Path("/etc/pve/proxmox-rebalancing-alive")
    host: str = ""  # this node
    perl: str = "/usr/bin/perl"
    turns: Path = Path("/run/prs-cluster-log")  # how many lines this minute has had
    writes: Path | None = None  # how often the service has changed something this minute; None = nobody counts
    lock: Path | None = None  # whose holder alone writes holds; None = there is no other writer


def main(arguments: list[str] | None = None) -> int:
    """Serve the connection on standard input."""
    parser = argparse.ArgumentParser(prog="prs-ha-helper", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--user", default="prs", help="the only user that may ask")
    parser.add_argument("--nodes", type=Path, default=Path("/etc/pve/nodes"), help="directory with one entry per node")
    parser.add_argument("--command", default="/usr/sbin/ha-manager", help="the HA manager's command")
    parser.add_argument("--held", type=Path, default=Path("/etc/pve/proxmox-rebalancing-service"), help="directory of the holds")
    parser.add_argument("--private", type=Path, default=Places._field_defaults["private"], help="directory of the account")
    parser.add_argument("--alive", type=Path, default=Places._field_defaults["alive"], help="directory of the signs of life")
    parser.add_argument("--perl", default=Places._field_defaults["perl"], help="the Perl that knows Proxmox VE's modules")
    parser.add_argument("--turns", type=Path, default=Places._field_defaults["turns"], help="file that counts lines of the cluster log")
    parser.add_argument("--writes", type=Path, default=Path("/run/prs-cluster-writes"), help="file that counts changes")
    parser.add_argument("--lock", type=Path, default=Path("/run/prs-holds.lock"), help="file that whoever writes a hold locks")
    options = parser.parse_args(arguments)
    with socket.socket(fileno=os.dup(sys.stdin.fileno())) as connection:
        connection.settimeout(root_request.PATIENCE)
        host = socket.gethostname().split(".")[0]
        given = (options.nodes, options.command, options.held, options.private, options.alive, host, options.perl)
        answer = serve(connection, pwd.getpwnam(options.user).pw_uid, Places(*given, options.turns, options.writes, options.lock))
        if answer != LOGGED:  # PVE's function has written to the system's log as well
            syslog.syslog(syslog.LOG_NOTICE, "ok account" if answer.startswith("ok {") else answer)
        with suppress(ConnectionError):  # who has a line logged does not wait for the answer
            connection.sendall(answer.encode() + b"\n")
    return 0 if answer.startswith("ok") else 1


def serve(connection: socket.socket, uid: int, places: Places) -> str:
    """Judge the request on the connection and carry it out; the answer begins with `ok` or `refused` or `failed`."""
    try:
        asking, line = root_request.asked(connection, uid, LONGEST, (*root_policy.WORDS, root_account.WORD), root_policy.LONGEST)
    except root_request.Refused as why:
        return f"refused: {why}"
    if found := _LOG.fullmatch(line):
        return _log(places, *(part.decode("utf-8", "replace") for part in found.groups()))
    if asking == uid and line != b"account\n" and (words := _too_often(places.writes)):
        return words
    if line.startswith(root_policy.WORDS):
        return root_policy.serve(line, places.nodes / places.host, places.held, places.private.parent / "lock")
    if asking != uid:  # root, who does all else by itself
        return f"refused: user {asking} may not ask"
    if found := _SWITCH.fullmatch(line):
        verb, node = found[1].decode(), found[2].decode()
        if not (places.nodes / node).is_dir():
            return f"refused: there is no node {node}"
        return _run([places.command, "crm-command", "node-maintenance", verb, node])
    if found := _HOLD.fullmatch(line):
        return _hold(places, *found.groups())
    if found := _FREE.fullmatch(line):
        return _free(places, found[1].decode(), found[2].decode())
    if line == b"account\n":
        return root_account.give(places.private, places.host)
    if line.startswith(root_account.WORD):
        return root_account.keep(line, places.private, places.held / "account", places.nodes, places.private.parent / "lock")
    if line in (b"alive\n", b"gone\n"):
        return _alive(places, line == b"alive\n")
    known = "'enable NODE', 'disable NODE', 'hold ...', 'free NODE JOB', 'policy ...', 'round ...', 'log ...', 'account', 'keep ...'"
    known += ", 'alive', 'gone'"
    return f"refused: only {known} are known"


def _too_often(place: Path | None) -> str:
    """Count a change of what all nodes share; why it is not made, "" when it is. Root, who asks for some of them, is not counted."""
    try:
        passes = place is None or root_request.turn(place, int(time.time() // 60), WRITES)
    except OSError as error:
        return f"failed: {place}: {error.strerror}"
    return "" if passes else "refused: the cluster file system has had enough of this minute"


def _log(places: Places, action: str, job: str, node: str, client: str, allowed: str, user: str) -> str:
    """Write the line in words of our own; of the user's name only what is plain ASCII, as a name from LDAP may hold anything."""
    try:
        left_out = _turn(places.turns, int(time.time() // 60), allowed == "no")
    except OSError as error:
        return f"failed: {places.turns}: {error.strerror}"
    if left_out < 0:
        return "refused: the cluster log has had enough of this minute"
    name = "".join(letter if "!" <= letter <= "~" else "?" for letter in user)
    what = " ".join([action, *([f"job {job}"] if job != "-" else []), *([f"node {node}"] if node != "-" else [])])
    words = f"rebalancing: {what} by {name} from {client}: {'allowed' if allowed == 'yes' else 'refused'}"
    words += f" (before this, {left_out} lines were left out)" if left_out else ""
    done = _run([places.perl, "-T", "-e", _TELL, "--", name[:100], words])
    return LOGGED if done.startswith("ok") else done


def _turn(place: Path, minute: int, refusal: bool) -> int:
    """Take one of the minute's lines: how many the minute before had to leave out, -1 when this one has to be left out too; OSError."""
    with os.fdopen(os.open(place, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600), "r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        try:
            last, lines, refusals, left_out = map(int, file.read(100).split())
        except ValueError:
            last = lines = refusals = left_out = 0
        before = 0
        if last != minute:
            before, lines, refusals, left_out = left_out, 0, 0, 0
        passes = lines < LINES and not (refusal and refusals >= REFUSALS)
        file.seek(0)
        file.truncate()
        file.write(f"{minute} {lines + passes} {refusals + (refusal and passes)} {left_out + (not passes)}\n")
    return before if passes else -1


def _alive(places: Places, alive: bool) -> str:
    """Leave a file whose time tells the other nodes that the service of this one was alive then, or take it away."""
    if not (places.nodes / places.host).is_dir():
        return f"refused: there is no node {places.host}"
    try:
        places.alive.mkdir(mode=0o755, exist_ok=True)
        mark = places.alive / places.host
        mark.write_text("1\n") if alive else mark.unlink(missing_ok=True)
    except OSError as error:
        return _failed(places.alive, error)
    return f"ok {'alive' if alive else 'gone'} {places.host}"


def _hold(places: Places, node: bytes, job: bytes, since: bytes, maintenance: bytes, host: bytes, user: bytes) -> str:
    """Write a hold beside the old one and rename, so that no reader sees half of it; /etc/pve then gives it to every node."""
    name = f"{node.decode()}.{job.decode()}.held"
    who = user.decode("utf-8", "surrogateescape")
    if not who.isprintable():
        return "refused: the user's name cannot be printed"
    facts = {"host": host.decode(), "since": int(since), "maintenance": maintenance == b"1", "user": who}
    for label in (node.decode(), host.decode()):
        if not (places.nodes / label).is_dir():
            return f"refused: there is no node {label}"
    # No two writers meet in a draft, and nobody who may guess its name has put a link there.
    draft = places.held / f"{name}.{secrets.token_hex(8)}.tmp"
    try:
        places.held.mkdir(mode=0o755, exist_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o640), "w") as file:
            file.write(json.dumps(facts) + "\n")
        with _alone(places.lock):
            draft.rename(places.held / name)
            # One hold of a node and a host: pmxcfs is small, and a service that is no longer itself must not fill it.
            for path in _older(places.held, node.decode(), name, host.decode()):
                with suppress(OSError):  # whatever another node has put there, the new hold stands
                    path.unlink()
    except OSError as error:
        with suppress(OSError):
            draft.unlink(missing_ok=True)  # a service that tries again for ever must not leave one each time
        return _failed(places.held, error)
    return f"ok hold {name}"


@contextmanager
def _alone(place: Path | None) -> Iterator[None]:
    """No other helper of this node writes a hold: of two that put theirs down at once each would take away the other's. OSError."""
    if place is None:
        yield
        return
    with os.fdopen(os.open(place, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600), "r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _older(folder: Path, node: str, name: str, host: str) -> list[Path]:
    """What the new hold takes the place of: the host's other one of the same node, and drafts that a dead helper left behind."""
    found = list[Path]()
    for path in folder.iterdir():
        stale = False
        with suppress(FileNotFoundError):  # another writer has just made a hold of its draft
            stale = path.name.endswith(".tmp") and path.lstat().st_mtime < time.time() - 2 * SECONDS
        if stale or (path.name.startswith(f"{node}.") and path.name.endswith(".held") and path.name != name and _host(path) == host):
            found.append(path)
    return found


def _host(path: Path) -> str:
    """The host that a hold names, "" when it names none."""
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
            facts = json.loads(file.read(2 * LONGEST))
    except (OSError, ValueError, RecursionError):
        return ""
    return str(facts.get("host", "")) if isinstance(facts, dict) else ""


def _free(places: Places, node: str, job: str) -> str:
    """Remove a hold; the node itself may be gone already. One that is not there is no error, unless /etc/pve is not mounted."""
    if not places.nodes.is_dir():
        return f"failed: {places.nodes} is not there"
    try:
        (places.held / f"{node}.{job}.held").unlink(missing_ok=True)
    except OSError as error:
        return _failed(places.held, error)
    return f"ok free {node}.{job}.held"


def _failed(place: Path, error: OSError) -> str:
    """pmxcfs refuses root's writes with EACCES while the cluster has no quorum (pve-cluster pmxcfs/dcdb.c)."""
    hint = " (has the cluster quorum?)" if error.errno == errno.EACCES else ""
    return f"failed: {place}: {error.strerror}{hint}"


def _run(command: list[str]) -> str:
    clean = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS, env=clean, check=False)
    except subprocess.TimeoutExpired:
        return f"failed: ha-manager did not end within {SECONDS:.0f} seconds"
    except OSError as error:
        return f"failed: {command[0]}: {error.strerror}"
    words = " ".join((done.stderr or done.stdout).decode("utf-8", "replace").split())[:300]
    return f"ok {' '.join(command[2:])}" if done.returncode == 0 else f"failed: {words or f'exit status {done.returncode}'}"


if __name__ == "__main__":
    raise SystemExit(main())
