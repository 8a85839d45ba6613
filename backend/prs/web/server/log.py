"""The web service's log: gunicorn's messages in it, and no client can make it grow faster than a bounded rate."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable
from typing import Any

from gunicorn.glogging import Logger

from prs.logs import brief

A_MINUTE = {"prs.audit": 600, "prs.web.refused": 120}  # lines of a logger in a minute; all others together:
OTHERS = 60


class Log(Logger):  # type: ignore[misc]  # gunicorn is untyped
    """gunicorn's messages in the service's own log, where tickets are taken out; slow and vanished clients are not worth a line."""

    def setup(self, cfg: Any) -> None:
        """Send everything up to the root logger."""
        super().setup(cfg)
        self.error_log.handlers.clear()
        self.error_log.propagate = True

    def warning(self, msg: Any, *arguments: Any, **named: Any) -> None:
        """A warning, but not for each request that is none: gunicorn 23 has a line for every one of them, 20.1 has not."""
        if str(msg).startswith("Invalid request"):
            self.debug(msg, *arguments, **named)
        else:
            super().warning(msg, *arguments, **named)

    def exception(self, msg: Any, *arguments: Any, **named: Any) -> None:
        """A line about a fault, none about a client that did not take its answer in time."""
        error = sys.exc_info()[1]
        if isinstance(error, OSError):
            self.debug(msg, *arguments, **named)
        else:
            self.error(f"{msg}: {brief(error)}", *arguments, **named)


class Bounded(logging.Filter):
    """Lets so many records of a minute pass and says how many it kept back; what is an error of the start is never many."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock, self._minute = clock, -1
        self._passed: dict[str, int] = {}
        self._kept_back = 0

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is written; the first of a new minute tells what the last one left out."""
        minute = int(self._clock() // 60)
        if minute != self._minute:
            if self._kept_back:
                record.msg, record.args = f"{record.getMessage()} (before this, {self._kept_back} messages were left out)", None
            self._minute, self._kept_back = minute, 0
            self._passed.clear()
        name = record.name if record.name in A_MINUTE else ""
        self._passed[name] = self._passed.get(name, 0) + 1
        passes = self._passed[name] <= A_MINUTE.get(name, OTHERS)
        self._kept_back += not passes
        return passes
