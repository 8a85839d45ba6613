"""The helper gives the account of all nodes to the service's user only, and tells the other nodes who is alive."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from prs.errors import HelperError
from prs.helper import client, root

SECRET = "[proxmox]\napi_token: prs@pve!cluster=s\u00e9cret\n"


class Helper:
    """The helper's own code behind a socket; `uid` is the only user that may ask."""

    def __init__(self, folder: Path) -> None:
        self.socket, self.pve, self.uid = folder / "helper.sock", folder / "pve", os.getuid()
        self.private = folder / "priv"  # the client, as root in this test, would read it itself if it were where it knows it
        for path in (self.pve / "nodes" / "pve1", self.private):
            path.mkdir(parents=True)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.socket))
        self._listener.listen()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        holds, signs = self.pve / "proxmox-rebalancing-service", self.pve / client.SIGNS
        places = root.Places(self.pve / "nodes", "false", holds, self.private, signs, "pve1")
        with suppress(OSError):  # closed at the end of the test
            while True:
                connection, _ = self._listener.accept()
                with connection:
                    connection.sendall(root.serve(connection, self.uid, places).encode() + b"\n")

    def close(self) -> None:
        """End it."""
        self._listener.close()


@pytest.fixture
def helper(tmp_path: Path) -> Iterator[Helper]:
    found = Helper(tmp_path)
    yield found
    found.close()


def test_the_account_of_this_node_or_the_common_one(helper: Helper) -> None:
    assert client.account("pve1", helper.pve, helper.socket) == ""
    (helper.private / "account.conf").write_text("common")
    assert client.account("pve1", helper.pve, helper.socket) == "common"
    (helper.private / "pve1.conf").write_text(SECRET)
    assert client.account("pve1", helper.pve, helper.socket) == SECRET


def test_nobody_else_gets_it(helper: Helper) -> None:
    helper.uid = os.getuid() + 1
    (helper.private / "pve1.conf").write_text(SECRET)
    with pytest.raises(HelperError, match=r"may not ask|does not answer"):
        client.account("pve1", helper.pve, helper.socket)


def test_where_there_is_no_helper_or_no_node(tmp_path: Path) -> None:
    assert client.account("pve1", tmp_path / "none", tmp_path / "helper.sock") == ""
    (tmp_path / "pve").mkdir()
    assert client.account("pve1", tmp_path / "pve", tmp_path / "helper.sock") == ""


def test_signs_of_life(helper: Helper) -> None:
    now = time.time()
    assert client.alive_nodes(helper.pve, now) == frozenset()
    client.tell_alive(helper.socket, True)
    assert client.alive_nodes(helper.pve, now) == {"pve1"}
    assert client.alive_nodes(helper.pve, now + client.ALIVE + 60) == frozenset()
    client.tell_alive(helper.socket, False)
    assert client.alive_nodes(helper.pve, now) == frozenset()
