"""The ways to the web interface, as `check` tells of them."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from prs.errors import ApiError, Unreachable
from prs.pve.check.web import check_web


class Pve:
    """Gives one answer at /prs/healthz."""

    user, calls = "prs@pve!node", 0

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def get(self, path: str, params: Any = None) -> Any:
        assert path == "/prs/healthz"
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    post = put = delete = get


NONE = ApiError(501, "Method 'GET /prs/healthz' not implemented")
GOOD = {"status": 200, "headers": {}, "answer": {"data": {"alive": True}}}


@pytest.fixture
def port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def told(answer: Any, port: int) -> list[tuple[str, bool | None]]:
    return [(finding.name, finding.ok) for finding in check_web(Pve(answer), "127.0.0.1:8006", port)]


def test_each_way_that_works_is_named(port: int) -> None:
    assert told(GOOD, port) == [("web through PVE", True), ("web", True)]
    assert told(NONE, port) == [("web", True)]
    assert told(GOOD, 0) == [("web through PVE", True)]


def test_a_machine_without_a_web_interface_hears_nothing_of_it() -> None:
    assert told(NONE, 1) == []


@pytest.mark.parametrize(("answer", "port"), [
    (NONE, 0), (ApiError(503, "the rebalancing service on this node does not answer: No such file or directory"), 1),
    (Unreachable("no answer"), 1), ({"status": 504}, 1), ({"version": "9.2"}, 1), (None, 1),
])  # fmt: skip
def test_a_way_that_is_there_and_leads_nowhere_is_a_problem_with_a_remedy(answer: Any, port: int) -> None:
    (finding,) = check_web(Pve(answer), "127.0.0.1:8006", port)
    assert finding.ok is False
    assert finding.remedy
