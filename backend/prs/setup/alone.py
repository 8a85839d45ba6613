"""Lets one `setup` work at a time, of all nodes of the cluster: two at once would each replace the token that the other has just made."""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from prs.setup import shared
from prs.setup.tools import SetupError

# A folder in here is PVE's own lock for the whole cluster: whoever made it holds it (pve-cluster PVE/Cluster.pm, cfs_lock).
LOCKS, NAME = "priv/lock", "prs-setup"
KEEPING = "proxmox-rebalancing-account"  # the lock under which root's helper keeps a first account (prs.helper.root_account)
PATIENCE = 150.0  # seconds; pmxcfs itself gives up a lock whose holder has died after 120


@contextmanager
def alone(conf: Path, tell: Callable[[str], None], pause: Callable[[float], None] = time.sleep) -> Iterator[None]:
    """Hold the lock of all nodes, or of this machine where there is no cluster (then on the file at `conf`); `tell` hears of a wait.

    SetupError if another one keeps it for longer than PATIENCE seconds.
    """
    with _of_this_machine(conf, tell, pause):
        if not shared.available():
            yield
            return
        with _of_the_cluster(NAME, tell, pause):
            yield


@contextmanager
def keeping(pause: Callable[[float], None] = time.sleep) -> Iterator[None]:
    """Hold the lock of whoever writes the account's files, on any node: setup, or root's helper for the tab. SetupError as above."""
    with _of_the_cluster(KEEPING, lambda _: None, pause):
        yield


@contextmanager
def _of_the_cluster(name: str, tell: Callable[[str], None], pause: Callable[[float], None]) -> Iterator[None]:
    folder = shared.PVE / LOCKS / name
    _wait(lambda: _made(folder), tell, pause)
    try:
        yield
    finally:
        with suppress(OSError):
            folder.rmdir()


def _made(folder: Path) -> bool:
    try:
        folder.parent.mkdir(exist_ok=True)
        folder.mkdir()
    except FileExistsError:
        with suppress(OSError):
            os.utime(folder, (0, 0))  # asks pmxcfs to give up what its holder no longer renews
        return False
    except OSError as error:
        hint = " (has the cluster quorum?)" if error.errno == errno.EACCES else ""
        raise SetupError(f"{folder} cannot be made: {error.strerror}{hint}") from error
    return True


@contextmanager
def _of_this_machine(conf: Path, tell: Callable[[str], None], pause: Callable[[float], None]) -> Iterator[None]:
    """The lock that ends with its process, so that a killed setup holds up none on its own node."""
    try:
        number = os.open(conf, os.O_RDONLY)
    except OSError:
        yield  # who reads the file next says what is wrong with it
        return
    try:
        _wait(lambda: _locked(number), tell, pause)
        yield
    finally:
        os.close(number)


def _locked(number: int) -> bool:
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _wait(seize: Callable[[], bool], tell: Callable[[str], None], pause: Callable[[float], None]) -> None:
    waited = 0.0
    while not seize():
        if waited >= PATIENCE:
            raise SetupError("another setup is at work, on this node or another one, and does not end; nothing was changed")
        if not waited:
            tell("Another setup is at work, on this node or another one; waiting for it to end ...")
        pause(1.0)
        waited += 1.0
