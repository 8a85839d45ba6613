"""Only one process per journal carries jobs out: whoever holds this lock, which the system takes back when the process dies."""

from __future__ import annotations

import fcntl
from pathlib import Path
from types import TracebackType

from prs.errors import JournalError


class ExecutorLock:
    """A lock file; `taken` says whether this process got it."""

    def __init__(self, state_dir: Path, name: str = "executor.lock") -> None:
        """Try to take the lock `name` in `state_dir`; raise JournalError if the file cannot be opened."""
        path = state_dir / name
        try:
            state_dir.mkdir(parents=True, exist_ok=True)
            self._file = path.open("a")
        except OSError as error:
            raise JournalError(f"{path} cannot be opened: {error}") from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.taken = True
        except OSError:
            self.taken = False

    def release(self) -> None:
        """Give the lock back."""
        self._file.close()
        self.taken = False

    def __enter__(self) -> ExecutorLock:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.release()
