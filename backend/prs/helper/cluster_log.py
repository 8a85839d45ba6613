"""Has audit lines written into Proxmox VE's cluster log as well, where the root helper can be reached; nobody waits for it."""

from __future__ import annotations

import logging
import re
import socket
from pathlib import Path

from prs import audit

# Change neither the cluster nor a job, and stay out of the log that all nodes share.
PROPOSALS = frozenset({"plan", "place", "undo", "preview-round"})
SECONDS = 2.0  # for the helper to take the line
_JOB, _NODE = re.compile(r"[0-9a-f]{12}"), re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_CLIENT = re.compile(r"[0-9A-Fa-f.:%]{1,45}|local|schedule|round")


class ClusterLog(logging.Handler):
    """Sends the fields of audit records to the helper, which makes a line of them and bounds how many there are."""

    def __init__(self, helper: Path) -> None:
        super().__init__(logging.INFO)
        self._helper = helper

    def emit(self, record: logging.LogRecord) -> None:
        """Send one record; a machine that is no node has no helper, and the action itself never fails for it."""
        line = request(record)
        if not line or not self._helper.exists():
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.settimeout(SECONDS)
                connection.connect(str(self._helper))
                connection.sendall(line)
        except OSError as error:
            logging.getLogger(__name__).debug("not in the cluster log: %s", error)


def request(record: logging.LogRecord) -> bytes:
    """The helper's `log` request for an audit record; empty for what does not belong there."""
    action, caller, client, job, node, allowed = (str(getattr(record, name, "")) for name in audit.FIELDS)
    if not action or action in PROPOSALS:
        return b""
    words = [re.sub(r"[^a-z]+", "-", action)[:20], job if _JOB.fullmatch(job) else "-", node if _NODE.fullmatch(node) else "-"]
    words += [client if _CLIENT.fullmatch(client) else "local", allowed, re.sub(r"[^!-~]", "?", caller)[:100] or "?"]
    return f"log {' '.join(words)}\n".encode("ascii")


def tell_cluster(helper: Path) -> None:
    """From now on every audit line of this process goes to the cluster log too."""
    if not any(isinstance(handler, ClusterLog) for handler in audit.log.handlers):
        audit.log.addHandler(ClusterLog(helper))
