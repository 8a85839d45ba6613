"""How much the web asks of the inbox at a time: who has long dry runs made keeps nobody from planning."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from prs.web.access.login import Login
from prs.web.inbox.client import OTHERS_USER, WAITING_USER, Inbox


class Slow:
    """An inbox whose dry runs end when told to; it notes what has come."""

    def __init__(self, path: Path) -> None:
        self.came, self.first, self.go = list[str](), threading.Event(), threading.Event()
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                link, _ = self.listener.accept()
            except OSError:
                return  # closed
            threading.Thread(target=self._answer, args=(link,), daemon=True).start()

    def _answer(self, link: socket.socket) -> None:
        with link:
            action = json.loads(link.makefile("rb").readline())["action"]
            self.came.append(action)
            self.first.set()
            assert action not in ("preview-round", "policy-view") or self.go.wait(120)
            link.sendall(json.dumps({"value": action}).encode() + b"\n")


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[Slow]:
    found = Slow(tmp_path / "inbox")
    with closing(found.listener):
        yield found
        found.go.set()
        found.listener.shutdown(socket.SHUT_RDWR)


def test_dry_runs_of_rounds_leave_a_place_for_plans(tmp_path: Path, slow: Slow) -> None:
    inbox, users = Inbox(tmp_path / "inbox"), ("a@pve", "b@pve")
    with ThreadPoolExecutor(16) as pool:
        dry = [pool.submit(inbox.ask, "preview-round", Login(user), "192.0.2.7", {}) for user in users for _ in range(WAITING_USER)]
        try:
            assert slow.first.wait(120)
            for user in ("c@pve", "d@pve"):
                assert pool.submit(inbox.ask, "plan", Login(user), "192.0.2.7", {}).result(60) == "plan"
            assert slow.came.count("preview-round") == 1
        finally:
            slow.go.set()
        assert [one.result(120) for one in dry] == ["preview-round"] * len(dry)


def test_one_who_asks_without_end_takes_not_all_processes(tmp_path: Path, slow: Slow) -> None:
    """Who looks at the settings a hundred times at once made others wait for half a minute until their job was cancelled."""
    inbox = Inbox(tmp_path / "inbox")
    with ThreadPoolExecutor(32) as pool:
        looks = [pool.submit(inbox.look_for_caller, "policy-view", "audit@pve") for _ in range(30)]
        try:
            assert slow.first.wait(120)
            assert pool.submit(inbox.ask, "steer", Login("root@pam"), "192.0.2.7", {}).result(60) == "steer"
            assert slow.came.count("policy-view") <= OTHERS_USER
        finally:
            slow.go.set()
        assert [one.result(120) for one in looks] == ["policy-view"] * 30
