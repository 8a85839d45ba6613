"""Only one process per journal carries jobs out: whoever holds this lock, which the system takes back when the process dies."""

from __future__ import annotations

import fcntl
import os
import re
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from prs.errors import JournalError

SERVICE = "service"
EXECUTOR = "executor.lock"
TRIES, PAUSE = 3, 0.05  # whoever only asks whether the lock is held has it for a moment


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
    """A lock file and, so that a deleted one lets nobody else in, the directory itself; `taken`: this process got both."""

    def __init__(self, state_dir: Path, work: str, name: str = EXECUTOR) -> None:
        """Try to take the lock `name` in `state_dir` for `work`; raise JournalError if the file cannot be opened."""
        path = state_dir / name
        self._work, self.taken, self._directory = work, False, -1
        try:
            state_dir.mkdir(parents=True, exist_ok=True)
            self._file = path.open("a+b", buffering=0)
            if name == EXECUTOR:  # other locks of the directory have a file only: they may be held at the same time
                self._directory = os.open(state_dir, os.O_RDONLY)
        except OSError as error:
            raise JournalError(f"{path} cannot be opened: {error}") from error
        self.take()

    def take(self) -> bool:
        """Try again; True if this process has the lock now."""
        if self.taken:
            return True
        if not _lock(self._file.fileno()):
            return False
        if self._directory >= 0 and not _lock(self._directory):
            fcntl.flock(self._file, fcntl.LOCK_UN)
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
        if self._directory >= 0:
            os.close(self._directory)
        self.taken, self._directory = False, -1

    def __enter__(self) -> ExecutorLock:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.release()


def _lock(handle: int) -> bool:
    for _ in range(TRIES):
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        time.sleep(PAUSE)
    return False


def held(state_dir: Path) -> bool:
    """Whether some process carries jobs out of this directory."""
    return any(_busy(path) for path in (state_dir / EXECUTOR, state_dir))


def _busy(path: Path) -> bool:
    """Whether somebody has the path locked: a shared lock only fails while that is so, and is given back at once."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(handle)
    return False


def signature(pid: int) -> str:
    """A running process as nobody else will be called: its number and when it began (Linux, proc(5)); "" where that is not known."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return ""
    return f"{pid} {fields[19]}" if len(fields) > 19 else ""


def other_at_work(noted: str) -> int:
    """The number of the other process that has noted its signature and still lives, 0 for none; it holds though its lock file is gone."""
    number = noted.partition(" ")[0]
    pid = int(number) if number.isdecimal() else 0
    return pid if pid and pid != os.getpid() and signature(pid) == noted else 0
