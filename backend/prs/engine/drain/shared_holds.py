"""The cluster's own list of the nodes that are kept empty: one small file for each hold below /etc/pve, which every node sees.

The file NODE.JOB.held is written by root's helper and read by group www-data. Without quorum /etc/pve can be read, but not be written
(pve-cluster pmxcfs/cfs-plug-memdb.c: modes 0640 and 0440); a machine outside the cluster does not have it.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from prs.engine.journal.hold import Hold, HoldKey

log = logging.getLogger(__name__)

FOLDER = "proxmox-rebalancing-service"  # below /etc/pve; stays when it is empty
LONGEST = 1000  # bytes of a file
_LABEL = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_NAME = re.compile(rf"({_LABEL})\.([0-9a-f]{{12}})\.held")


class SharedHolds:
    """The list as host `host` reads it from `directory`; `put` and `take` ask the helper to write or remove a hold, HelperError."""

    def __init__(self, directory: Path, host: str, put: Callable[[Hold], None], take: Callable[[Hold], None]) -> None:
        self.directory, self.host, self.put, self.take = directory, host, put, take
        self._said = ""

    def read(self) -> dict[HoldKey, Hold] | None:
        """All holds in the list; None where there is none to read, which does not say that no node is held."""
        try:
            names = sorted(path.name for path in self.directory.iterdir())
        except FileNotFoundError:
            return None  # nothing was ever held, or /etc/pve is not mounted
        except OSError as error:
            self._say(f"which nodes other hosts keep empty is not known: {self.directory}: {error.strerror}")
            return None
        self._say("")
        found = (_read(self.directory, match[1], match[2]) for name in names if (match := _NAME.fullmatch(name)))
        return {one.key: one for one in found if one is not None}

    def _say(self, words: str) -> None:
        if words and words != self._said:
            log.warning("%s", words)
        self._said = words


def _read(directory: Path, node: str, job: str) -> Hold | None:
    """One hold, None if it has just been taken down; one whose text cannot be used still keeps its node empty, as its name says."""
    value: Any = None
    try:
        with (directory / f"{node}.{job}.held").open("rb") as file:
            value = json.loads(file.read(LONGEST + 1))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        log.debug("%s.%s.held: %s", node, job, error)
    facts = value if isinstance(value, dict) else {}
    user, host, since, maintenance = (facts.get(name) for name in ("user", "host", "since", "maintenance"))
    return Hold(
        node, job,
        user if isinstance(user, str) and user.isprintable() and len(user) <= 255 else "",
        float(since) if isinstance(since, int | float) and 0 <= since < 1e11 else 0.0,
        maintenance is True,
        host if isinstance(host, str) and re.fullmatch(_LABEL, host) else "",
    )  # fmt: skip
