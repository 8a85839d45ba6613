"""Sets and takes out options in the text of prs.conf, leaving every other byte as it is, and writes the file in one step."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from prs.setup.tools import SetupError


def with_options(text: str, section: str, values: Mapping[str, str]) -> str:
    """Give the text with these options set in the section, each behind its commented example where there is one."""
    lines = without_options(text, section, values).splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    if not any(_header(line) == section for line in lines):
        lines += [f"\n[{section}]\n"]
    for name, value in values.items():
        inside = _inside(lines, section)
        example = [number for number in inside if re.match(rf"#\s*{re.escape(name)}\s*[:=]", lines[number])]
        head = next(number for number, line in enumerate(lines) if _header(line) == section)
        place = example[-1] if example else max(inside, default=head)
        lines.insert(place + 1, f"{name}: {value}\n")
    return "".join(lines)


def without_options(text: str, section: str, names: Iterable[str]) -> str:
    """Give the text without these options in the section."""
    lines = text.splitlines(keepends=True)
    pattern = re.compile(rf"\s*({'|'.join(map(re.escape, names))})\s*[:=]")
    gone = {number for number in _inside(lines, section) if pattern.match(lines[number])}
    return "".join(line for number, line in enumerate(lines) if number not in gone)


def _header(line: str) -> str:
    found = re.match(r"\[([^\]]*)\]\s*$", line.strip())
    return found[1].strip() if found else ""


def _inside(lines: list[str], section: str) -> list[int]:
    """The numbers of the lines of a section, without its header and the blank lines and comments before the next header's."""
    current, found = "", []
    for number, line in enumerate(lines):
        if header := _header(line):
            current = header
        elif current == section and line.strip():
            found.append(number)
    return found


def write(path: Path, text: str) -> None:
    """Replace the file, keeping owner, group and mode; SetupError with the file untouched if that fails."""
    try:
        before = path.stat()
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with open(handle, "w", encoding="utf-8") as file:
                os.fchown(file.fileno(), before.st_uid, before.st_gid)
                os.fchmod(file.fileno(), before.st_mode & 0o7777)
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
    except OSError as error:
        raise SetupError(f"{path} cannot be written: {error.strerror}") from error
