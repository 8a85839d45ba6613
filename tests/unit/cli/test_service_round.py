"""The command beside a round of the services: it begins one, shows it, stops it, and leaves another one alone."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from prs.cli import exits
from prs.cli.rolling_view import round_text
from prs.cli.verbs import service_round
from prs.codec import to_json
from prs.config.load import Settings
from prs.engine.rolling.batches.batched import Batches
from prs.engine.rolling.shared_round import SharedRound
from prs.engine.rolling.stages import Round, RoundOptions, begin, broken_off, passed, waits
from prs.errors import PlanError, RoundChanged, RoundUnknown
from prs.model import Policy
from prs.terminal import Style


@pytest.fixture
def shared(tmp_path: Path) -> SharedRound:
    (tmp_path / "nodes").mkdir()
    file = tmp_path / "round.json"

    def write(version: str, text: str) -> str:
        if hashlib.sha256(file.read_bytes() if file.exists() else b"").hexdigest() != version:
            raise RoundChanged("another host was faster")
        file.write_text(text)
        return hashlib.sha256(text.encode()).hexdigest()

    return SharedRound(tmp_path, tmp_path / "nodes", write)


def worker(said: list[str], pressed: int = 0) -> Any:
    interrupts = SimpleNamespace(count=pressed, hung_up=False)
    return SimpleNamespace(say=said.append, interrupts=interrupts, api=SimpleNamespace(user="root@pam"))


def call(said: list[str]) -> Any:
    return SimpleNamespace(json=False, style=Style(), note=lambda *words: None, print=said.append)


def one() -> Round:
    return begin("0123456789ab", "root@pam", ("pve1", "pve2"), Policy(), RoundOptions(), "pve3", 100.0)


def test_it_begins_a_round_and_leaves_it_to_the_services(shared: SharedRound, tmp_path: Path) -> None:
    said = list[str]()
    batches = Batches([["pve1", "pve2"], ["pve3"]], {})
    code = service_round.act(call(said), Settings(tmp_path / "prs.conf"), worker(said, 2), batches, shared)
    found = shared.read()
    assert found is not None
    assert (code, found.open, [visit.node for visit in found.turns]) == (exits.CANCELLED, True, ["pve1", "pve2", "pve3"])
    assert [visit.batch for visit in found.turns] == [1, 1, 0]
    assert "pve1 waiting\n" in said
    with pytest.raises(PlanError, match="is under way already"):
        service_round.act(call(said), Settings(tmp_path / "prs.conf"), worker(said, 2), Batches([["pve1"]], {}), shared)


def test_ctrl_c_stops_it_also_when_the_carrier_writes_at_the_same_time(shared: SharedRound, monkeypatch: pytest.MonkeyPatch) -> None:
    shared.read()
    shared.put(one())
    real, busy = shared.put, [1]

    def put(found: Round) -> Round:
        if busy:
            busy.pop()
            raise RoundChanged("another host was faster")
        return real(found)

    monkeypatch.setattr(shared, "put", put)
    service_round._stop(shared)
    found = shared.read()
    assert found is not None
    assert found.request == "stop"


def test_a_round_is_shown_with_the_reason_of_each_node() -> None:
    text = round_text(waits(passed(one(), 1.0), "guests are being migrated (108)", 900.0), Style())
    assert "Round 0123456789ab of rolling maintenance: running, carried by pve3" in text
    assert "draining" in text
    assert "guests are being migrated (108)" in text
    failed = replace(broken_off(one(), "no room", 5.0))
    assert "pve1: no room" in round_text(failed, Style())


UNTRUE: dict[str, Callable[[Round], Round]] = {
    "two turns of a node": lambda one: replace(one, turns=one.turns * 2),
    "no turn": lambda one: replace(one, turns=()),
    "a node of any name": lambda one: replace(one, turns=(replace(one.turns[0], node="../pve1"),)),
    "a host of any name": lambda one: replace(one, turns=(replace(one.turns[0], host="call 0800"),)),
    "a holder of any name": lambda one: replace(one, holder="\x1b[2J"),
    "an id of any form": lambda one: replace(one, id="x"),
    "a job of any form": lambda one: replace(one, turns=(replace(one.turns[0], job="x" * 12),)),
    "a moment that no clock shows": lambda one: replace(one, created=9e15),
    "a moment before 1970": lambda one: replace(one, turns=(replace(one.turns[0], until=-1.0),)),
}


@pytest.mark.parametrize("spoil", UNTRUE.values(), ids=UNTRUE)
def test_a_round_that_cannot_be_true_is_carried_and_shown_by_nobody(
    shared: SharedRound, tmp_path: Path, spoil: Callable[[Round], Round],
) -> None:  # fmt: skip
    """A service on another node that is no longer itself may have written it."""
    good = one()
    (tmp_path / "round.json").write_text(json.dumps(to_json(good)))
    assert shared.read() == good
    (tmp_path / "round.json").write_text(json.dumps(to_json(spoil(good))))
    with pytest.raises(RoundUnknown, match="cannot be understood"):
        shared.read()


def test_what_cannot_be_understood_is_no_round(shared: SharedRound, tmp_path: Path) -> None:
    """It is said, and nothing is concluded: neither that there is none, nor what it might be."""
    assert shared.read() is None
    (tmp_path / "round.json").write_text('{"id": 7}')
    with pytest.raises(RoundUnknown, match="cannot be understood"):
        shared.read()
    assert not shared.ended, "a round may be under way"
    (tmp_path / "round.json").write_text(json.dumps({**to_json(one()), "state": "done", "colour": "red"}))
    with pytest.raises(RoundUnknown, match="is of a newer version of the service"):
        shared.read()
    assert shared.ended
    (tmp_path / "round.json").unlink()
    (tmp_path / "nodes").rmdir()
    with pytest.raises(RoundUnknown, match="is not there"):
        shared.read()
