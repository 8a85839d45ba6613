"""The root helper for HA maintenance and its client, over a real socket."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from prs import ha_helper
from prs.errors import HelperError
from prs.ha_client import set_maintenance

RECORD = '#!/bin/sh\necho "$0 $*" >> "$(dirname "$0")/calls"\n'


@pytest.fixture
def nodes(tmp_path: Path) -> Path:
    (tmp_path / "nodes" / "pve1").mkdir(parents=True)
    return tmp_path / "nodes"


def command(folder: Path, script: str = RECORD) -> str:
    path = folder / "ha-manager"
    path.write_text(script)
    path.chmod(0o755)
    return str(path)


def ask(line: bytes, nodes: Path, tool: str, uid: int | None = None) -> str:
    """One request to the helper; the client closes its side after it."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(line)
        ours.shutdown(socket.SHUT_WR)
        theirs.settimeout(0.5)
        return ha_helper.serve(theirs, os.getuid() if uid is None else uid, nodes, tool)


@pytest.mark.parametrize("verb", ["enable", "disable"])
def test_the_two_requests_reach_the_ha_manager(tmp_path: Path, nodes: Path, verb: str) -> None:
    assert ask(f"{verb} pve1\n".encode(), nodes, command(tmp_path)) == f"ok node-maintenance {verb} pve1"
    assert (tmp_path / "calls").read_text() == f"{tmp_path}/ha-manager crm-command node-maintenance {verb} pve1\n"


@pytest.mark.parametrize("line", [
    b"", b"enable pve1", b"enable  pve1\n", b"enable pve1;reboot\n", b"enable ../pve1\n", b"enable .\n", b"enable -v\n", b"stop pve1\n",
    b"enable pve1\ndisable pve1\n", b"enable " + b"a" * 100 + b"\n", b"enable pve1\x00\n", b"ENABLE pve1\n", b"enable pve9\n",
    b"\xff\xfe\n",
])  # fmt: skip
def test_nothing_else_does(tmp_path: Path, nodes: Path, line: bytes) -> None:
    assert ask(line, nodes, command(tmp_path)).startswith("refused: ")
    assert not (tmp_path / "calls").exists()


def test_another_user_is_refused_before_anything_is_read(tmp_path: Path, nodes: Path) -> None:
    answer = ask(b"enable pve1\n", nodes, command(tmp_path), uid=os.getuid() + 1)
    assert answer == f"refused: user {os.getuid()} may not ask"
    assert not (tmp_path / "calls").exists()


def test_a_caller_that_says_nothing_is_given_up(nodes: Path) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.settimeout(0.05)
        assert ha_helper.serve(theirs, os.getuid(), nodes, "false") == "refused: no request came"


def test_a_network_socket_is_refused(nodes: Path) -> None:
    with socket.socket() as sock:
        assert ha_helper.serve(sock, os.getuid(), nodes, "true") == "refused: not a local socket"


def test_the_words_of_ha_manager_are_passed_on(tmp_path: Path, nodes: Path) -> None:
    tool = command(tmp_path, "#!/bin/sh\necho 'cluster not ready - no quorum?' >&2\nexit 2\n")
    assert ask(b"enable pve1\n", nodes, tool) == "failed: cluster not ready - no quorum?"
    assert ask(b"enable pve1\n", nodes, str(tmp_path / "none")) == f"failed: {tmp_path}/none: No such file or directory"


def test_an_endless_ha_manager_is_given_up(tmp_path: Path, nodes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ha_helper, "SECONDS", 0.1)
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
        program = [sys.executable, "-I", ha_helper.__file__, "--user", user, "--nodes", str(nodes), "--command", tool]
        assert subprocess.run(program, stdin=connection.fileno(), timeout=20, check=False).returncode == 0

    thread = served(tmp_path / "helper", start)
    set_maintenance(tmp_path / "helper", "pve1", True)
    thread.join(10)
    assert (tmp_path / "calls").read_text().endswith("crm-command node-maintenance enable pve1\n")


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
