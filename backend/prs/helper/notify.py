"""Has root tell the administrator of what the service has done, through Proxmox VE's own notifications and its cluster log."""

from __future__ import annotations

import logging
import socket
from pathlib import Path

from prs.engine.daemon.notices import Notice

SOCKET = Path("/run/prs-notify.sock")  # where the package has root listen
TEMPLATES = Path("/usr/share/pve-manager/templates/default")
SECONDS = 2.0  # for the helper to take the line

log = logging.getLogger(__name__)


def send(place: Path, notice: Notice, wanted: bool) -> None:
    """Have a line written into the cluster log, and with `wanted` a notification sent; nobody waits for it, and nothing fails for it."""
    if not place.exists():  # a machine that is no node
        return
    count, total = (min(max(number, 0), 999_999) for number in (notice.count, notice.total))
    line = f"tell {'yes' if wanted else 'no'} {notice.event} {notice.job or '-'} {notice.node or '-'} {count} {total}\n"
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(SECONDS)
            connection.connect(str(place))
            connection.sendall(line.encode())
    except OSError as error:
        log.warning("nobody is notified of '%s': %s", notice.event, error)


def missing(templates: Path = TEMPLATES) -> str:
    """Why this node sends no notifications, "" when it does: Proxmox VE takes templates of others since pve-manager 8.2.3."""
    if (templates / "vzdump-body.txt.hbs").exists():
        return ""
    return "Proxmox VE on this node is older than 8.2.3 and sends no notifications of the service: there are lines in its cluster log only"
