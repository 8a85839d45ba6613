"""Who schedules: exactly one of the nodes whose service is alive and has an account."""

from __future__ import annotations

import itertools

import pytest

from prs.engine.daemon.leader import leader
from prs.model import Node

NODES = tuple(Node(f"pve{number}", online=number != 4, id=number) for number in (1, 2, 3, 4))
NAMES = [node.name for node in NODES if node.online]


@pytest.mark.parametrize("master", ["", "pve1", "pve2", "pve3", "pve4"])
def test_one_of_those_that_are_alive_leads(master: str) -> None:
    for count in range(1, 4):
        for alive in itertools.combinations(NAMES, count):
            leaders = [name for name in alive if leader(name, master, NODES, alive)[0] == name]
            assert leaders == ([master] if master in alive else [alive[0]])


def test_without_signs_of_life_all_nodes_come_into_question() -> None:
    assert [name for name in NAMES if leader(name, "", NODES)[0] == name] == ["pve1"]
    assert [name for name in NAMES if leader(name, "pve3", NODES)[0] == name] == ["pve3"]
    assert leader("outside", "pve3", NODES) == ("outside", "outside is not a node of the cluster")


def test_the_words_say_among_whom() -> None:
    assert leader("pve3", "pve1", NODES, ["pve2", "pve3"]) == (
        "pve2", "pve2 is the online node with the lowest id among those whose service is alive",
    )  # fmt: skip
