"""The part that has Proxmox VE notify the administrator, as root: of a few events, in words of its own. One connection, one line:

`tell yes|no EVENT JOB NODE COUNT TOTAL`: a line in Proxmox VE's cluster log, and with `yes` a notification (pve-cluster PVE/Notify.pm),
which goes to the targets that the administrator's matchers choose. `-` where there is no job or node. Severity, template, fields and
words are this program's: whoever asks chooses an event, and cannot write to anybody.

systemd starts it per connection, in a unit of its own, because mail and webhooks need the network. Standard library only.
"""

from __future__ import annotations

import argparse
import json
import os
import pwd
import re
import socket
import subprocess
import sys
import syslog
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from prs.helper import root_request

LONGEST = 120  # bytes of a request
SECONDS = 120.0  # a mail server or a webhook may be slow
MOST = 40  # events in an hour
TEMPLATE = "rebalancing"
# Event -> severity, and what is said.
EVENTS = {
    "suggested": ("notice", "a plan of {count} migrations waits for somebody to apply or dismiss it"),
    "done": ("info", "{job} is done: {count} of {total} migrations"),
    "drained": ("info", "{job} is done: {count} of {total} migrations"),
    "partial": ("warning", "{job} is done only in part: {count} of {total} migrations"),
    "failed": ("error", "{job} failed: {count} of {total} migrations are done"),
    "unknown": ("error", "{job} has ended, and where {count} of its guests are is not known: look for them in Proxmox VE"),
    "rolled": ("info", "rolling maintenance is done: {count} of {total} nodes"),
    "stopped": ("error", "rolling maintenance has stopped at {node}: {count} of {total} nodes are done"),
    "unable": ("error", "the service cannot work, and has not been able to for 15 minutes"),
}
_PRIORITIES = {"info": "info", "notice": "notice", "warning": "warning", "error": "err"}  # as syslog has them
_REQUEST = re.compile(
    rb"tell (yes|no) ([a-z]{1,12}) ([0-9a-f]{12}|-) ([A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?|-) ([0-9]{1,6}) ([0-9]{1,6})\n"
)
# Perl takes all of it as one value; older releases have no data that templates share.
_TELL = """
use JSON::PP; use PVE::SafeSyslog; use PVE::Cluster; initlog("prs");
my $told = decode_json($ARGV[0]);
PVE::Cluster::log_msg($told->{priority}, "prs", $told->{words});
exit 0 if !$told->{notify};
require PVE::Notify;
PVE::Cluster::cfs_update();
my $shared = PVE::Notify->can("common_template_data") ? PVE::Notify::common_template_data() : {};
PVE::Notify::notify($told->{severity}, $told->{template}, { %$shared, %{$told->{data}} }, $told->{fields});
"""


class Places(NamedTuple):
    """Where things are: Perl, the count of this hour's events, a template of Proxmox VE's own that stands for all, one entry per node."""

    perl: str = "/usr/bin/perl"
    turns: Path = Path("/run/prs-notify-count")
    known: Path = Path("/usr/share/pve-manager/templates/default/vzdump-body.txt.hbs")
    nodes: Path = Path("/etc/pve/nodes")


def main(arguments: list[str] | None = None) -> int:
    """Serve the connection on standard input."""
    parser = argparse.ArgumentParser(prog="prs-notify-helper", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--user", default="prs", help="the only user, beside root, that may ask")
    parser.add_argument("--perl", default=Places().perl, help="the Perl that knows Proxmox VE's modules")
    parser.add_argument("--turns", type=Path, default=Places().turns, help="file that counts this hour's events")
    parser.add_argument("--known", type=Path, default=Places().known, help="a template of Proxmox VE's own")
    parser.add_argument("--nodes", type=Path, default=Places().nodes, help="directory with one entry per node")
    options = parser.parse_args(arguments)
    with socket.socket(fileno=os.dup(sys.stdin.fileno())) as connection:
        connection.settimeout(root_request.PATIENCE)
        answer = serve(connection, pwd.getpwnam(options.user).pw_uid, Places(options.perl, options.turns, options.known, options.nodes))
        syslog.syslog(syslog.LOG_NOTICE, answer)
        with suppress(OSError):  # nobody waits for it
            connection.sendall(answer.encode() + b"\n")
    return 0 if answer.startswith("ok") else 1


def serve(connection: socket.socket, uid: int, places: Places) -> str:
    """Judge the request of user `uid` or root and carry it out; the answer begins with `ok`, `refused` or `failed`."""
    try:
        _, line = root_request.asked(connection, uid, LONGEST)
    except root_request.Refused as why:
        return f"refused: {why}"
    found = _REQUEST.fullmatch(line)
    if not found or found[2].decode() not in EVENTS:
        return "refused: only 'tell yes|no EVENT JOB NODE COUNT TOTAL' is known, with an event of the list"
    if found[4] != b"-" and not (places.nodes / found[4].decode()).is_dir():
        return f"refused: there is no node {found[4].decode()}"  # its name would be words of whoever asks
    try:
        if not root_request.turn(places.turns, int(time.time() // 3600), MOST):
            return f"refused: {MOST} events in an hour are enough"
    except OSError as error:
        return f"failed: {places.turns}: {error.strerror}"
    wanted = found[1] == b"yes" and places.known.exists()
    told = message(found[2].decode(), found[3].decode(), found[4].decode(), int(found[5]), int(found[6]))
    return _run(places.perl, {**told, "notify": wanted}) or f"ok {found[2].decode()} {'notified' if wanted else 'logged'}"


def message(event: str, job: str, node: str, count: int, total: int) -> dict[str, object]:
    """What Perl is given for an event; fields are what matchers go by, all of them text."""
    severity, words = EVENTS[event]
    host = socket.gethostname().split(".")[0]
    job, node = job.replace("-", ""), "" if node == "-" else node
    about = f"job {job}, the drain of {node}," if job and node else f"job {job}"
    words = words.format(job=about, node=node or "a node", count=count, total=total)
    facts = {"event": event, "severity": severity, "job": job, "node": node}
    fields = {"type": "rebalancing", "hostname": host} | {name: value for name, value in facts.items() if value}
    data = {**facts, "host": host, "words": words[0].upper() + words[1:]}
    return {"priority": _PRIORITIES[severity], "words": f"rebalancing: {words}", "severity": severity, "template": TEMPLATE,
            "data": data, "fields": fields}  # fmt: skip


def _run(perl: str, told: dict[str, object]) -> str:
    """Have Perl tell it; "", or what went wrong."""
    clean = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}
    command = [perl, "-T", "-e", _TELL, "--", json.dumps(told)]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS, env=clean, cwd="/", check=False)
    except subprocess.TimeoutExpired:
        return f"failed: Proxmox VE has not sent it within {SECONDS:.0f} seconds"
    except OSError as error:
        return f"failed: {perl}: {error.strerror}"
    words = " ".join((done.stderr or done.stdout).decode("utf-8", "replace").split())[:300]
    return "" if done.returncode == 0 else f"failed: {words or f'exit status {done.returncode}'}"


if __name__ == "__main__":
    raise SystemExit(main())
