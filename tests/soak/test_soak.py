"""Fifty seeds of the soak on each release; `python -m soak --seeds 1000` plays more. And what it looks for, it finds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from prs.engine.execution import under_way
from prs.engine.execution.sight import Sight
from prs.engine.journal.journal import Journal
from prs.pve.act import migration
from simcluster.world import Flavour
from soak.run import FLAVOURS, play


@pytest.mark.parametrize("seed", range(50))
def test_seed(seed: int, flavour: Flavour) -> None:
    """No promise is broken."""
    breaches, log = play(seed, flavour)
    assert not breaches, "\n".join([*breaches, *log])


def found(words: str) -> bool:
    """Whether one of the first twenty seeds breaks a promise in these words; the seeds behind it are not played."""
    return any(words in text for seed in range(20) for text in play(seed, FLAVOURS[seed % 2])[0])


def test_a_lie_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that believes the end of a task, without a look at the guest, is caught."""

    def gullible(*_: Any) -> dict[str, Any]:
        return {"state": "done", "message": ""}

    monkeypatch.setattr(under_way, "advance", gullible)
    assert found("is done (), but the guest is on")


def test_an_empty_node_that_is_not_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that forgets the guests which its account does not see is caught."""
    monkeypatch.setattr(Sight, "hidden", lambda *_: [])
    assert found("is done, but")


def test_a_second_migration_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that sends every request twice is caught."""
    start: Callable[..., str] = migration.start

    def twice(*args: Any) -> str:
        start(*args)
        return start(*args)

    monkeypatch.setattr(migration, "start", twice)
    assert found("migrations were started by us for")


def test_a_job_without_end_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A journal that forgets the end of jobs is caught."""
    update = Journal.update_job

    def forgetful(self: Journal, job_id: str, **changes: Any) -> None:
        if "ended" not in changes:
            update(self, job_id, **changes)

    monkeypatch.setattr(Journal, "update_job", forgetful)
    monkeypatch.setattr("soak.run.LIMIT", 900.0)
    assert found("has no end: running")
