"""Speeds of links between nodes as finished migrations showed them, in the file of the memory of loads: bounded, and lost without harm."""

from __future__ import annotations

import logging
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from statistics import median

from prs.engine.loads.memory import FILE, opened
from prs.errors import PrsError, Unreachable
from prs.model import Policy
from prs.pve.act.link_speed import Seen, finished, seen
from prs.pve.api import Api
from prs.pve.read.values import Row, number, rows, text

log = logging.getLogger(__name__)

TABLE = "speeds (upid TEXT PRIMARY KEY, source TEXT, target TEXT, network TEXT, speed REAL NOT NULL, ended REAL NOT NULL)"
LOGS = 5  # task logs that are read at a time, the newest first
KEPT = 500  # migrations that are remembered
COUNTED = 9  # of those between two nodes over one network, the newest that count


class LinkSpeeds:
    """What migrations showed. Nothing here ever fails the caller: without it plans reckon with `link_speed`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def learn(self, api: Api) -> None:
        """Read the logs of migrations that have finished since: one call, and one for each of at most five of them."""
        try:
            tasks = finished(rows(api.get("/cluster/tasks")))
            if not tasks:
                return
            with closing(opened(self.path, TABLE)) as db:
                known = {upid for (upid,) in db.execute("SELECT upid FROM speeds")}
                for task in [task for task in tasks if text(task, "upid") not in known][:LOGS]:
                    self._keep(db, task, _seen(api, task))
        except (PrsError, sqlite3.Error, OSError) as error:
            log.debug("speeds of links are not learned: %s", error)

    def known(self) -> tuple[tuple[str, str, float], ...]:
        """(source, target, bytes per second) of each pair of nodes, over the network that its newest migration took."""
        try:
            if not self.path.exists():
                return ()
            with closing(sqlite3.connect(f"{self.path.absolute().as_uri()}?mode=ro", uri=True, timeout=10)) as db:
                data = db.execute("SELECT source, target, network, speed FROM speeds WHERE speed > 0 ORDER BY ended DESC, upid").fetchall()
        except (sqlite3.Error, OSError) as error:
            log.debug("speeds of links are not known: %s", error)
            return ()
        network, found = dict[tuple[str, str], str](), dict[tuple[str, str], list[float]]()
        for source, target, address, speed in data:
            pair = str(source), str(target)
            if network.setdefault(pair, address) == address and len(found.setdefault(pair, [])) < COUNTED:
                found[pair].append(float(speed))
        return tuple((*pair, median(speeds)) for pair, speeds in sorted(found.items()))

    @staticmethod
    def _keep(db: sqlite3.Connection, task: Row, one: Seen) -> None:
        with db:
            row = (text(task, "upid"), one.source, one.target, one.network, one.speed, number(task, "endtime") or 0.0)
            db.execute("INSERT OR REPLACE INTO speeds VALUES (?, ?, ?, ?, ?, ?)", row)
            db.execute("DELETE FROM speeds WHERE upid NOT IN (SELECT upid FROM speeds ORDER BY ended DESC LIMIT ?)", (KEPT,))


def _seen(api: Api, task: Row) -> Seen:
    """What the task showed; nothing where its log may not be read."""
    try:
        return seen(api, task)
    except Unreachable:
        raise
    except PrsError as error:
        log.debug("the log of %s is not read: %s", text(task, "upid"), error)
        return Seen(text(task, "node"))


def with_speeds(policy: Policy, state_dir: Path) -> Policy:
    """The policy with what is known of the links on this machine."""
    return replace(policy, speeds=LinkSpeeds(state_dir / FILE).known())
