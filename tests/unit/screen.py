"""A stream for tests of what is written to terminals."""

from __future__ import annotations

import io


class Screen(io.TextIOWrapper):
    """A stream of a chosen encoding that says it is a terminal, or not."""

    def __init__(self, encoding: str = "utf-8", tty: bool = True) -> None:
        super().__init__(io.BytesIO(), encoding=encoding, newline="")
        self._tty = tty

    def isatty(self) -> bool:
        return self._tty

    def text(self) -> str:
        self.flush()
        return bytes(self.buffer.getvalue()).decode(self.encoding)  # type: ignore[attr-defined]
