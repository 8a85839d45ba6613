"""The last good version of the files that others write: a mistake in one of them, made on any node, stops no service at its next start."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from prs.config.ini import parse
from prs.config.layers import POLICY, Layer, shared_files
from prs.config.resolve import Mistakes, resolve

FOLDER = "last-good-settings"  # below state_dir; only the service writes it


def keep(path: Path, pve: Path | None, state_dir: Path) -> None:
    """Copy the shared files of prs.conf at `path`, all of which were good when read, and forget those that are gone. OSError."""
    folder = state_dir / FOLDER
    files = {_name(file): (file, policy) for file, policy in shared_files(path, pve)}
    if not files and not folder.is_dir():
        return
    folder.mkdir(mode=0o700, exist_ok=True)
    for old in folder.iterdir():
        if old.name not in files:
            old.unlink()
    for name, (file, policy) in files.items():
        _copy(file, folder / name, policy)


def _copy(file: Path, target: Path, policy: bool) -> None:
    """In one step, with the time of the original; readable for its owner alone, because it may hold a secret. Somebody may have
    written another version since it was read, whose mistakes are not to take the place of the last good one."""
    text, when = file.read_bytes(), file.stat().st_mtime
    with suppress(FileNotFoundError):
        if target.read_bytes() == text:
            return
    if not _good(text, policy):
        return
    handle, draft = tempfile.mkstemp(prefix=".", dir=target.parent)
    try:
        with open(handle, "wb") as out:
            out.write(text)
        os.utime(draft, (when, when))
        os.replace(draft, target)
    except OSError:
        os.unlink(draft)
        raise


def _good(data: bytes, policy: bool) -> bool:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return False
    wrong: Mistakes = []
    resolve([Layer("", parse(text), policy)], wrong)
    return not wrong


def in_place_of(broken: Iterable[Path], state_dir: Path) -> dict[Path, Path | None]:
    """The kept copy of each of these files, None where there is none that may be read."""
    copies = {file: state_dir / FOLDER / _name(file) for file in broken}
    return {file: copy if os.access(copy, os.R_OK) else None for file, copy in copies.items()}


def words(instead: Mapping[Path, Path | None]) -> Iterator[str]:
    """What is in force in the place of the files that cannot be used, a sentence each."""
    for file, copy in instead.items():
        if copy is not None:
            when = time.strftime("%Y-%m-%d %H:%M", time.localtime(copy.stat().st_mtime))
            yield f"{file} is not in force: until it is mended, what it said on {when} is ({copy})."


def _name(file: Path) -> str:
    """The policy's copy bears no name that a file of prs.conf.d could have."""
    return "policy" if str(file).endswith(POLICY) else file.name
