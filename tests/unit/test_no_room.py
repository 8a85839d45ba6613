"""Every writer on a disk that has become full: an error in its own words, nothing half written left behind, and it works again with room.

Linux refuses each byte of a file here (RLIMIT_FSIZE, setrlimit(2)), which a writer cannot tell from ENOSPC but by the number.
"""

from __future__ import annotations

import base64
import hashlib
import logging
import os
import resource
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from prs import snapshot_file
from prs.config import last_good
from prs.endpoint import Endpoint
from prs.engine.journal import credentials
from prs.engine.journal.journal import Journal
from prs.engine.journal.lock import ExecutorLock
from prs.engine.loads.memory import LoadMemory, half_hour
from prs.engine.planning import make_plan
from prs.errors import CredentialError, JournalError, ModelError
from prs.helper import root
from prs.model import Policy, Reading
from prs.setup import conf
from prs.setup.tools import SetupError
from simcluster import InProcessApi
from simcluster.scenes import small


@contextmanager
def no_room() -> Iterator[None]:
    """No file of this process can grow."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def asked(folder: Path, line: bytes) -> str:
    """What the root helper answers, whose places are below the folder."""
    (folder / "nodes" / "pve1").mkdir(parents=True, exist_ok=True)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(line)
        ours.shutdown(socket.SHUT_WR)
        theirs.settimeout(5)
        held, priv = folder / "held", folder / "priv" / "x"
        places = root.Places(folder / "nodes", "/bin/true", held, priv, folder / "alive", "pve1", "/bin/true", folder / "turns")
        answer = root.serve(theirs, os.getuid(), places)
    if not answer.startswith("ok"):
        raise OSError(answer)
    return answer


def policy(folder: Path) -> str:
    file = folder / "held" / "policy.conf"
    digest = hashlib.sha256(file.read_bytes() if file.exists() else b"").hexdigest()
    return asked(folder, f"policy {digest} {base64.b64encode(b'[balancing]').decode()}\n".encode())


WRITERS: dict[str, tuple[Callable[[Path], Any], type[Exception], str]] = {
    "credentials": (lambda folder: credentials.save(folder / "c", Endpoint(("pve1",))), CredentialError, "cannot be stored in"),
    "journal": (lambda folder: Journal(folder / "j.sqlite").close(), JournalError, "cannot be opened"),
    "snapshot": (lambda folder: snapshot_file.save(folder / "s.json", "{}"), ModelError, "cannot be written"),
    "account": (lambda folder: conf.write(folder / "prs.conf", folder / "d", "x"), SetupError, "cannot be written"),
    "hold": (lambda folder: asked(folder, b"hold pve1 0123456789ab 1 0 pve1 root@pam\n"), OSError, "failed: "),
    "alive": (lambda folder: asked(folder, b"alive\n"), OSError, "failed: "),
    "policy": (policy, OSError, "failed: "),
    "cluster log": (lambda folder: asked(folder, b"log start - - local yes root@pam\n"), OSError, "failed: "),
}


def sizes(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): path.stat().st_size for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", WRITERS)
def test_a_writer_without_room_says_so_leaves_no_draft_and_works_again(tmp_path: Path, name: str) -> None:
    write, error, words = WRITERS[name]
    (tmp_path / "prs.conf").write_text("")
    for _ in range(3):
        with no_room(), pytest.raises(error, match=words):
            write(tmp_path)
    left = sizes(tmp_path)
    assert set(left.values()) <= {0}
    assert len(left) <= 2, left
    write(tmp_path)
    assert max(sizes(tmp_path).values()) > 0
    assert not [path for path in sizes(tmp_path) if path.endswith(".tmp")]


def test_an_open_journal_without_room_changes_nothing_and_goes_on_later(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.sqlite")
    journal.note("a", "1")
    with no_room(), pytest.raises(JournalError, match="cannot be written"):
        journal.note("a", "2" * 100_000)
    assert journal.note("a") == "1"
    assert journal.note("a", "3") == "3"
    with no_room(), Journal(tmp_path / "journal.sqlite", writes=False) as reader:
        assert reader.note("a") == "3"


def test_good_settings_that_cannot_be_kept_leave_no_drafts_and_the_old_copy(tmp_path: Path) -> None:
    (tmp_path / "prs.conf.d").mkdir()
    file = tmp_path / "prs.conf.d" / "x.conf"
    file.write_text("# first\n")
    last_good.keep(tmp_path / "prs.conf", None, tmp_path)
    file.write_text("# second\n")
    for _ in range(3):
        with no_room(), pytest.raises(OSError, match="too large"):
            last_good.keep(tmp_path / "prs.conf", None, tmp_path)
    assert [path.read_text() for path in (tmp_path / last_good.FOLDER).iterdir()] == ["# first\n"]
    last_good.keep(tmp_path / "prs.conf", None, tmp_path)
    assert [path.read_text() for path in (tmp_path / last_good.FOLDER).iterdir()] == ["# second\n"]


def test_the_memory_of_loads_without_room_fails_nobody_and_says_so_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    memory, now = LoadMemory(tmp_path / "loads.sqlite"), time.time()
    with caplog.at_level(logging.WARNING), no_room():
        for number in range(20):
            memory.add(Reading({}, {}, {}), now + 1800 * number)
    assert caplog.text.count("cannot be used") == 1
    assert len(caplog.records) == 1
    memory.add(Reading({}, {}, {}), now)
    assert memory.halves([half_hour(now)])


def test_the_lock_holds_without_room(tmp_path: Path) -> None:
    with no_room(), ExecutorLock(tmp_path, "service") as first, ExecutorLock(tmp_path, "drain") as second:
        assert (first.taken, second.taken) == (True, False)
        assert second.holder.words == "another process of this host"


def test_a_plan_is_all_there_or_not_at_all(tmp_path: Path) -> None:
    """In the midst of a row of writes the disk is full."""
    world = small()
    world.clock.sleep(600)
    _, plan = make_plan(InProcessApi(world), Policy(), world.clock.time())
    journal = Journal(tmp_path / "journal.sqlite")
    with no_room(), pytest.raises(JournalError):
        journal.add_plan(plan, Policy(), "root@pam")
    assert journal.rows("SELECT count(*) AS n FROM plans")[0]["n"] == 0
    assert journal.plan(journal.add_plan(plan, Policy(), "root@pam"))[0] == plan
