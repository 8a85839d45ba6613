"""Runs one of the site's hooks beside the loop of the service, which has other work for the minutes that a hook may take."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from threading import Event, Thread

from prs.engine.rolling.deeds import Asked
from prs.engine.rolling.hooks import Hook, RunHook, Stage

log = logging.getLogger(__name__)

KEPT = 200  # bytes of a hook's output that stay in the round's file, the last ones; the log has all of it


class _Run:
    """One hook at work; `found` is how it ended once it is `over`, None where there is no such hook."""

    def __init__(self, run: RunHook, stage: Stage, node: str, asked: Asked) -> None:
        self.found: Hook | None = None
        self.over, self.end = Event(), Event()
        # Not waited for at the end of the process: root ends the hook of a caller that has gone.
        Thread(target=self._go, args=(run, stage, node, asked), name=f"hook {stage}", daemon=True).start()

    def _go(self, run: RunHook, stage: Stage, node: str, asked: Asked) -> None:
        try:
            self.found = run(stage, node, self.end.is_set)
        except Exception as error:  # noqa: BLE001 - whatever it was, it is a gate that stays shut
            self.found = Hook(stage, "failed", output=str(error) or type(error).__name__)
        found = self.found
        if found is not None:
            asked.hook(node, found)
            level = logging.WARNING if found.trouble else logging.INFO
            log.log(level, "hook %s for %s: %s, exit status %s: %s", stage, node, found.state, found.code, found.output or "no output")
        self.over.set()


class HookThread:
    """The hook that this process runs now, if any, by round, node and the note that was written before it began."""

    def __init__(self, run: RunHook) -> None:
        self._run = run
        self._at: _Run | None = None
        self._key: tuple[str, str, Hook] | None = None

    @property
    def busy(self) -> bool:
        """Whether one is at work."""
        return self._at is not None and not self._at.over.is_set()

    def begin(self, asked: Asked, node: str, noted: Hook) -> None:
        """Run it; the note is written already."""
        self._key, self._at = (asked.run, node, noted), _Run(self._run, noted.stage, node, asked)

    def stop(self) -> None:
        """Have it ended: the user wants that, or the round is another's."""
        if self._at is not None:
            self._at.end.set()

    def seen(self, asked: Asked, node: str, noted: Hook) -> Hook | None:
        """How the hook of a note stands: as noted while it runs, None when there is none; "unknown" where no thread of ours runs it."""
        if self._at is None or self._key != (asked.run, node, noted):
            found = replace(noted, state="unknown")
            asked.hook(node, found)  # whose process has died left no line
            return found
        if not self._at.over.is_set():
            return noted
        ended = self._at.found
        return None if ended is None else replace(ended, output=_last(ended.output), started=noted.started, host=noted.host)


def _last(text: str) -> str:
    """The end of a text, so much of it as takes KEPT bytes as JSON."""
    text = text[-KEPT:]
    while len(json.dumps(text)) > KEPT:
        text = text[8:]
    return text
