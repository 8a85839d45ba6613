"""The round of rolling maintenance as a small file below /etc/pve, which every node sees; written only over the version that was read.

The cluster file system refuses the write without quorum (pve-cluster pmxcfs/dcdb.c), so that no two hosts carry the same round.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path

from prs.codec import from_json, to_json
from prs.engine.rolling.stages import Round
from prs.errors import HelperError, ModelError, RoundUnknown

NAME = "round.json"
ENDED = ("done", "failed", "stopped")
BROKEN = "cannot be understood, and nobody goes on with it until the file is removed"
NEWER = "is of a newer version of the service than this node's, which takes no part in it"  # fields are only ever added
LONGEST = 64 * 1024  # bytes, as root's helper takes them


_LABEL, _ID = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"), re.compile(r"[0-9a-f]{12}")
_LATEST = 2.0**32  # Unix time


def objection(one: Round) -> str:
    """Why nobody carries or shows such a round, "" for nothing: the file is written by services, of which one may be no longer itself."""
    nodes, turns = [turn.node for turn in one.turns], one.turns
    if not nodes or len(set(nodes)) < len(nodes):
        return "each of its nodes has one turn"
    if not all(_LABEL.fullmatch(name) for name in (*nodes, *filter(None, (one.holder, *(turn.host for turn in turns))))):
        return "its nodes are no names of nodes"
    if not all(_ID.fullmatch(name) for name in (one.id, *filter(None, (turn.job for turn in turns)))):
        return "its id and jobs are 12 hexadecimal digits"
    times = [one.created, one.ended, one.renewed]
    times += [moment for turn in turns for moment in (turn.since, turn.told, turn.until, turn.uptime)]
    return "" if all(0 <= moment < _LATEST for moment in times) else "its times cannot be true"


class SharedRound:
    """The file in `directory`; `nodes` is a directory that is there while /etc/pve is mounted.

    `write` asks root's helper to put a text in the place of the version with a digest, and gives the new digest: RoundChanged, HelperError.
    """

    def __init__(self, directory: Path, nodes: Path, write: Callable[[str, str], str]) -> None:
        self._file, self._nodes, self._write = directory / NAME, nodes, write
        self.digest = ""  # of what was read or written last
        self.ended = False  # whether what was read last surely is of no round that goes on, also where it cannot be understood
        self._known: tuple[str, Round | None] = ("", None)  # it is looked at every few seconds, and changes once a minute

    def read(self) -> Round | None:
        """The round, also one that has ended; None where there was none yet. RoundUnknown."""
        self.ended = False
        try:
            with self._file.open("rb") as file:
                found = file.read(LONGEST + 1)
        except FileNotFoundError:
            if not self._nodes.is_dir():
                raise RoundUnknown(f"the round of maintenance is not known: {self._nodes} is not there") from None
            found = b""
        except OSError as error:
            raise RoundUnknown(f"the round of maintenance is not known: {self._file}: {error.strerror}") from None
        self.digest = hashlib.sha256(found).hexdigest()
        if self._known[0] != self.digest:
            self._known = self.digest, self._parsed(found) if found else None
        return self._known[1]

    def _parsed(self, found: bytes) -> Round:
        try:
            told = json.loads(found)
            self.ended = isinstance(told, dict) and told.get("state") in ENDED
            one = from_json(Round, told, "round")
            if words := objection(one):
                raise ModelError(words)
            return one
        except (ValueError, RecursionError, ModelError) as error:
            how = NEWER if ": unknown field " in str(error) else BROKEN
            raise RoundUnknown(f"the round of maintenance in {self._file} {how}: {str(error)[:200]}") from None

    def put(self, one: Round) -> Round:
        """Write it over the version that was read or written last, and give it. RoundChanged, HelperError."""
        text = json.dumps(to_json(one), separators=(",", ":")) + "\n"
        if len(text.encode()) > LONGEST:
            raise HelperError(f"the round of maintenance does not fit into {LONGEST // 1024} KiB")
        self.digest = self._write(self.digest, text)
        return one
