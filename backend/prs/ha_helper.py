"""The root helper for HA maintenance: one connection, one line `enable NODE` or `disable NODE`, one line back.

systemd starts it per connection (Accept=yes, StandardInput=socket). Proxmox VE has no REST call for this (pve-ha-manager
HA/CLI/ha_manager.pm). Standard library only, and nothing of the service is imported: this is all that runs as root.
"""

from __future__ import annotations

import argparse
import os
import pwd
import re
import socket
import struct
import subprocess
import sys
import syslog
from pathlib import Path

LONGEST = 80  # bytes of a request
SECONDS = 30.0
_REQUEST = re.compile(rb"(enable|disable) ([A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)\n")


def main(arguments: list[str] | None = None) -> int:
    """Serve the connection on standard input."""
    parser = argparse.ArgumentParser(prog="prs-ha-helper", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--user", default="prs", help="the only user that may ask")
    parser.add_argument("--nodes", type=Path, default=Path("/etc/pve/nodes"), help="directory with one entry per node")
    parser.add_argument("--command", default="/usr/sbin/ha-manager", help="the HA manager's command")
    options = parser.parse_args(arguments)
    with socket.socket(fileno=os.dup(sys.stdin.fileno())) as connection:
        connection.settimeout(5)
        answer = serve(connection, pwd.getpwnam(options.user).pw_uid, options.nodes, options.command)
        syslog.syslog(syslog.LOG_NOTICE, answer)
        connection.sendall(answer.encode() + b"\n")
    return 0 if answer.startswith("ok") else 1


def serve(connection: socket.socket, uid: int, nodes: Path, command: str) -> str:
    """Judge the request on the connection and carry it out; the answer begins with `ok` or `refused` or `failed`."""
    if connection.family != socket.AF_UNIX:
        return "refused: not a local socket"
    _, asking, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    if asking != uid:
        return f"refused: user {asking} may not ask"
    try:
        line = _line(connection)
    except OSError:
        return "refused: no request came"
    found = _REQUEST.fullmatch(line)
    if not found:
        return "refused: only 'enable NODE' and 'disable NODE' are known"
    verb, node = found[1].decode(), found[2].decode()
    if not (nodes / node).is_dir():
        return f"refused: there is no node {node}"
    return _run([command, "crm-command", "node-maintenance", verb, node])


def _line(connection: socket.socket) -> bytes:
    line = b""
    while not line.endswith(b"\n") and len(line) < LONGEST:
        part = connection.recv(LONGEST - len(line))
        if not part:
            break
        line += part
    return line


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
