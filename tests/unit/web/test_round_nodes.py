"""The kernels of the nodes: asked of each node once, however many ask at a time, and told anew after a while."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Lock
from types import SimpleNamespace
from typing import Any

import pytest

from prs.errors import ApiError
from prs.model import Node
from prs.web import cache
from prs.web.routes.round_nodes import FRESH, KnownKernels

NODES = [Node("pve1"), Node("pve2"), Node("pve3", online=False)]


class Pve:
    """Answers once all who ask at a time have begun to."""

    def __init__(self) -> None:
        self.asked, self._lock = list[str](), Lock()

    def get(self, path: str, params: object = None) -> Any:
        with self._lock:
            self.asked.append(path)
        if "pve2" in path:
            raise ApiError(403, "Permission check failed")
        return [{"Package": "proxmox-ve", "RunningKernel": "6.14.8-2-pve"},
                {"Package": "proxmox-kernel-6.14.8-2-pve", "CurrentState": "Installed"}]  # fmt: skip


def test_each_node_is_asked_once_for_all_who_ask_in_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(cache, "time", SimpleNamespace(monotonic=lambda: now))
    known, together = KnownKernels(), Barrier(6)
    pves = {name: Pve() for name in ("a@pve", "b@pve")}
    context: Any = SimpleNamespace(api=lambda who: pves[who.name])

    def ask(name: str) -> list[str]:
        together.wait(120)
        return [one.reboot + one.problem for one in known.of(context, SimpleNamespace(name=name), NODES)]  # type: ignore[arg-type]

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(ask, ["a@pve"] * 5 + ["b@pve"]))
    for _, refused, offline in answers:
        assert refused.startswith("unknown")
        assert offline == "unknownpve3 is offline"
    assert {first for first, _, _ in answers} == {"not-needed"}
    assert sorted(pves["b@pve"].asked) == ["/nodes/pve1/apt/versions", "/nodes/pve2/apt/versions"], "another caller may see less"
    assert len(pves["a@pve"].asked) < 10
    before = len(pves["a@pve"].asked)
    known.of(context, SimpleNamespace(name="a@pve"), NODES)  # type: ignore[arg-type]
    assert len(pves["a@pve"].asked) == before
    now += FRESH + 1
    known.of(context, SimpleNamespace(name="a@pve"), NODES)  # type: ignore[arg-type]
    assert len(pves["a@pve"].asked) == before + 2
