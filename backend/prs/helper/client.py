"""Asks the root helper for what needs root: a node's HA maintenance mode, and what all nodes share below /etc/pve."""

from __future__ import annotations

import base64
import json
import os
import socket
from contextlib import suppress
from functools import partial
from pathlib import Path

from prs.engine.drain.shared_holds import FOLDER, SharedHolds
from prs.engine.journal.hold import Hold
from prs.engine.rolling.shared_round import SharedRound
from prs.errors import HelperError, PolicyChanged, RoundChanged

SOCKET = Path("/run/prs-ha-maintenance.sock")  # where the packages have the helper listen
PVE = Path("/etc/pve")
SIGNS = "proxmox-rebalancing-alive"  # below /etc/pve: one file for each node whose service has an account
ALIVE = 600.0  # seconds that a sign of life counts
SECONDS = 40.0  # a little longer than the helper gives ha-manager


def shared_holds(pve: Path, host: str, helper: Path) -> SharedHolds | None:
    """The cluster's list as host `host` reads it and has `helper` write it; None on a machine that is no node of a cluster."""
    return SharedHolds(pve / FOLDER, host, partial(put_shared_hold, helper), partial(take_shared_hold, helper)) if pve.is_dir() else None


def set_maintenance(helper: Path, node: str, enabled: bool) -> None:
    """Queue the change with the HA manager, which acts on it within its next cycles; HelperError says why it was not possible."""
    try:
        words = _ask(helper, f"{'enable' if enabled else 'disable'} {node}")
    except FileNotFoundError:
        raise HelperError(f"HA maintenance mode cannot be switched here: there is no helper at {helper}") from None
    except OSError as error:
        raise HelperError(f"the helper for HA maintenance mode does not answer: {error.strerror or error}") from None
    if not words.startswith("ok"):
        raise HelperError(f"HA maintenance mode of {node} was not switched: {words or 'the helper gave no answer'}")


def put_shared_hold(helper: Path, held: Hold) -> None:
    """Put a hold into the cluster's list, or in the place of the same hold; HelperError."""
    _list(helper, f"hold {held.node} {held.job} {int(held.since)} {int(held.maintenance)} {held.host} {held.user}")


def take_shared_hold(helper: Path, held: Hold) -> None:
    """Take a hold out of the cluster's list; HelperError."""
    _list(helper, f"free {held.node} {held.job}")


def account(host: str, pve: Path, helper: Path) -> str:
    """The text of the account that `setup` has left for the nodes of the cluster, "" where there is none; HelperError.

    Root reads it itself, the service's user asks the helper.
    """
    if not pve.is_dir():
        return ""
    folder = pve / "priv" / FOLDER
    if os.access(folder, os.R_OK | os.X_OK):
        found = next((path for path in (folder / f"{host}.conf", folder / "account.conf") if path.exists()), None)
        return found.read_text(encoding="utf-8") if found else ""
    if os.access(folder.parent, os.R_OK | os.X_OK) and not folder.exists():
        return ""  # root sees for itself that there is none; the helper answers the service's user only
    try:
        words = _ask(helper, "account")
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise HelperError(f"the helper at {helper} does not answer: {error.strerror or error}") from None
    if not words.startswith("ok "):
        raise HelperError(f"the account of the cluster cannot be read: {words or 'the helper gave no answer'}")
    return str(json.loads(words[3:]).get("text", ""))


def keep_account(helper: Path, texts: dict[str, str]) -> None:
    """Have a first account, by node, put where root of every node reads it; HelperError."""
    _list(helper, f"keep {base64.b64encode(json.dumps(texts).encode()).decode()}")


def write_policy(helper: Path, digest: str, text: str) -> str:
    """Write the cluster's policy in the place of the version with this digest; the new digest. PolicyChanged, HelperError."""
    try:
        words = _ask(helper, f"policy {digest} {base64.b64encode(text.encode()).decode()}")
    except FileNotFoundError:
        raise HelperError(f"the policy cannot be written here: there is no helper at {helper}") from None
    except PermissionError:
        raise HelperError("the policy of the cluster is root's: call this as root") from None
    except OSError as error:
        raise HelperError(f"the helper that writes the policy does not answer: {error.strerror or error}") from None
    if words.startswith("changed"):
        raise PolicyChanged("somebody else has changed the policy meanwhile; nothing was written: look at it again, then try again")
    if not words.startswith("ok policy "):
        raise HelperError(f"the policy was not written: {words or 'the helper gave no answer'}")
    return words.removeprefix("ok policy ")


def write_round(helper: Path, digest: str, text: str) -> str:
    """Write the round of maintenance in the place of the version with this digest; the new digest. RoundChanged, HelperError."""
    try:
        words = _ask(helper, f"round {digest} {base64.b64encode(text.encode()).decode()}")
    except FileNotFoundError:
        raise HelperError(f"there is no helper at {helper}") from None
    except OSError as error:
        raise HelperError(f"the helper does not answer: {error.strerror or error}") from None
    if words.startswith("changed"):
        raise RoundChanged("another host has changed the round of maintenance meanwhile")
    if not words.startswith("ok round "):
        raise HelperError(f"the round of maintenance was not written: {words or 'the helper gave no answer'}")
    return words.removeprefix("ok round ")


def shared_round(pve: Path, helper: Path) -> SharedRound | None:
    """The cluster's round of maintenance, written by `helper`; None on a machine that is no node of a cluster."""
    return SharedRound(pve / FOLDER, pve / "nodes", partial(write_round, helper)) if pve.is_dir() else None


def tell_alive(helper: Path, alive: bool) -> None:
    """Tell all nodes that the service of this one is alive, or ends; HelperError."""
    _list(helper, "alive" if alive else "gone")


def alive_nodes(pve: Path, now: float) -> frozenset[str]:
    """The nodes whose service has told within ALIVE seconds that it is alive; empty where nobody tells."""
    found = set[str]()
    for path in (pve / SIGNS).glob("*") if pve.is_dir() else ():
        with suppress(OSError):  # removed meanwhile
            if abs(now - path.stat().st_mtime) < ALIVE:
                found.add(path.name)
    return frozenset(found)


def _list(helper: Path, request: str) -> None:
    try:
        words = _ask(helper, request)
    except FileNotFoundError:
        raise HelperError(f"there is no helper at {helper}") from None
    except OSError as error:
        raise HelperError(f"the helper does not answer: {error.strerror or error}") from None
    if not words.startswith("ok"):
        raise HelperError(words or "the helper gave no answer")


def _ask(helper: Path, request: str) -> str:
    """One request, one answer; OSError."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(SECONDS)
        connection.connect(str(helper))
        answer = b""
        with suppress(BrokenPipeError, ConnectionResetError):  # a refusal is answered before the request is read
            connection.sendall(f"{request}\n".encode())
            connection.shutdown(socket.SHUT_WR)
        try:
            while part := connection.recv(1024):
                answer += part
        except ConnectionResetError:
            if not answer:
                raise
    return answer.decode("utf-8", "replace").strip()
