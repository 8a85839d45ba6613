"""No field of an answer ends anything, whatever stands in it; `make odd` tries them all."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.odd_fields import DEEDS, Field, Trial, trials, tried
from simcluster.world import Flavour

SHARE = 1000  # of some ten thousand trials for each flavour
MANAGER = ("manager_status", "node_status", "pve3")


@pytest.mark.parametrize("part", range(2))
def test_a_sample_of_odd_values(part: int, ram: Path, flavour: Flavour) -> None:
    found = []
    for number, trial in enumerate(trials(flavour, SHARE, part)):
        (ram / str(number)).mkdir()
        found.append(tried(trial, flavour, ram / str(number)))
    assert len(found) > 4
    assert [words for words in found if words] == []


@pytest.mark.parametrize("deed", DEEDS)
@pytest.mark.parametrize(
    ("path", "kind", "keys", "value", "every"),
    [("/cluster/ha/status/manager_status", "", MANAGER, "surrogate", False), ("/cluster/resources", "qemu", ("[]", "node"), "huge", True),
     ("/cluster/resources", "qemu", ("[]", "type"), "none", False), ("/cluster/resources", "", (), "none", False)],
)  # fmt: skip
def test_what_was_once_found(
    path: str, kind: str, keys: tuple[str, ...], value: str, every: bool, deed: str, ram: Path, flavour: Flavour
) -> None:
    assert tried(Trial(Field(path, kind, keys), value, deed, every, False), flavour, ram) == ""
