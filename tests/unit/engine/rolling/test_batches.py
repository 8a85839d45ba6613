"""Which nodes are serviced together: as many as asked for, where quorum, racks and Ceph allow it."""

from __future__ import annotations

from prs.engine.rolling.batches.batched import Batches, Facts, batched
from prs.pve.read.quorum import Votes

NODES = [f"pve{number}" for number in range(1, 8)]
SEVEN = Facts(Votes(dict.fromkeys(NODES, 1)), NODES)


def groups(found: Batches) -> list[list[str]]:
    return [[*group] for group in found.groups if len(group) > 1]


def test_one_at_once_is_alone() -> None:
    assert batched(NODES, 1, SEVEN) == Batches([[node] for node in NODES], {})


def test_as_many_as_asked_for_in_their_order_and_what_is_left_over() -> None:
    found = batched(NODES, 3, SEVEN)
    assert groups(found) == [["pve1", "pve2", "pve3"], ["pve4", "pve5", "pve6"]]
    assert found.numbers["pve7"] == 0
    assert found.reasons == {}


def test_never_so_many_that_quorum_is_lost() -> None:
    found = batched(NODES, 6, SEVEN)
    assert groups(found) == [["pve1", "pve2", "pve3"], ["pve4", "pve5", "pve6"]]
    assert found.reasons["pve4"] == "without pve1, pve2, pve3, pve4 only 3 of 7 votes are left, too few for a quorum"
    assert set(batched(NODES[:3], 3, Facts(Votes(dict.fromkeys(NODES[:3], 1)), NODES[:3])).numbers.values()) == {0}


def test_who_is_offline_has_no_vote() -> None:
    assert groups(batched(NODES[:4], 3, Facts(SEVEN.votes, NODES[:6]))) == [["pve1", "pve2"], ["pve3", "pve4"]]


def test_daemons_of_ceph_go_alone() -> None:
    found = batched(NODES[:4], 2, Facts(SEVEN.votes, NODES, ceph={"pve2"}))
    assert groups(found) == [["pve3", "pve4"]]
    assert found.reasons == dict.fromkeys(("pve2", "pve3"), "pve2 runs daemons of Ceph, and is serviced alone")


def test_only_nodes_of_one_rack_are_down_at_once() -> None:
    racks = {"pve1": "a", "pve2": "a", "pve3": "b", "pve4": "b"}
    found = batched([*NODES[:3], "pve4", "pve5", "pve6"], 3, Facts(SEVEN.votes, NODES, racks=racks))
    assert groups(found) == [["pve1", "pve2"], ["pve3", "pve4"]]
    assert found.reasons["pve3"] == "pve3 is not in the rack of pve1: only nodes of one rack are down at once"
    assert found.numbers["pve5"] == found.numbers["pve6"] == 0, "a node without a rack may be in any"
