"""The part of the root helper that gives the account of all nodes, and keeps a first one. Standard library only."""

from __future__ import annotations

import base64
import errno
import json
import re
import secrets
import time
from contextlib import suppress
from pathlib import Path

from prs.helper.root_policy import locked

WORD = b"keep "  # begins the request that brings an account
_REQUEST = re.compile(rb"keep ([A-Za-z0-9+/=]{1,92000})\n")
# Exactly what `setup` writes, for the service's own user and token: nothing else ever gets to the other nodes this way.
_TEXT = re.compile(
    r"# [ -~]{1,200}\n\[proxmox\]\napi_host: [0-9A-Za-z.:,\[\]-]{1,2000}\napi_token: prs@pve!cluster=[0-9A-Za-z-]{1,64}\n"
    r"(?:ca_file: /etc/pve/pve-root-ca\.pem\n)?"
)


def give(folder: Path, host: str) -> str:
    """This node's account, else the one for nodes that joined later, as one line of JSON."""
    for name in (host, "account"):
        try:
            return f"ok {json.dumps({'text': (folder / f'{name}.conf').read_text(encoding='utf-8')})}"
        except FileNotFoundError:
            continue
        except (OSError, UnicodeDecodeError) as error:
            return f"failed: {folder / name}.conf: {error}"
    return "ok {}"


def keep(line: bytes, folder: Path, mark: Path, nodes: Path, locks: Path) -> str:
    """Write a first account, by node; one that is there already is never replaced, also not one that another node keeps meanwhile.

    `mark` tells the services that there is one now; `locks` is where pmxcfs has its locks.
    """
    wanted = _wanted(line, nodes)
    if wanted is None:
        return "refused: an account as setup writes it is expected, by node, in base64 of JSON"
    try:
        with locked(locks / "proxmox-rebalancing-account"):
            folder.mkdir(exist_ok=True)
            if any(folder.glob("*.conf")):
                return "refused: there is an account already"
            _write(wanted, folder, mark)
    except OSError as error:
        # pmxcfs refuses root's writes with EACCES while the cluster has no quorum (pve-cluster pmxcfs/dcdb.c).
        hint = " (has the cluster quorum?)" if error.errno == errno.EACCES else ""
        return f"failed: {folder}: {error.strerror}{hint}"
    return "ok keep"


def _write(texts: dict[str, str], folder: Path, mark: Path) -> None:
    """All of them and the mark, or nothing. OSError."""
    written = list[Path]()
    try:
        for name, text in sorted(texts.items()):
            draft, file = folder / f"{name}.{secrets.token_hex(8)}.tmp", folder / f"{name}.conf"
            written += [draft, file]
            draft.write_text(text, encoding="utf-8")
            draft.rename(file)
        mark.parent.mkdir(exist_ok=True)
        mark.write_text(f"{time.time():.6f}\n", encoding="utf-8")
    except OSError:
        for path in written:
            with suppress(OSError):
                path.unlink(missing_ok=True)
        raise


def _wanted(line: bytes, nodes: Path) -> dict[str, str] | None:
    """The texts by node; None for anything but those of nodes that are there, and of `account`."""
    found = _REQUEST.fullmatch(line)
    try:
        texts = json.loads(base64.b64decode(found[1], validate=True)) if found else None
    except (ValueError, RecursionError):
        return None
    if not isinstance(texts, dict) or "account" not in texts:
        return None
    known = {"account", *(path.name for path in nodes.iterdir())} if nodes.is_dir() else set()
    good = all(name in known and isinstance(text, str) and _TEXT.fullmatch(text) for name, text in texts.items())
    return texts if good else None
