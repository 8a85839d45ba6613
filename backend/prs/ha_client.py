"""Asks the root helper to switch a node's HA maintenance mode."""

from __future__ import annotations

import socket
from pathlib import Path

from prs.errors import HelperError

SOCKET = Path("/run/prs-ha-maintenance.sock")  # where the packages have the helper listen
SECONDS = 40.0  # a little longer than the helper gives ha-manager


def set_maintenance(helper: Path, node: str, enabled: bool) -> None:
    """Queue the change with the HA manager, which acts on it within its next cycles; HelperError says why it was not possible."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(SECONDS)
            connection.connect(str(helper))
            connection.sendall(f"{'enable' if enabled else 'disable'} {node}\n".encode())
            connection.shutdown(socket.SHUT_WR)
            answer = b""
            while part := connection.recv(1024):
                answer += part
    except FileNotFoundError:
        raise HelperError(f"HA maintenance mode cannot be switched here: there is no helper at {helper}") from None
    except OSError as error:
        raise HelperError(f"the helper for HA maintenance mode does not answer: {error.strerror or error}") from None
    words = answer.decode("utf-8", "replace").strip()
    if not words.startswith("ok"):
        raise HelperError(f"HA maintenance mode of {node} was not switched: {words or 'the helper gave no answer'}")
