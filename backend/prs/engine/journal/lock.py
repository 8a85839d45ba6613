"""Only one process per journal carries jobs out: whoever holds this lock, which the system takes back when the process dies."""

from __future__ import annotations

import fcntl
import os
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from prs.errors import JournalError

SERVICE = "service"


@dataclass(frozen=True, slots=True)
class Holder:
    """The process that holds a lock: what it does (`service`, or the verb of a command) and its number; 0 if it did not say."""

    work: str = ""
    pid: int = 0

    @property
    def service(self) -> bool:
        """True for the service, which serves every job until it is stopped."""
        return self.work == SERVICE

    @property
    def words(self) -> str:
        """Who it is, for people."""
        if self.service:
            return "the service of this host"
        return f"`{self.work}` in process {self.pid}" if self.work else "another process of this host"


class ExecutorLock:
    """A lock file; `taken` says whether this process got it."""

    def __init__(self, state_dir: Path, work: str, name: str = "executor.lock") -> None:
        """Try to take the lock `name` in `state_dir` for `work`; raise JournalError if the file cannot be opened."""
        path = state_dir / name
        self._work, self.taken = work, False
        try:
            state_dir.mkdir(parents=True, exist_ok=True)
            self._file = path.open("a+b", buffering=0)
        except OSError as error:
            raise JournalError(f"{path} cannot be opened: {error}") from error
        self.take()

    def take(self) -> bool:
        """Try again; True if this process has the lock now."""
        if self.taken:
            return True
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        self.taken = True
        with suppress(OSError):  # a full disk: others are then told less, and the lock holds all the same
            os.ftruncate(self._file.fileno(), 0)
            self._file.write(f"{self._work} {os.getpid()}\n".encode())
        return True

    @property
    def holder(self) -> Holder:
        """Who has the lock, where it is not this process."""
        found = re.fullmatch(rb"([a-z]{1,20}) ([0-9]{1,10})\n", os.pread(self._file.fileno(), 100, 0))
        return Holder(found[1].decode(), int(found[2])) if found else Holder()

    def release(self) -> None:
        """Give the lock back."""
        self._file.close()
        self.taken = False

    def __enter__(self) -> ExecutorLock:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.release()
