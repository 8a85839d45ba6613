"""A user's changes are counted by the minute, and nobody else waits for it."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from prs.config.load import Settings
from prs.endpoint import Endpoint
from prs.web.access.guard import Guard
from prs.web.access.pace import MOST, Pace
from prs.web.app import create_app
from prs.web.context import Context
from prs.web.inbox.client import Inbox
from prs.web.site import Site


def test_each_user_has_so_many_in_a_minute_and_the_next_minute_anew() -> None:
    now = [3600.0]
    pace = Pace(lambda: now[0])
    assert [pace.excess("eve@pve") for _ in range(MOST + 3)] == [0] * MOST + [1, 2, 3]
    assert pace.excess("root@pam") == 0
    now[0] += 59.5
    assert (pace.excess("eve@pve"), pace.left()) == (4, 1)
    now[0] += 0.5
    assert (pace.excess("eve@pve"), pace.left()) == (0, 60)


class Pve:
    """Accepts every token, and grants nothing."""

    def get(self, path: str, params: object = None) -> Any:
        return {}


def test_a_user_who_asks_for_too_much_is_refused_with_one_line_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """With all tokens together; reading goes on, and so does everybody else."""
    site = Site("pve1", tmp_path / "pve-root-ca.pem", tmp_path, {})
    inbox, guard = Inbox(tmp_path / "inbox"), Guard(frozenset({"localhost"}), 8017)
    context = Context(Settings(tmp_path / "prs.conf", state_dir=tmp_path), Endpoint(("127.0.0.1",)), lambda _: Pve(), guard, site, inbox)  # type: ignore[arg-type,return-value]
    context.pace = Pace(lambda: 3600.0)
    client = create_app(context).test_client()

    def status(user: str, method: str = "POST", path: str = "/api/v1/plans") -> int:
        headers = {"Authorization": f"PVEAPIToken={user}=0123456789", "Host": "localhost"}
        found: int = client.open(path, method=method, headers=headers, data="{").status_code
        return found

    with caplog.at_level(logging.INFO, "prs.audit"):
        assert {status(f"eve@pve!t{number % 2}") for number in range(MOST)} == {415}
        assert {status("eve@pve!t") for _ in range(20)} == {429}
    lines = [record.getMessage() for record in caplog.records if record.name == "prs.audit"]
    assert len(lines) == MOST + 1
    assert lines[-1].endswith("refused with 429")
    assert status("eve@pve!t", "GET", "/api/v1/answers/0") != 429
    assert status("root@pam!t") == 415
