"""This process's streams: what cannot be written ends the output, never the work behind it."""

from __future__ import annotations

import errno
import os
import select
from contextlib import suppress

from prs.terminal import Stream


class Output:
    """A stream of which writing never fails: after the first failure everything is dropped, and `lost` says why (None: nothing was)."""

    def __init__(self, stream: Stream | None) -> None:
        """`stream` is None where the process was started without it."""
        self._stream = stream
        self.lost: Exception | None = None

    @property
    def encoding(self) -> str:
        """Name of its character encoding."""
        return getattr(self._stream, "encoding", None) or "utf-8"

    def isatty(self) -> bool:
        """True for a terminal that is still there."""
        return self._stream is not None and self.lost is None and self._stream.isatty()

    def fileno(self) -> int:
        """Number of the open file; OSError if there is none."""
        if self._stream is None:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        return self._stream.fileno()

    def write(self, text: str) -> int:
        """Take text."""
        if self._stream is not None and self.lost is None:
            try:
                self._stream.write(text)
            except (OSError, ValueError) as error:
                self._give_up(error)
        return len(text)

    def flush(self) -> None:
        """Pass on what was taken."""
        if self._stream is not None and self.lost is None:
            try:
                self._stream.flush()
            except (OSError, ValueError) as error:
                self._give_up(error)

    def ready(self) -> bool:
        """False while nobody takes what was written (a pager that is not read, Ctrl-S): writing would hold everything up."""
        try:
            return self.lost is not None or bool(select.select([], [self.fileno()], [], 0)[1])
        except (OSError, ValueError):
            return True

    @property
    def reader_left(self) -> bool:
        """True when the output was lost because nobody wants it any more (`| head`, a closed terminal)."""
        return isinstance(self.lost, OSError) and self.lost.errno in (errno.EPIPE, errno.EIO)

    def _give_up(self, error: Exception) -> None:
        self.lost = error
        with suppress(OSError, ValueError):  # a stream without a file behind it
            # Python writes what it still holds once more at its end, and would complain.
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.fileno())


def occupy_standard_streams() -> None:
    """Open nothing in the place of standard streams that are closed: else the journal's file would get their number, and their output."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
