"""Where nodes stand by PVE's own configuration, and the failure domains that follow."""

from __future__ import annotations

from dataclasses import replace

import pytest

from prs.errors import ApiError
from prs.model import Cluster, Node, Policy, Rule
from prs.planner.problem.locations import located, wanted
from prs.pve.read.locations import with_locations
from unit.fakeapi import FakeApi

CLUSTER = Cluster(version="9.2.11", nodes=tuple(Node(name) for name in ("pve1", "pve2", "pve3")), rules=(Rule("db", "apart", (1, 2)),))


def read(version: str = "9.2.11", **answers: object) -> Cluster:
    """The cluster with what these nodes' configurations say."""
    paths = {"options": "/cluster/options"}
    named = dict[str, object]({f"/nodes/{node.name}/config": {} for node in CLUSTER.nodes})
    named["/cluster/options"] = {}
    named |= {paths.get(name, f"/nodes/{name}/config"): data for name, data in answers.items()}
    return with_locations(FakeApi(named), replace(CLUSTER, version=version))


def places(cluster: Cluster) -> list[str]:
    return [node.location for node in cluster.nodes]


def test_a_name_counts_before_coordinates_and_the_node_before_the_datacenter() -> None:
    found = read(
        options={"location": "name=Vienna,latitude=48.2,longitude=16.4"}, pve1={"location": "latitude=48.2082000001,longitude=16.37"},
        pve2={"location": "name=Rack 2,latitude=1,longitude=1"},
    )
    assert places(found) == ["48.2082, 16.37", "Rack 2", "Vienna"]
    assert dict(located(found, Policy()).domains) == {"48.2082, 16.37": ("pve1",), "Rack 2": ("pve2",), "Vienna": ("pve3",)}


@pytest.mark.parametrize("location", ["", "name=", "latitude=x,longitude=1", "latitude=1", 7, None, ["a"]])
def test_what_is_no_location_is_none(location: object) -> None:
    assert places(read(pve1={"location": location})) == ["", "", ""]


def test_older_releases_are_not_asked() -> None:
    api = FakeApi({})
    assert with_locations(api, replace(CLUSTER, version="9.1.12")).nodes == CLUSTER.nodes
    assert with_locations(api, replace(CLUSTER, version="")).nodes == CLUSTER.nodes
    assert api.asked == []


def test_a_node_that_may_not_be_asked_is_named() -> None:
    found = read(options={"location": "name=B,latitude=1,longitude=1"}, pve1={"location": "name=A,latitude=1,longitude=1"},
                 pve2=ApiError(403, "Permission check failed"))
    assert places(found) == ["A", "", "B"]
    assert found.problems == ("The location of pve2 is not known, so it counts as a place of its own: Permission check failed",)


def test_one_place_for_all_nodes_is_no_failure_domain() -> None:
    everywhere = replace(CLUSTER, nodes=tuple(replace(node, location="Vienna") for node in CLUSTER.nodes))
    assert located(everywhere, Policy()).domains == ()
    some = replace(CLUSTER, nodes=(replace(CLUSTER.nodes[0], location="Vienna"), *CLUSTER.nodes[1:]))
    assert located(some, Policy()).domains == (("Vienna", ("pve1",)),)


def test_configured_domains_win_and_locations_are_asked_for_rules_only() -> None:
    own = Policy(domains=(("r1", ("pve1",)),))
    assert located(replace(CLUSTER, nodes=(replace(CLUSTER.nodes[0], location="X"),)), own) is own
    assert wanted(CLUSTER, Policy())
    assert not wanted(CLUSTER, own)
    assert not wanted(replace(CLUSTER, rules=()), Policy())
