"""The helper writes the policy only in the place of the version that its writer has read, whoever else writes at the same time."""

from __future__ import annotations

import base64
import errno
import socket
import threading
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest

from prs.config.policy_edit import digest
from prs.errors import HelperError, PolicyChanged, RoundChanged
from prs.helper import client, root, root_policy
from unit.helper.test_account import Helper, helper

__all__ = ["helper"]
TEXT = "[balancing]\nspread: 7  # é\n"


def policy_of(found: Helper) -> Path:
    return found.pve / "proxmox-rebalancing-service" / "policy.conf"


def test_a_policy_is_written_in_one_step_and_the_digest_given(helper: Helper) -> None:
    first = client.write_policy(helper.socket, digest(b""), TEXT)
    assert (first, policy_of(helper).read_text()) == (digest(TEXT.encode()), TEXT)
    big = "#" * (60 * 1024)
    assert client.write_policy(helper.socket, first, big) == digest(big.encode())
    assert [path.name for path in policy_of(helper).parent.iterdir()] == ["policy.conf"]
    assert list((helper.private.parent / "lock").iterdir()) == [], "the lock is free again"
    assert policy_of(helper).stat().st_mode & 0o137 == 0, "no more than its group may read it"


def test_of_many_writers_at_once_one_wins_and_the_others_are_told(helper: Helper) -> None:
    ends = Counter[str]()

    def write(number: int) -> None:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            places = root.Places(helper.pve / "nodes", "false", policy_of(helper).parent, helper.private, host="pve1")
            words = f"# {number}\n"
            threading.Thread(target=lambda: ours.sendall(request(digest(b""), words))).start()
            ends[root.serve(theirs, helper.uid, places).split()[0]] += 1

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ends == {"ok": 1, "changed:": 7}


def request(version: str, text: str) -> bytes:
    return f"policy {version} {base64.b64encode(text.encode()).decode()}\n".encode()


def test_an_older_version_is_not_written_over(helper: Helper) -> None:
    client.write_policy(helper.socket, digest(b""), TEXT)
    with pytest.raises(PolicyChanged, match="somebody else has changed the policy meanwhile"):
        client.write_policy(helper.socket, digest(b""), "")
    assert policy_of(helper).read_text() == TEXT


HEAD = b"policy " + b"0" * 64


@pytest.mark.parametrize("line", [
    b"policy\n", b"policy 12 AA==\n", HEAD + b" A\n", HEAD + b" /w==\n", HEAD + b" AA==\n", HEAD + b" " + b"QUFB" * 25_000 + b"\n",
])  # fmt: skip
def test_nothing_else_is_written(helper: Helper, line: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(helper.socket))
        with suppress(OSError):  # it has answered already
            connection.sendall(line)
            connection.shutdown(socket.SHUT_WR)
        assert connection.recv(500).startswith(b"refused: ")
    assert not policy_of(helper).exists()


def test_without_quorum_it_says_so(helper: Helper, monkeypatch: pytest.MonkeyPatch) -> None:
    """pmxcfs refuses root's writes with EACCES then."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(HelperError, match=r"the policy was not written: failed: .*Permission denied: the cluster has no quorum"):
        client.write_policy(helper.socket, digest(b""), TEXT)


def test_a_lock_that_stays_is_named(helper: Helper, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(root_policy, "PATIENCE", 0.2)
    (helper.private.parent / "lock" / "proxmox-rebalancing-policy").mkdir(parents=True)
    with pytest.raises(HelperError, match="somebody else is writing it, try again"):
        client.write_policy(helper.socket, digest(b""), TEXT)


def test_where_there_is_no_helper(tmp_path: Path) -> None:
    with pytest.raises(HelperError, match="there is no helper at"):
        client.write_policy(tmp_path / "none", digest(b""), TEXT)


def test_a_round_of_maintenance_is_written_over_the_version_that_was_read_alone(helper: Helper) -> None:
    """Beside the policy, with a lock of its own."""
    first = client.write_round(helper.socket, digest(b""), '{"a": 1}\n')
    file = policy_of(helper).with_name("round.json")
    assert (first, file.read_text()) == (digest(b'{"a": 1}\n'), '{"a": 1}\n')
    with pytest.raises(RoundChanged, match="another host has changed the round"):
        client.write_round(helper.socket, digest(b""), "{}")
    with pytest.raises(HelperError, match="a digest and a round are expected"):
        client.write_round(helper.socket, first, "#" * (65 * 1024))
    with pytest.raises(HelperError, match="there is no helper"):
        client.write_round(Path("/run/none"), first, "{}")
    assert file.read_text() == '{"a": 1}\n'
