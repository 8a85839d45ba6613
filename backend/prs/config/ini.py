"""Reads the lines of an INI file into entries with line numbers, collecting every mistake of form; knows no option.

Form: `[section]`, then `option: value` or `option = value`. A comment has a line of its own that begins with # or ;. There are no comments
behind a value, no interpolation and no continued lines, so a password may hold # ; % : and =. A value may stand in quotes.
"""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass, field
from pathlib import Path

from prs.errors import ConfigError

_LARGEST = 2**20  # bytes; anything longer is not a configuration
_ENTRY = re.compile(r"([A-Za-z0-9][A-Za-z0-9_.-]{0,99}|\*)\s*[:=]\s*(.*)")
_SECTION = re.compile(r"\[\s*([^\[\]]{1,128}?)\s*\]")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")

# The line itself is not shown: it may be a part of a secret.
_MALFORMED = "is not written as 'option: value' (a value, also a list, has one line; a comment begins with # or ;)"


@dataclass(frozen=True, slots=True)
class Entry:
    """One `option: value` with its line, counted from 1; the value may be a secret, so its repr leaves it out."""

    line: int
    section: str
    name: str
    value: str = field(repr=False)


@dataclass(slots=True)
class Lines:
    """What a file holds: its entries in order, the mistakes of form as (line, sentence), and whether others may read it."""

    entries: list[Entry] = field(default_factory=list)
    sections: dict[str, int] = field(default_factory=dict)  # name -> line where it begins
    mistakes: list[tuple[int, str]] = field(default_factory=list)
    others_read: bool = False


def read_lines(path: Path) -> Lines:
    """Read the file at `path`; raise ConfigError when it cannot be read or is not text in UTF-8."""
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST + 1)
            mode = os.fstat(file.fileno()).st_mode
    except FileNotFoundError:
        raise ConfigError([f"{path}: there is no such file (-c FILE names another one)."]) from None
    except (OSError, ValueError) as error:
        raise ConfigError([f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}."]) from None
    lines = parse(_decode(path, data))
    lines.others_read = stat.S_ISREG(mode) and bool(mode & stat.S_IROTH)
    return lines


def _decode(path: Path, data: bytes) -> str:
    if len(data) > _LARGEST:
        raise ConfigError([f"{path}: is longer than 1 MiB, so it is not a configuration."])
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError([f"{path} line {line}: byte 0x{data[error.start]:02x} is not UTF-8; save the file as UTF-8."]) from None


def parse(text: str) -> Lines:
    """Split text into entries; lines may end in LF, CRLF or CR."""
    found, section = Lines(), ""
    for number, raw in enumerate(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"), 1):
        line = raw.strip(" \t")
        if not line or line[0] in "#;":
            continue
        if control := _CONTROL.search(line):
            found.mistakes.append((number, f"holds the control character 0x{ord(control[0]):02x}"))
        elif line[0] == "[":
            section = _section(found, number, line)
        elif entry := _ENTRY.fullmatch(line):
            found.entries.append(Entry(number, section, entry[1].lower(), _unquoted(entry[2])))
        else:
            found.mistakes.append((number, _MALFORMED))
    return found


def _section(found: Lines, number: int, line: str) -> str:
    match = _SECTION.fullmatch(line)
    if not match:
        found.mistakes.append((number, "a section is written [name], on a line of its own"))
        return "?"  # options under it are not judged
    # A name behind the first word, such as a pool's, is taken as it is.
    word, *name_given = match[1].split(maxsplit=1)
    name = " ".join([word.lower(), *name_given])
    if name in found.sections:
        found.mistakes.append((number, f"section [{name}] begins a second time (first on line {found.sections[name]})"))
    found.sections.setdefault(name, number)
    return name


def _unquoted(value: str) -> str:
    return value[1:-1] if len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'" else value
