"""Runs a site's hooks as root, in a unit of its own without the helper's walls. One connection, one line, one line of JSON back:

`hook STAGE NODE`: run /etc/proxmox-rebalancing-service/hooks.d/STAGE with STAGE and NODE, a node of the cluster, as its arguments, to its
end or the limit; one at a time, however many are asked for.
`hooks`: which hooks there are, and of each what speaks against running it, "" for nothing.

A hook is an executable file of root's, in folders of root's, that nobody else may write, as run-parts(8) and sudo want it. Standard
library only.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import pwd
import re
import select
import signal
import socket
import stat
import subprocess
import sys
import syslog
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, NamedTuple

from prs.helper import root_request

STAGES = ("before-drain", "after-drain", "before-reboot", "after-boot")
LONGEST = 100  # bytes of a request
SECONDS = 1800.0  # a hook may install updates
GRACE = 10.0  # seconds between the wish that a hook ends and its end
TURN = 60.0  # seconds to wait for the end of another hook: of one that nobody waits for any more it comes within GRACE
KEPT = 4000  # bytes of what a hook says, the last ones: there its error is
_HOOK = re.compile(rb"hook (before-drain|after-drain|before-reboot|after-boot) ([A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)\n")
_COLOURS = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\r(?=\n)")  # ECMA-48, and other systems' lines


class Places(NamedTuple):
    """Where things are: the hooks, a directory with one entry per node, and the lock of whoever runs a hook."""

    folder: Path = Path("/etc/proxmox-rebalancing-service/hooks.d")
    nodes: Path = Path("/etc/pve/nodes")
    lock: Path = Path("/run/prs-hook.lock")


def main(arguments: list[str] | None = None) -> int:
    """Serve the connection on standard input."""
    parser = argparse.ArgumentParser(prog="prs-hook-helper", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--user", default="prs", help="the only user, beside root, that may ask")
    parser.add_argument("--folder", type=Path, default=Places().folder, help="directory of the hooks")
    parser.add_argument("--nodes", type=Path, default=Places().nodes, help="directory with one entry per node")
    parser.add_argument("--lock", type=Path, default=Places().lock, help="file that is locked while a hook runs")
    parser.add_argument("--owner", default="root", help="whose the hooks and their folders have to be")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="how long a hook may take")
    options = parser.parse_args(arguments)
    with socket.socket(fileno=os.dup(sys.stdin.fileno())) as connection:
        connection.settimeout(root_request.PATIENCE)
        places, owner = Places(options.folder, options.nodes, options.lock), pwd.getpwnam(options.owner).pw_uid
        answer = serve(connection, pwd.getpwnam(options.user).pw_uid, places, options.seconds, owner)
        with suppress(OSError):  # whoever asked may have gone
            connection.sendall(answer.encode() + b"\n")
    return 0 if answer.startswith("{") else 1


def serve(connection: socket.socket, uid: int, places: Places, seconds: float, owner: int = 0) -> str:
    """Judge the request of user `uid` or root and carry it out with the hooks of user `owner`; JSON, or what begins with `refused`."""
    try:
        _, line = root_request.asked(connection, uid, LONGEST)
        if line == b"hooks\n":
            known = [stage for stage in STAGES if os.path.lexists(places.folder / stage)]
            return json.dumps({stage: objection(places.folder / stage, owner) for stage in known})
        found = _HOOK.fullmatch(line)
        if not found:
            raise root_request.Refused("only 'hook STAGE NODE' and 'hooks' are known")
        stage, node = found[1].decode(), found[2].decode()
        if not os.path.lexists(places.folder / stage):
            return json.dumps({"found": False})
        if not (places.nodes / node).is_dir():
            raise root_request.Refused(f"there is no node {node}")
        with _alone(places.lock, connection):
            if words := objection(places.folder / stage, owner):
                raise root_request.Refused(words)
            done = run(places.folder / stage, node, seconds, connection)
    except root_request.Refused as why:
        return f"refused: {why}"
    how = "was ended" if done["code"] is None else f"exit status {done['code']}"
    syslog.syslog(syslog.LOG_NOTICE, f"hook {stage} for {node}: {how}")
    return json.dumps(done)


@contextmanager
def _alone(place: Path, connection: socket.socket) -> Iterator[None]:
    """Hold the lock, which no hook inherits; Refused where another hook goes on, or nobody waits for this one any more."""
    end, poll = time.monotonic() + TURN, select.poll()
    poll.register(connection, 0)
    try:
        lock = os.open(place, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise root_request.Refused(f"{place}: {error.strerror}") from None
    with os.fdopen(lock):
        while True:
            with suppress(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            if time.monotonic() >= end:
                raise root_request.Refused("another hook of this site is still running")
            if poll.poll(200):
                raise root_request.Refused("nobody waits for it any more")
        yield


def objection(hook: Path, owner: int = 0) -> str:
    """What speaks against running it as root, "" for nothing; `owner` is whose it and the folders above it have to be."""
    try:
        for place in (hook, hook.parent, hook.parent.parent):
            facts = place.lstat()
            kind = stat.S_ISREG(facts.st_mode) if place == hook else stat.S_ISDIR(facts.st_mode)
            if not kind:
                return f"{place} is not a {'file' if place == hook else 'folder'}: links and other things are not followed"
            if facts.st_uid != owner:
                return f"{place} belongs to user {facts.st_uid}, and has to belong to root"
            if facts.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
                return f"{place} may be written by others than root (mode {stat.S_IMODE(facts.st_mode):04o}): chmod go-w {place}"
        if not hook.lstat().st_mode & stat.S_IXUSR:
            return f"{hook} is not executable: chmod +x {hook}, or remove it"
    except OSError as error:
        return f"{hook}: {error.strerror}"
    return ""


def run(hook: Path, node: str, seconds: float, connection: socket.socket) -> dict[str, object]:
    """Run it to its end, to the limit, or until whoever asked has gone; how it ended, and what it said, cleaned and cut."""
    began = time.monotonic()
    clean = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/root"}
    clean |= {"PRS_STAGE": hook.name, "PRS_NODE": node}
    try:
        process = subprocess.Popen(
            [hook, hook.name, node], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=clean, cwd="/",
            start_new_session=True,
        )  # fmt: skip
    except OSError as error:  # such as no interpreter of that name
        return {"found": True, "code": None, "hung": False, "output": f"{hook}: {error.strerror}", "seconds": 0.0}
    assert process.stdout is not None
    with process.stdout as pipe:
        said, why = _listen(process, pipe, connection, began + seconds)
        code = _stop(process) if why else process.wait()
        said += _rest(pipe)
    took = round(time.monotonic() - began, 1)
    return {"found": True, "code": None if why else code, "hung": why == "hung", "output": cleaned(said), "seconds": took}


def _listen(process: subprocess.Popen[bytes], pipe: IO[bytes], connection: socket.socket, end: float) -> tuple[bytes, str]:
    """What it says until it has ended (""), its time is up ("hung"), or nobody waits for it any more ("gone")."""
    said, poll = b"", select.poll()
    os.set_blocking(pipe.fileno(), False)
    poll.register(pipe, select.POLLIN)
    poll.register(connection, 0)  # only whether the other side has been closed
    while process.poll() is None:
        if time.monotonic() >= end:
            return said, "hung"
        for number, event in poll.poll(min(200.0, max(1.0, (end - time.monotonic()) * 1000))):
            if number == connection.fileno() and event & (select.POLLHUP | select.POLLERR):
                return said, "gone"
            if number == pipe.fileno():
                part = _rest(pipe)
                said = (said + part)[-KEPT:]
                if not part and event & select.POLLHUP:
                    poll.unregister(pipe)  # it has closed its output, and works on
    return said, ""


def _rest(pipe: IO[bytes]) -> bytes:
    with suppress(BlockingIOError):  # a child that it has left behind may still hold the other end
        return os.read(pipe.fileno(), 65536)[-KEPT:]
    return b""


def _stop(process: subprocess.Popen[bytes]) -> int:
    """End it with all that it has started, at first politely; what stays when it has obeyed itself is killed too."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    end = time.monotonic() + GRACE
    # Not waited for yet, so that its number, which is the group's too, cannot become another's.
    while not os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) and time.monotonic() < end:
        time.sleep(0.05)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    return process.wait()


def cleaned(said: bytes) -> str:
    """The last part as text without colours and control characters, lines kept."""
    text = _COLOURS.sub("", said[-KEPT:].decode("utf-8", "replace"))
    return "".join(letter if letter == "\n" or letter.isprintable() else " " for letter in text).strip()


if __name__ == "__main__":
    raise SystemExit(main())
