"""The root helper and its client, over a real socket: HA maintenance mode, and the list of nodes that are kept empty."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from prs.engine.drain.shared_holds import FOLDER, SharedHolds
from prs.engine.journal.hold import Hold
from prs.errors import HelperError
from prs.helper import client, root
from prs.helper.client import set_maintenance

# As its unit starts it, from this tree.
RUN = f"import sys; sys.path.insert(0, {str(Path(root.__file__).parents[2])!r}); from prs.helper.root import main; sys.exit(main())"
PROGRAM = (sys.executable, "-I", "-c", RUN)
RECORD = '#!/bin/sh\necho "$0 $*" >> "$(dirname "$0")/calls"\n'


@pytest.fixture
def nodes(tmp_path: Path) -> Path:
    for name in ("pve1", "pve2"):
        (tmp_path / "nodes" / name).mkdir(parents=True)
    return tmp_path / "nodes"


def command(folder: Path, script: str = RECORD) -> str:
    path = folder / "ha-manager"
    path.write_text(script)
    path.chmod(0o755)
    return str(path)


def ask(line: bytes, nodes: Path, tool: str) -> str:
    """One request to the helper; the client closes its side after it."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(line)
        ours.shutdown(socket.SHUT_WR)
        theirs.settimeout(0.5)
        places = root.Places(nodes, tool, nodes.parent / "held")
        return root.serve(theirs, os.getuid(), places)


@pytest.mark.parametrize("verb", ["enable", "disable"])
def test_the_two_requests_reach_the_ha_manager(tmp_path: Path, nodes: Path, verb: str) -> None:
    assert ask(f"{verb} pve1\n".encode(), nodes, command(tmp_path)) == f"ok node-maintenance {verb} pve1"
    assert (tmp_path / "calls").read_text() == f"{tmp_path}/ha-manager crm-command node-maintenance {verb} pve1\n"


@pytest.mark.parametrize("line", [
    b"", b"enable pve1", b"enable  pve1\n", b"enable pve1;reboot\n", b"enable ../pve1\n", b"enable .\n", b"enable -v\n", b"stop pve1\n",
    b"enable pve1\ndisable pve1\n", b"enable " + b"a" * 100 + b"\n", b"enable pve1\x00\n", b"ENABLE pve1\n", b"enable pve9\n",
    b"\xff\xfe\n", b"hold pve1\n", b"hold pve9 0123456789ab 1 0 pve1 root@pam\n", b"hold ../pve1 0123456789ab 1 0 pve1 root@pam\n",
    b"hold pve1 ../../nodes/ 1 0 pve1 root@pam\n", b"hold pve1 0123456789ab -1 0 pve1 root@pam\n",
    b"hold pve1 0123456789ab 1 2 pve1 root@pam\n", b"hold pve1 0123456789ab 1 0 pve/1 root@pam\n",
    b"hold pve1 0123456789ab 1 0 pve1 root@pam x\n", b"hold pve1 0123456789ab 1 0 pve1 \xff\n",
    b"hold pve1 0123456789ab 1 0 pve1 " + b"a" * 500 + b"\n", b"hold pve1 0123456789AB 1 0 pve1 root@pam\n",
    b"hold pve1 0123456789ab 1 0 pve1 root@\x07\n", b"free pve1\n", b"free ../pve1 0123456789ab\n", b"free pve1 *\n",
    b"free pve1 0123456789ab x\n", b"free pve1\x00 0123456789ab\n",
])  # fmt: skip
def test_nothing_else_does(tmp_path: Path, nodes: Path, line: bytes) -> None:
    assert ask(line, nodes, command(tmp_path)).startswith("refused: ")
    assert not (tmp_path / "calls").exists()
    assert not (tmp_path / "held").exists()


HOLD = b"hold pve1 0123456789ab 1700000000 1 pve2 j\xc3\xb6rg@pve!\"x\n"


def test_a_hold_is_a_file_that_notices_read_and_free_removes(tmp_path: Path, nodes: Path) -> None:
    """A second hold takes the place of the first at once, also when an earlier helper died half-way."""
    place = tmp_path / "held"
    assert ask(HOLD, nodes, "false") == "ok hold pve1.0123456789ab.held"
    (place / "pve1.0123456789ab.held.0.tmp").symlink_to(tmp_path / "elsewhere")
    os.utime(place / "pve1.0123456789ab.held.0.tmp", (1, 1), follow_symlinks=False)
    assert ask(HOLD.replace(b" 1 pve2", b" 0 pve2"), nodes, "false").startswith("ok")
    assert not (tmp_path / "elsewhere").exists()
    (place / "pve3.0123456789ab.held").write_text("{}")
    found = SharedHolds(place, "pve9", put=lambda held: None, take=lambda held: None).read()
    assert found is not None
    assert found["pve1", "0123456789ab"] == Hold("pve1", "0123456789ab", 'jörg@pve!"x', 1700000000.0, False, "pve2")
    assert [path.name for path in sorted(place.iterdir())] == ["pve1.0123456789ab.held", "pve3.0123456789ab.held"]
    for _ in range(2):
        assert ask(b"free pve1 0123456789ab\n", nodes, "false") == "ok free pve1.0123456789ab.held"
    (nodes / "pve1").rmdir()
    assert ask(b"free pve3 0123456789ab\n", nodes, "false").startswith("ok"), "a hold outlives its node"
    assert list(place.iterdir()) == []


def test_a_host_has_one_hold_of_each_node_whatever_it_asks_for(tmp_path: Path, nodes: Path) -> None:
    assert ask(HOLD.replace(b" pve2 ", b" pve1 "), nodes, "false").startswith("ok")  # another host's stays
    for number in range(20):
        assert ask(HOLD.replace(b"0123456789ab", b"%012x" % number), nodes, "false").startswith("ok")
    assert sorted(path.name for path in (tmp_path / "held").iterdir()) == ["pve1.000000000013.held", "pve1.0123456789ab.held"]
    assert ask(HOLD.replace(b" pve2 ", b" made-up "), nodes, "false") == "refused: there is no node made-up"


@pytest.mark.parametrize("what", [b"[" * 1000, b"\xff\x00", b"", b"null", b'{"host": ["pve1"]}', b'{"host": NaN}', None], ids=repr)
def test_whatever_a_hostile_node_puts_into_the_list_a_hold_is_written(tmp_path: Path, nodes: Path, what: bytes | None) -> None:
    """All nodes write there; None stands for folders in the place of files."""
    held = tmp_path / "held"
    held.mkdir()
    old = time.time() - 10_000
    for name in ("pve1.ffffffffffff.held", "left.tmp"):
        (held / name).mkdir() if what is None else (held / name).write_bytes(what)
        os.utime(held / name, (old, old))
    (held / "pve1.eeeeeeeeeeee.held").symlink_to(tmp_path / "elsewhere")
    assert ask(b"hold pve1 0123456789ab 1 0 pve2 root@pam\n", nodes, "false") == "ok hold pve1.0123456789ab.held"
    assert '"host": "pve2"' in (held / "pve1.0123456789ab.held").read_text()
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("hosts", [("pve2", "pve2"), ("pve1", "pve2")])
def test_of_two_who_write_a_hold_at_once_neither_takes_away_the_others(
    tmp_path: Path, nodes: Path, monkeypatch: pytest.MonkeyPatch, hosts: tuple[str, str]
) -> None:
    """Each puts its own in the place of what it finds: between the two steps the other one must not find anything."""
    met, rename = threading.Barrier(2), Path.rename
    places = root.Places(nodes, "false", tmp_path / "held", lock=tmp_path / "lock")

    def late(draft: Path, name: Path) -> Path:
        done = rename(draft, name)
        with suppress(threading.BrokenBarrierError):  # the other one waits for us instead
            met.wait(0.5)
        return done

    def hold(number: int) -> None:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            ours.sendall(b"hold pve1 %012x 1700000000 1 %b root@pam\n" % (number, hosts[number].encode()))
            assert root.serve(theirs, os.getuid(), places).startswith("ok")

    monkeypatch.setattr(Path, "rename", late)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(hold, range(2)))
    assert len(list((tmp_path / "held").iterdir())) == len(set(hosts))


def test_drafts_have_names_that_nobody_can_guess(tmp_path: Path, nodes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened, true_open = list[str](), os.open

    def note(path: Path, *arguments: object) -> int:
        opened.append(path.name)
        return true_open(path, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", note)
    for _ in range(3):
        assert ask(HOLD, nodes, "false").startswith("ok")
    drafts = {name for name in opened if name.endswith(".tmp")}
    assert len(drafts) == 3


def test_without_etc_pve_nothing_counts_as_freed(tmp_path: Path) -> None:
    """Where pmxcfs is not mounted the hold would come back with it."""
    assert ask(b"free pve1 0123456789ab\n", tmp_path / "nodes", "false") == f"failed: {tmp_path}/nodes is not there"


def test_a_list_that_cannot_be_written(tmp_path: Path, nodes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """pmxcfs without quorum says EACCES to root too; root in a test is refused nothing, so the kernel's answer is put in its place."""

    def refuse(*arguments: object, **named: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    assert ask(HOLD, nodes, "false").startswith("ok")
    monkeypatch.setattr(os, "open", refuse)
    monkeypatch.setattr(Path, "unlink", refuse)
    words = f"failed: {tmp_path}/held: Permission denied (has the cluster quorum?)"
    assert ask(HOLD, nodes, "false") == words
    assert ask(b"free pve1 0123456789ab\n", nodes, "false") == words


def test_another_user_is_refused_before_anything_is_read(tmp_path: Path, nodes: Path) -> None:
    was, other = os.geteuid(), 65534 if os.geteuid() == 0 else os.geteuid()
    os.seteuid(other)  # the kernel tells of whoever opened the socket
    try:
        ours, theirs = socket.socketpair()
    finally:
        os.seteuid(was)
    with ours, theirs:
        ours.sendall(b"enable pve1\n")
        answer = root.serve(theirs, other + 1, root.Places(nodes, command(tmp_path), tmp_path / "held"))
    assert answer == f"refused: user {other} may not ask"
    assert not (tmp_path / "calls").exists()


def test_a_caller_that_says_nothing_is_given_up(nodes: Path) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.settimeout(0.05)
        assert root.serve(theirs, os.getuid(), root.Places(nodes, "false", nodes)) == "refused: no request came"


def test_a_caller_that_drips_is_given_up_too(nodes: Path) -> None:
    ours, theirs = socket.socketpair()

    def drip() -> None:
        with suppress(OSError):
            while not stop.wait(0.02):
                ours.sendall(b"a")

    stop = threading.Event()
    thread = threading.Thread(target=drip)
    with ours, theirs:
        theirs.settimeout(0.3)
        thread.start()
        answer = root.serve(theirs, os.getuid(), root.Places(nodes, "false", nodes))
        stop.set()
        thread.join()
    assert answer == "refused: no request came"


def test_a_network_socket_is_refused(nodes: Path) -> None:
    with socket.socket() as sock:
        assert root.serve(sock, os.getuid(), root.Places(nodes, "true", nodes)) == "refused: not a local socket"


def test_the_words_of_ha_manager_are_passed_on(tmp_path: Path, nodes: Path) -> None:
    tool = command(tmp_path, "#!/bin/sh\necho 'cluster not ready - no quorum?' >&2\nexit 2\n")
    assert ask(b"enable pve1\n", nodes, tool) == "failed: cluster not ready - no quorum?"
    assert ask(b"enable pve1\n", nodes, str(tmp_path / "none")) == f"failed: {tmp_path}/none: No such file or directory"


def test_an_endless_ha_manager_is_given_up(tmp_path: Path, nodes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(root, "SECONDS", 0.1)
    tool = command(tmp_path, "#!/bin/sh\nexec sleep 5\n")
    assert ask(b"enable pve1\n", nodes, tool) == "failed: ha-manager did not end within 0 seconds"


def served(path: Path, answer: Callable[[socket.socket], None]) -> threading.Thread:
    """A helper that answers one connection."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()

    def serve() -> None:
        with listener:
            connection, _ = listener.accept()
            with connection:
                answer(connection)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    return thread


def test_the_client_and_the_program_understand_each_other(tmp_path: Path, nodes: Path) -> None:
    """The program itself, started as systemd would start it: one connection as its standard input."""
    tool = command(tmp_path)

    def start(connection: socket.socket) -> None:
        user = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
        program = [*PROGRAM, "--user", user, "--nodes", str(nodes), "--command", tool, "--writes", str(tmp_path / "writes")]
        assert subprocess.run(program, stdin=connection.fileno(), timeout=20, check=False).returncode == 0

    thread = served(tmp_path / "helper", start)
    set_maintenance(tmp_path / "helper", "pve1", True)
    thread.join(10)
    assert (tmp_path / "calls").read_text().endswith("crm-command node-maintenance enable pve1\n")


def test_a_hold_goes_through_the_program_to_other_hosts_and_back(tmp_path: Path, nodes: Path) -> None:
    """What one host puts up every host reads; each may take it down."""

    def start(connection: socket.socket) -> None:
        user = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
        program = [*PROGRAM, "--user", user, "--nodes", str(nodes), "--held", str(tmp_path / FOLDER), "--writes", str(tmp_path / "writes")]
        assert subprocess.run(program, stdin=connection.fileno(), timeout=20, check=False).returncode == 0

    held = Hold("pve1", "0123456789ab", "root@pam", 1700000000.0, True, "pve2")
    here, there = (client.shared_holds(tmp_path, host, tmp_path / host) for host in ("pve2", "pve3"))
    assert here is not None
    assert there is not None
    served(tmp_path / "pve2", start)
    here.put(held)
    assert there.read() == {held.key: held}
    served(tmp_path / "pve3", start)
    there.take(held)
    assert here.read() == {}
    assert client.shared_holds(tmp_path / "nowhere", "laptop", tmp_path / "none") is None


def test_the_client_says_why_the_list_was_not_changed(tmp_path: Path) -> None:
    held, list_ = Hold("pve1", "0123456789ab", "root@pam", 1.0), client.shared_holds(tmp_path, "pve1", tmp_path / "helper")
    assert list_ is not None
    with pytest.raises(HelperError, match=r"^there is no helper at .*/helper$"):
        list_.put(held)

    def refuse(connection: socket.socket) -> None:
        connection.recv(500)
        connection.sendall(b"failed: no quorum\n")

    helper = served(tmp_path / "helper", refuse)
    with pytest.raises(HelperError, match=r"^failed: no quorum$"):
        list_.take(held)
    helper.join(10)
    with pytest.raises(HelperError, match="the helper does not answer: Connection refused"):
        list_.take(held)


def test_the_client_says_why_nothing_was_switched(tmp_path: Path) -> None:
    with pytest.raises(HelperError, match="there is no helper at"):
        set_maintenance(tmp_path / "none", "pve1", True)
    cases = {b"refused: there is no node pve1\n": "there is no node pve1", b"": "the helper gave no answer"}
    for number, (answer, words) in enumerate(cases.items()):

        def reply(connection: socket.socket, answer: bytes = answer) -> None:
            connection.recv(100)
            connection.sendall(answer)

        served(tmp_path / f"helper{number}", reply)
        with pytest.raises(HelperError, match=f"of pve1 was not switched: .*{words}"):
            set_maintenance(tmp_path / f"helper{number}", "pve1", False)


def test_a_draft_that_another_writer_has_just_renamed_is_no_failure(nodes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the list of the folder and the look at what is in it."""
    monkeypatch.setattr(Path, "iterdir", lambda folder: iter([folder / "pve1.0123456789ab.held.0.tmp"]))
    assert ask(b"hold pve1 0123456789ab 1 0 pve2 root@pam\n", nodes, command(tmp_path)).startswith("ok hold")


def test_what_all_nodes_share_is_not_kept_busy(nodes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user that has become hostile asks for changes as fast as it can: so many in a minute, then none until the next one."""
    moment = 60.0 * 1000
    monkeypatch.setattr(time, "time", lambda: moment)
    places = root.Places(nodes, "true", tmp_path / "held", writes=tmp_path / "writes")

    def asked(line: bytes) -> str:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            ours.sendall(line)
            return root.serve(theirs, os.getuid(), places)

    kinds = (b"enable pve1\n", b"hold pve1 0123456789ab 1 0 pve2 root@pam\n", b"free pve1 0123456789ab\n", b"round x y\n")
    found = [asked(kinds[number % len(kinds)]) for number in range(root.WRITES + 4)]
    assert [words for words in found if "enough" in words] == found[-4:]
    moment += 60
    assert asked(kinds[0]).startswith("ok ")
