"""Random rolling runs keep what they have to, and the soak notices one that does not."""

from __future__ import annotations

import pytest

from prs.engine.execution.rides import Rides
from prs.engine.rolling import noout
from soak.rounds import play_round
from soak.run import FLAVOURS
from soak.service_rounds import play_service_round


def broken() -> list[str]:
    """The first breaches among some seeds."""
    return next((breaches for seed in range(12) if (breaches := play_round(seed, FLAVOURS[seed % 2])[0])), [])


def test_a_few_rounds() -> None:
    for seed in range(3):
        breaches, log = play_round(seed, FLAVOURS[seed % 2])
        assert not breaches, (breaches, log)


def test_rounds_of_the_services_that_were_broken_once() -> None:
    """Without quorum the HA manager was slow to take a node back, and its hold stayed; of two nodes that stayed away one was named."""
    for seed in (31109, 31149):
        breaches, log = play_service_round(seed, "9")
        assert not breaches, (breaches, log)


def test_a_guest_that_is_not_started_again_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Rides, "start", lambda self, job_id, places: "")
    assert any("count as shut down" in words for words in broken())


def test_a_flag_that_is_left_behind_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(noout, "take_back", lambda api, journal: "")
    monkeypatch.setattr(noout, "surely_taken_back", lambda api, journal, clock: "")
    assert "the flag noout was left behind" in broken()
