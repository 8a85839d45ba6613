"""Writes the account into the folder beside prs.conf; the file itself belongs to its administrator and is never changed by a program."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from prs.setup.tools import SetupError

NAME = "account.conf"


def text_of(values: Mapping[str, str]) -> str:
    """The section with these options."""
    lines = "".join(f"{name}: {value}\n" for name, value in values.items())
    return f"# Written by `proxmox-rebalancing-service setup`; setup --remove takes it away again.\n[proxmox]\n{lines}"


def write(conf: Path, folder: Path, text: str) -> Path:
    """Put the text into the folder in one step, for whoever may read `conf`; give the file. SetupError."""
    path = folder / NAME
    try:
        like = conf.stat()
        folder.mkdir(mode=0o750, exist_ok=True)
        os.chown(folder, like.st_uid, like.st_gid)
        handle, temporary = tempfile.mkstemp(prefix=f".{NAME}.", dir=folder)
        try:
            with open(handle, "w", encoding="utf-8") as file:
                os.fchown(file.fileno(), like.st_uid, like.st_gid)
                os.fchmod(file.fileno(), like.st_mode & 0o660)
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
    except OSError as error:
        raise SetupError(f"{path} cannot be written: {error.strerror}") from error
    return path


def remove(folder: Path) -> Path | None:
    """Remove the file, and the folder with it if it holds nothing else; the file, None if there was none. SetupError."""
    path = folder / NAME
    try:
        if not path.exists():
            return None
        path.unlink()
        if not any(folder.iterdir()):
            folder.rmdir()
    except OSError as error:
        raise SetupError(f"{path} cannot be removed: {error.strerror}") from error
    return path
