"""The part of the root helper that writes what the whole cluster shares, one after the other: the policy, and the round of maintenance.

Standard library only, as all that runs as root.
"""

from __future__ import annotations

import base64
import errno
import hashlib
import os
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

FILES = {"policy": "policy.conf", "round": "round.json"}  # by the word that begins the request
WORDS = tuple(f"{word} ".encode() for word in FILES)
LONGEST = 90 * 1024  # bytes of a request
LARGEST = 64 * 1024  # bytes of a file
PATIENCE = 10.0  # seconds to wait for another one who writes it
_REQUEST = re.compile(rb"(policy|round) ([0-9a-f]{64}) ([A-Za-z0-9+/=]*)\n")


def serve(line: bytes, node: Path, folder: Path, locks: Path) -> str:
    """Write the file if it still is the version that its writer has read; no two nodes do so at the same time.

    `node` is a directory that is there while /etc/pve is mounted, `folder` where the files are, `locks` where pmxcfs has its locks.
    """
    found = _REQUEST.fullmatch(line)
    text = _text(found[3]) if found else None
    if found is None or text is None:
        what = line.split(b" ", 1)[0].decode("ascii", "replace")
        return f"refused: a digest and a {what} are expected, in base64 of UTF-8, {LARGEST // 1024} KiB at most"
    word = found[1].decode()
    if not node.is_dir():
        return f"refused: there is no node {node.name}"
    file, draft = folder / FILES[word], folder / f"{FILES[word]}.{secrets.token_hex(8)}.tmp"
    try:
        with locked(locks / f"proxmox-rebalancing-{word}"):
            if hashlib.sha256(file.read_bytes() if file.exists() else b"").hexdigest() != found[2].decode():
                return f"changed: somebody else has written the {word} meanwhile"
            folder.mkdir(mode=0o755, exist_ok=True)
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o640), "wb") as out:
                out.write(text)
            draft.rename(file)
    except OSError as error:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        # pmxcfs refuses root's writes with EACCES while the cluster has no quorum (pve-cluster pmxcfs/dcdb.c).
        hint = ": the cluster has no quorum, so /etc/pve is read-only" if error.errno == errno.EACCES else ""
        return f"failed: {file}: {error.strerror}{hint}"
    return f"ok {word} {hashlib.sha256(text).hexdigest()}"


def _text(packed: bytes) -> bytes | None:
    """The text, None for what cannot be one."""
    try:
        text = base64.b64decode(packed, validate=True)
        text.decode("utf-8")
    except ValueError:
        return None
    return text if len(text) <= LARGEST and b"\0" not in text else None


@contextmanager
def locked(place: Path) -> Iterator[None]:
    """Hold a lock of the whole cluster, as Proxmox VE does: a directory in pmxcfs, which frees one that is older than two minutes when
    somebody sets its time to 0 (pve-cluster PVE/Cluster.pm cfs_lock). OSError."""
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    end = time.monotonic() + PATIENCE
    while True:
        try:
            place.mkdir()
            break
        except FileExistsError:
            if time.monotonic() >= end:
                raise TimeoutError(errno.ETIMEDOUT, "somebody else is writing it, try again") from None
            with suppress(OSError):
                os.utime(place, (0, 0))
            time.sleep(0.1)
    try:
        yield
    finally:
        with suppress(OSError):
            place.rmdir()
