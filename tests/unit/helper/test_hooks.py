"""The program that runs a site's hooks as root, over a real socket: whose hooks it runs, how it ends them, and what it tells of them."""

from __future__ import annotations

import fcntl
import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hook_house import HookHouse
from prs.engine.rolling.hooks import Hook
from prs.errors import HelperError
from prs.helper import root_hooks
from prs.helper.hooks import hook_troubles, run_hook


@pytest.fixture
def house(tmp_path: Path) -> Iterator[HookHouse]:
    found = HookHouse(tmp_path)
    yield found
    found.close()


def run(house: HookHouse, stopped: Callable[[], bool] = lambda: False) -> Hook | None:
    return run_hook(house.socket, "before-drain", "pve1", stopped)


def test_a_hook_gets_its_stage_and_node_and_its_last_words_come_back(house: HookHouse) -> None:
    house.write("before-drain", r"""printf '\033[31mred\033[0m\r\nbell\a \303\244 \377\n' >&2; echo "$PRS_STAGE $PRS_NODE $(pwd)" """)
    found = run(house)
    assert found is not None
    assert (found.state, found.code, found.trouble) == ("done", 0, "")
    assert found.output.split("\n") == ["red", "bell  ä \ufffd", "before-drain pve1 /"]
    assert house.ran == ["before-drain pve1"]


def test_a_hook_that_fails_says_so_with_its_last_line(house: HookHouse) -> None:
    house.write("before-drain", "seq 1 5000; echo the monitoring does not answer; exit 7")
    found = run(house)
    assert found is not None
    assert found.trouble == "the site's hook before-drain ended with exit status 7: the monitoring does not answer"
    assert len(found.output) <= root_hooks.KEPT
    assert "5000\nthe monitoring" in found.output


def test_a_hook_that_cannot_be_started_or_was_killed(house: HookHouse) -> None:
    house.write("before-drain").write_text("#!/no/such/shell\n")
    found = run(house)
    assert found is not None
    assert found.trouble.startswith("the site's hook before-drain could not be run: ")
    assert "No such file" in found.trouble
    house.write("before-drain", "kill -9 $$")
    found = run(house)
    assert found is not None
    assert (found.state, found.code) == ("failed", -9)


def test_where_there_is_no_hook_or_nobody_to_run_it(house: HookHouse, tmp_path: Path) -> None:
    assert run(house) is None
    assert hook_troubles(house.socket) == {}
    assert run_hook(tmp_path / "none", "before-drain", "pve1", lambda: False) is None
    assert hook_troubles(tmp_path / "none") == {}
    (tmp_path / "before-reboot").symlink_to("gone")
    for ask in (hook_troubles, lambda place, folder: run_hook(place, "before-drain", "pve1", lambda: False, folder)):
        with pytest.raises(HelperError, match=r"has hooks \(before-reboot\), and nothing runs them here"):
            ask(tmp_path / "none", tmp_path)


def gone(pid: int) -> bool:
    """Whether the process has ended; one that nobody has waited for yet has, too."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def wait_for(what: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not what():
        assert time.monotonic() < end
        time.sleep(0.02)


STUBBORN = "trap '' TERM; sleep 1000 & echo $! $$ > {place}; while :; do sleep 0.1; done"


def pids(place: Path) -> list[int]:
    return [int(word) for word in place.read_text().split()]


def test_one_that_hangs_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    house, place = HookHouse(tmp_path, seconds=0.7), tmp_path / "pids"
    house.write("before-drain", "echo waiting for the storage; " + STUBBORN.format(place=place))
    found = run(house)
    assert found is not None
    assert (found.state, found.code) == ("hung", None)
    assert found.trouble.startswith("the site's hook before-drain did not end within ")
    assert found.trouble.endswith(": waiting for the storage")
    wait_for(lambda: all(gone(pid) for pid in pids(place)))
    house.close()


def test_one_that_the_user_does_not_wait_for_is_ended(house: HookHouse, tmp_path: Path) -> None:
    place = tmp_path / "pids"
    house.write("before-drain", STUBBORN.format(place=place))
    found = run(house, lambda: place.exists() and len(place.read_text().split()) == 2)
    assert found is not None
    assert (found.state, found.trouble) == ("stopped", "the site's hook before-drain was ended, as the user wanted")
    wait_for(lambda: all(gone(pid) for pid in pids(place)))


def test_one_whose_caller_dies_is_ended(house: HookHouse, tmp_path: Path) -> None:
    """Otherwise it would run beside the one that the next process starts."""
    place = tmp_path / "pids"
    house.write("before-drain", STUBBORN.format(place=place))
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(house.socket))
        connection.sendall(b"hook before-drain pve1\n")
        wait_for(lambda: place.exists() and len(place.read_text().split()) == 2)
    wait_for(lambda: all(gone(pid) for pid in pids(place)))


def test_what_a_hook_leaves_behind_when_it_is_ended_is_killed(tmp_path: Path) -> None:
    """The hook itself obeys the wish, a program of its does not, and would run beside the next hook."""
    house, place = HookHouse(tmp_path, seconds=0.7), tmp_path / "pids"
    house.write("before-drain", f"(trap '' TERM; exec sleep 1000) & echo $! $$ > {place}; sleep 0.2; wait")
    found = run(house)
    assert found is not None
    assert found.state == "hung"
    wait_for(lambda: all(gone(pid) for pid in pids(place)))
    house.close()


def link(house: HookHouse, hook: Path) -> None:
    hook.rename(house.site / "elsewhere")
    hook.symlink_to(house.site / "elsewhere")


def folder(house: HookHouse, hook: Path) -> None:
    hook.unlink()
    hook.mkdir()


def not_ours(house: HookHouse, hook: Path) -> None:
    os.chown(hook, 12345, -1)


UNFIT: list[tuple[str, Callable[[HookHouse, Path], object], str]] = [
    ("others write it", lambda house, hook: hook.chmod(0o757), "may be written by others than root (mode 0757)"),
    ("its group writes it", lambda house, hook: hook.chmod(0o775), "may be written by others than root (mode 0775)"),
    ("not executable", lambda house, hook: hook.chmod(0o644), "is not executable"),
    ("a link", link, "is not a file"),
    ("a folder", folder, "is not a file"),
    ("others write the folder", lambda house, hook: house.hooks.chmod(0o777), "hooks.d may be written by others"),
    ("others write the folder above", lambda house, hook: house.site.chmod(0o775), "site may be written by others"),
    *([("another's", not_ours, "belongs to user 12345, and has to belong to root")] if os.getuid() == 0 else []),
]


@pytest.mark.parametrize(("spoil", "words"), [row[1:] for row in UNFIT], ids=[row[0] for row in UNFIT])
def test_only_what_is_roots_alone_is_run(house: HookHouse, spoil: Callable[[HookHouse, Path], object], words: str) -> None:
    """Another one is refused in words before anything begins, not passed over: its site relies on it."""
    spoil(house, house.write("before-drain"))
    assert words in hook_troubles(house.socket)["before-drain"]
    with pytest.raises(HelperError, match="no hook was run: ") as caught:
        run(house)
    assert words in str(caught.value)
    assert house.ran == []


@pytest.mark.parametrize("line", [
    b"hook before-drain\n", b"hook before-drain ../x\n", b"hook ../before-drain pve1\n", b"hook before-drain pve1;id\n", b"hook x pve1\n",
    b"hook before-drain -v\n", b"hook before-drain pve1 x\n", b"hooks", b"hook before-drain " + b"a" * 200 + b"\n", b"\xff\n",
])  # fmt: skip
def test_nothing_else_is_done(tmp_path: Path, line: bytes) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(line)
        ours.shutdown(socket.SHUT_WR)
        assert root_hooks.serve(theirs, os.getuid(), root_hooks.Places(tmp_path), 1.0).startswith("refused: only ")


def test_another_user_is_refused(tmp_path: Path) -> None:
    was, other = os.geteuid(), 65534 if os.geteuid() == 0 else os.geteuid()
    os.seteuid(other)  # the kernel tells of whoever opened the socket
    try:
        ours, theirs = socket.socketpair()
    finally:
        os.seteuid(was)
    with ours, theirs:
        ours.sendall(b"hooks\n")
        assert root_hooks.serve(theirs, other + 1, root_hooks.Places(tmp_path), 1.0) == f"refused: user {other} may not ask"


def test_a_node_that_the_cluster_does_not_have_is_refused(house: HookHouse) -> None:
    house.write("before-drain")
    with pytest.raises(HelperError, match="there is no node call-0800-12345"):
        run_hook(house.socket, "before-drain", "call-0800-12345", lambda: False)
    assert house.ran == []


def begin(house: HookHouse) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(str(house.socket))
    connection.sendall(b"hook before-drain pve1\n")
    return connection


def test_however_many_are_asked_for_one_runs_at_a_time(house: HookHouse, tmp_path: Path) -> None:
    """Each says when it begins and when it ends; nobody but the first has begun before the first has ended."""
    house.write("before-drain", f"echo begin >> {tmp_path}/turns; sleep 0.3; echo end >> {tmp_path}/turns")
    asked = [begin(house) for _ in range(4)]
    for connection in asked:
        with connection:
            connection.settimeout(60)
            assert b'"code": 0' in connection.recv(65536)
    assert (tmp_path / "turns").read_text().split() == ["begin", "end"] * 4


def test_one_that_waits_for_its_turn_is_not_begun_when_nobody_waits_for_it_any_more(house: HookHouse, tmp_path: Path) -> None:
    house.write("before-drain", f"echo $$ >> {tmp_path}/pids; while [ ! -e {tmp_path}/enough ]; do sleep 0.05; done")
    with begin(house) as first:
        wait_for((tmp_path / "pids").exists)
        with begin(house):
            wait_for(lambda: len(house.running) == 2)
        house.running[1].wait(60)
        (tmp_path / "enough").touch()
        first.settimeout(60)
        assert b'"code": 0' in first.recv(65536)
    assert house.ran == ["before-drain pve1"]


def test_one_whose_turn_does_not_come_is_refused(house: HookHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(root_hooks, "TURN", 0.0)
    ours, theirs = socket.socketpair()
    with ours, theirs, house.lock.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        house.write("before-drain")
        ours.sendall(b"hook before-drain pve1\n")
        answer = root_hooks.serve(theirs, os.getuid(), root_hooks.Places(house.hooks, house.nodes, house.lock), 1.0, os.getuid())
    assert answer == "refused: another hook of this site is still running"
    assert house.ran == []
