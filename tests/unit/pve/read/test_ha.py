"""HA as the planner needs it, from both generations of PVE."""

from __future__ import annotations

import pytest

from prs.model import Rule
from prs.pve.read import ha
from prs.pve.read.values import Row


def test_rules_of_pve_9() -> None:
    found = ha.rules(
        [
            {"rule": "spread-dbs", "type": "resource-affinity", "affinity": "negative", "resources": "vm:101,vm:103", "order": 1},
            {"rule": "app", "type": "resource-affinity", "affinity": "positive", "resources": "vm:110,ct:109"},
            {"rule": "gpu", "type": "node-affinity", "resources": "vm:200", "nodes": "pve1:2,pve2", "strict": 1},
            {"rule": "away", "type": "node-affinity", "resources": "vm:201", "nodes": "pve3", "affinity": "negative"},
            {"rule": "off", "type": "resource-affinity", "affinity": "negative", "resources": "vm:1,vm:2", "disable": 1},
            {"rule": "broken", "type": "node-affinity", "resources": "vm:1", "nodes": "gone", "errors": {"nodes": ["no such node"]}},
            {"rule": "later", "type": "something-new", "resources": "vm:1"},
        ]
    )
    assert found == (
        Rule("app", "together", (109, 110)),
        Rule("away", "nodes", (201,), (("pve3", 0),), strict=False, avoid=True),
        Rule("gpu", "nodes", (200,), (("pve1", 2), ("pve2", 0)), strict=True),
        Rule("spread-dbs", "apart", (101, 103)),
    )


def test_groups_of_pve_8() -> None:
    groups: list[Row] = [
        {"group": "fast", "nodes": "pve1:2,pve2:1", "restricted": 1}, {"group": "unused", "nodes": "pve3"},
        {"group": "soft", "nodes": "pve3"},
    ]  # fmt: skip
    resources: list[Row] = [
        {"sid": "vm:102", "group": "fast", "state": "started"}, {"sid": "ct:101", "group": "fast", "state": "stopped"},
        {"sid": "vm:103", "state": "started"}, {"sid": "vm:104", "group": "soft"}, {"sid": "vm:105", "group": "soft", "state": "ignored"},
    ]  # fmt: skip
    assert ha.groups(groups, resources) == (
        Rule("fast", "nodes", (101, 102), (("pve1", 2), ("pve2", 1)), strict=True, source="HA group"),
        Rule("soft", "nodes", (104,), (("pve3", 0),), strict=False, source="HA group"),
    )


def test_what_the_resources_say_of_moves() -> None:
    """PVE 9 has both flags at the resource, absent ones are on; on PVE 8 failback is the group's."""
    resources: list[Row] = [
        {"sid": "vm:101", "failback": 0, "auto-rebalance": 1}, {"sid": "ct:102", "failback": 1, "auto-rebalance": 0}, {"sid": "vm:103"},
    ]  # fmt: skip
    assert ha.managed(resources) == {101: ha.Managed(True, False), 102: ha.Managed(False, True), 103: ha.Managed(True, True)}
    old: list[Row] = [{"sid": "vm:104", "group": "stay"}, {"sid": "vm:105", "group": "back"}, {"sid": "vm:106"}]
    groups: list[Row] = [{"group": "stay", "nodes": "pve1", "nofailback": 1}, {"group": "back", "nodes": "pve1"}]
    found = ha.managed(old, groups)
    assert {vmid: one.failback for vmid, one in found.items()} == {104: False, 105: True, 106: True}


@pytest.mark.parametrize(
    ("crs", "on"),
    [
        ({"ha": "static", "ha-auto-rebalance": 1}, True),
        ("ha=dynamic,ha-auto-rebalance=1", True),
        ({"ha": "basic", "ha-auto-rebalance": 1}, False),
        ({"ha-auto-rebalance": 1}, False),
        ({"ha": "static"}, False),
        (None, False),
    ],
)
def test_auto_rebalance_works_with_static_or_dynamic_only(crs: object, on: bool) -> None:
    assert ha.auto_rebalance({"crs": crs} if crs else {}) is on


def test_a_requested_maintenance_counts_before_it_has_begun() -> None:
    found = ha.manager(
        {
            "manager_status": {
                "master_node": "pve2", "node_status": {"pve1": "online", "pve2": "online", "pve3": "fence"},
                "node_request": {"pve1": {"maintenance": 1}, "pve2": {}, "pve3": {"maintenance": 1}},
                "disarm": {"mode": "ignore", "state": "disarmed"},
            }
        }
    )  # fmt: skip
    assert found == ha.Manager("pve2", (("pve1", "maintenance"), ("pve2", "online"), ("pve3", "fence")), "ignore")


def test_an_idle_manager_says_nothing() -> None:
    assert ha.manager({"manager_status": {}, "quorum": {"node": "pve1", "quorate": 1}}) == ha.Manager()


def test_rules_bind_only_what_ha_manages() -> None:
    """A resource that is ignored leaves its rule, and a rule with nobody left to bind says nothing."""
    apart, nodes = Rule("apart", "apart", (100, 101)), Rule("nodes", "nodes", (100, 101), (("pve1", 0),))
    assert ha.binding([apart, nodes], ()) == (apart, nodes)
    assert ha.binding([apart, nodes], {101}) == (Rule("nodes", "nodes", (100,), (("pve1", 0),)),)
    assert ha.binding([nodes], {100, 101}) == ()
