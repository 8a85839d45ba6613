"""What the web's own user may not read and needs to show: settings without the account, held nodes, the list of guests, certificates."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from prs.codec import to_json
from prs.config.load import Settings
from prs.engine.drain.holds import Holds
from prs.engine.journal.automation import Balancing
from prs.errors import RoundUnknown
from prs.helper.client import shared_round
from prs.pve.roster import NAME
from prs.web import certificate


def settings_for_web(settings: Settings) -> dict[str, Any]:
    """The part of the settings that the web lives by; nothing in it is secret."""
    return {
        "web": to_json(settings.web), "policy": to_json(settings.policy), "log_level": settings.log_level,
        "state_dir": str(settings.state_dir),
    }  # fmt: skip


def facts(holds: Holds, pve: Path, helper: Path, balancing: Balancing) -> dict[str, Any]:
    """The held nodes, the text of the cluster's list of guests ("" where there is none), each node's certificate as PEM, and `balancing`.

    `nodes` is None on a machine that is no node of a cluster; `round` says why a round of maintenance cannot be read, "" where it can.
    """
    listed = ""
    with suppress(OSError, UnicodeDecodeError):
        listed = (pve / NAME).read_text(encoding="utf-8")
    nodes = {path.name: _certificate(path) for path in sorted((pve / "nodes").iterdir())} if (pve / "nodes").is_dir() else None
    held = [to_json(one) for one in holds.held().values()]
    return {"held": held, "guests": listed, "nodes": nodes, "balancing": to_json(balancing), "round": _unread(pve, helper)}


def _unread(pve: Path, helper: Path) -> str:
    shared = shared_round(pve, helper)
    try:
        if shared is not None:
            shared.read()
    except RoundUnknown as error:
        return str(error)
    return ""


def _certificate(node: Path) -> str:
    """The certificate that a node shows, "" when it cannot be read; what pmxcfs tells of the keys is that they are there."""
    with suppress(OSError, UnicodeDecodeError):
        return certificate.choose(node).certificate.read_text(encoding="ascii")
    return ""
