"""What jobs of web users log in with, waiting in a directory in memory: one file per job, for the service's own user only."""

from __future__ import annotations

import json
import os
import re
import secrets
import time
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from prs.codec import from_json, to_json
from prs.endpoint import Endpoint
from prs.errors import CredentialError, ModelError

_NAME = re.compile(r"[0-9a-f]{32}")
ORPHAN_AGE = 300.0  # seconds after which a file that no open job names is left over from a crash


def save(directory: Path, endpoint: Endpoint) -> str:
    """Store a login and give the name of its file; CredentialError if it cannot be written."""
    name = secrets.token_hex(16)
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise CredentialError(f"{directory} cannot be made: {error.strerror}") from None
    _write(directory / name, endpoint)
    return name


def open(directory: Path, name: str) -> Endpoint:
    """The stored login; CredentialError when it is gone (the machine was restarted) or no login."""
    path = _path(directory, name)
    try:
        return from_json(Endpoint, json.loads(path.read_text(encoding="utf-8")))
    except OSError:
        raise CredentialError("the login of the job's user is gone (it is kept in memory only): start the job again") from None
    except (ValueError, ModelError):
        raise CredentialError(f"{path} does not hold a login: start the job again") from None


def renew(directory: Path, name: str, ticket: str, csrf: str) -> None:
    """Put the renewed ticket in the place of the old one, so that a restarted service finds one that is still good."""
    if not ticket:
        return  # an API token: nothing to renew
    held = open(directory, name)
    if (held.ticket, held.csrf) != (ticket, csrf):
        _write(_path(directory, name), replace(held, ticket=ticket, csrf=csrf))


def delete(directory: Path, name: str) -> None:
    """Remove the login of a job that has ended; one that is gone already is no error."""
    _path(directory, name).unlink(missing_ok=True)


def sweep(directory: Path, needed: Collection[str]) -> list[str]:
    """Remove files that no open job needs and that are too old to belong to a job being queued now; give their names."""
    found = []
    for path in sorted(directory.glob("*")) if directory.is_dir() else []:
        if path.name not in needed and time.time() - path.stat().st_mtime > ORPHAN_AGE:
            path.unlink(missing_ok=True)
            found.append(path.name)
    return found


def _path(directory: Path, name: str) -> Path:
    if not _NAME.fullmatch(name):
        raise CredentialError(f"{name[:40]!r} is not the name of a stored login")
    return directory / name


def _write(path: Path, endpoint: Endpoint) -> None:
    """Write beside the old file and rename, so that a reader never sees half a ticket."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    try:
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(to_json(endpoint), file)
        draft.rename(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise CredentialError(f"the login cannot be stored in {path.parent}: {error.strerror}") from None
