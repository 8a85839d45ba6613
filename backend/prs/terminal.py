"""Text for terminals and logs: what a stream can show, hostile text made harmless, sizes, durations, bars and tables."""

from __future__ import annotations

import os
import re
import textwrap
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

GIB, MIB = 2**30, 2**20
_COLOURS = {"red": "31", "green": "32", "yellow": "33", "bold": "1"}
_NARROWEST = 14  # columns left to a flexible table column before lines are allowed to run over the edge


class Stream(Protocol):
    """The part of a text file that is written to and asked what it is."""

    @property
    def encoding(self) -> str:
        """Name of its character encoding."""

    def isatty(self) -> bool:
        """True for a terminal."""

    def fileno(self) -> int:
        """Number of the open file; OSError if there is none."""

    def write(self, text: str, /) -> int:
        """Take text."""

    def flush(self) -> None:
        """Pass on what was taken."""


@dataclass(frozen=True, slots=True)
class Style:
    """What a stream can show: columns (0 = not limited) and rows, characters beyond ASCII, colour."""

    width: int = 0
    height: int = 0
    unicode: bool = False
    colour: bool = False

    @property
    def arrow(self) -> str:
        """The sign between source and target."""
        return "→" if self.unicode else "->"


class Cell(NamedTuple):
    """A table cell in a colour of its own."""

    text: str
    colour: str = ""


def style_of(stream: Stream, environ: Mapping[str, str] = os.environ) -> Style:
    """Look at a stream: its size and colour matter on a terminal only (https://no-color.org)."""
    unicode = _encodes(stream, "█░→…✓✗")
    if not stream.isatty():
        return Style(unicode=unicode)
    try:
        columns, rows = os.get_terminal_size(stream.fileno())
    except (OSError, ValueError):  # a terminal without a size, such as an emulation in a test
        columns, rows = 0, 0
    dumb = environ.get("TERM", "") in ("", "dumb")
    return Style(columns or 80, rows or 24, unicode, not dumb and not environ.get("NO_COLOR"))


def _encodes(stream: Stream, text: str) -> bool:
    try:
        text.encode(getattr(stream, "encoding", None) or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def write(stream: Stream, text: str) -> None:
    """Write text and flush; a character the stream cannot encode is written as its escape instead of an exception."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
    stream.flush()


def clean(text: str) -> str:
    """Make text from outside harmless on one line: line breaks become blanks, every other unprintable or right-to-left sign its escape."""
    line = re.sub(r"[\t\n\r ]+", " ", unicodedata.normalize("NFC", text)).strip(" ")
    return "".join(char if _harmless(char) else _escaped(char) for char in line)


def _harmless(char: str) -> bool:
    if char < "\x7f":
        return char >= " "
    # isprintable is False for control, format (direction marks, zero width), surrogate, private and unassigned characters
    # and a mark of any kind is drawn over its neighbour, also one without a combining class, such as U+093E
    return char.isprintable() and unicodedata.bidirectional(char) not in ("R", "AL", "AN") and unicodedata.category(char)[0] != "M"


def _escaped(char: str) -> str:
    code = ord(char)
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}"


def columns(text: str) -> int:
    """Count the terminal columns that cleaned text takes; East Asian wide signs take two."""
    return len(text) if text.isascii() else sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def cut(text: str, width: int, style: Style) -> str:
    """Shorten text to `width` columns, showing that something is missing."""
    if columns(text) <= width:
        return text
    mark = "…" if style.unicode else "..."
    room, kept = max(0, width - len(mark)), ""
    for char in text:
        if columns(kept + char) > room:
            break
        kept += char
    return (kept + mark)[: max(0, width)]


def paint(text: str, colour: str, style: Style) -> str:
    """Put text in a colour (red, green, yellow, bold) where the stream shows colour."""
    return f"\x1b[{_COLOURS[colour]}m{text}\x1b[0m" if style.colour and colour and text else text


def size(count: float) -> str:
    """Give bytes in GiB: `16.0 GiB`; a little of it is `<0.1 GiB`, never 0."""
    return "<0.1 GiB" if 0 < count < 0.05 * GIB else f"{count / GIB:.1f} GiB"


def speed(rate: float) -> str:
    """Give bytes per second in MiB/s."""
    return f"{rate / MIB:.0f} MiB/s"


def duration(seconds: float | None) -> str:
    """Give seconds as `0:07`, `1:23` or `1:02:03`; unknown as `?`."""
    if seconds is None:
        return "?"
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def percent(fraction: float) -> str:
    """Give a fraction as whole percent."""
    return f"{100 * fraction:.0f}%"


def points(fraction: float) -> str:
    """Give a difference of loads in percentage points, with one decimal where it is small."""
    value = 100 * fraction
    return f"{value:.1f}" if abs(value) < 9.95 else f"{value:.0f}"


def bar(fraction: float, width: int, style: Style) -> str:
    """Draw a fraction 0..1 as a bar; anything above none shows at least one sign, anything below all leaves one free."""
    full = round(width * min(max(fraction, 0.0), 1.0))
    if 0 < fraction < 1:
        full = min(max(full, 1), width - 1)
    return "█" * full + "░" * (width - full) if style.unicode else "#" * full + "." * (width - full)


def counted(number: int, noun: str) -> str:
    """Give `1 guest`, `2 guests`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def table(heads: Sequence[str], rows: Sequence[Sequence[str | Cell]], style: Style, right: Sequence[int] = (), indent: str = "  ") -> str:
    """Lay out rows of cleaned cells under heads; the last column wraps at the edge of the terminal, `right` columns are right-aligned."""
    cells = [[Cell(item) if isinstance(item, str) else item for item in row] for row in [[Cell(head, "bold") for head in heads], *rows]]
    widths = [max(columns(row[index].text) for row in cells) for index in range(len(heads))]
    left = len(indent) + sum(width + 2 for width in widths[:-1])
    if style.width and left + widths[-1] > style.width:
        widths[-1] = max(_NARROWEST, style.width - left)
    lines: list[str] = []
    for row in cells:
        wrapped = wrap(row[-1].text, widths[-1])
        start = [_padded(cell, widths[index], index in right, style) for index, cell in enumerate(row[:-1])]
        last = [_padded(Cell(line, row[-1].colour), widths[-1], len(heads) - 1 in right, style) for line in wrapped]
        lines.append((indent + "  ".join([*start, last[0]])).rstrip())
        lines.extend((" " * left + line).rstrip() for line in last[1:])
    return "\n".join(lines) + "\n"


def _padded(cell: Cell, width: int, right: bool, style: Style) -> str:
    blanks = " " * max(0, width - columns(cell.text))
    painted = paint(cell.text, cell.colour, style)
    return blanks + painted if right else painted + blanks


def wrap(text: str, width: int) -> list[str]:
    """Break text at blanks into lines of `width` characters (0 = no limit), at least one; a longer word, such as a UPID, stays whole."""
    return (textwrap.wrap(text, width, break_on_hyphens=False, break_long_words=False) if width else [text]) or [""]


def paragraph(text: str, style: Style, indent: str = "") -> str:
    """Give a sentence wrapped to the terminal, further lines indented."""
    lines = wrap(text, max(_NARROWEST, style.width - len(indent)) if style.width else 0)
    return "".join(f"{indent if number else ''}{line}\n" for number, line in enumerate(lines))
