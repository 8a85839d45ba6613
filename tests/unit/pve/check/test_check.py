"""What a check tells about the cluster, and what to do about each."""

from __future__ import annotations

import pytest

from prs.errors import Unreachable
from prs.pve.check.cluster import check_cluster
from prs.pve.check.findings import Finding
from prs.pve.read.permissions import granted
from prs.pve.read.values import Row
from simcluster import InProcessApi
from simcluster.ha_rules import Resource
from simcluster.scenes import small
from simcluster.world import Flavour, World
from unit.fakeapi import FakeApi


def look(world: World, user: str = "prs@pve!daemon") -> dict[str, list[Finding]]:
    found: dict[str, list[Finding]] = {}
    for finding in check_cluster(InProcessApi(world, user)):
        found.setdefault(finding.name, []).append(finding)
    return found


@pytest.mark.parametrize("flavour", ["8", "9"])
def test_a_cluster_in_good_order_gives_nothing_to_do(flavour: Flavour) -> None:
    world = small(flavour)
    found = look(world)
    assert [finding.name for findings in found.values() for finding in findings] == [
        "privileges", "quorum", "storages", "versions", "HA", "auto-rebalance", "rolling maintenance"
    ]  # fmt: skip
    assert all(finding.ok and not finding.remedy for findings in found.values() for finding in findings)
    assert found["storages"][0].text == "shared by all nodes: ceph, nfs-iso; local for guests: local-zfs"
    assert not world.schema_errors


def test_missing_privileges_are_named_with_their_purpose_and_the_command_that_grants_them() -> None:
    found = look(small(), "audit@pve")["privileges"][0]
    assert (found.ok, found.text) == (False, "VM.Migrate on /vms is missing, needed to migrate guests")
    assert "pveum acl modify /vms --users 'audit@pve' --roles PRS" in found.remedy


def test_what_maps_of_storages_need_is_missed_only_where_there_are_some() -> None:
    world = small()
    world.access.roles["PRS"] -= {"Datastore.AllocateSpace", "VM.Config.Disk"}
    api = InProcessApi(world, "prs@pve!daemon")
    assert check_cluster(api)[0].ok
    found = check_cluster(api, maps=True)[0]
    assert found.ok is False
    assert "VM.Config.Disk on /vms is missing" in found.text
    assert "Datastore.AllocateSpace on /storage is missing" in found.text
    assert "Datastore.AllocateSpace" in found.remedy


def test_a_token_needs_its_user_to_hold_the_rights_too() -> None:
    world = small()
    world.access.grants = [grant for grant in world.access.grants if grant.who != "prs@pve!daemon"]
    found = look(world)["privileges"][0]
    assert found.ok is False
    assert "--tokens 'prs@pve!daemon'" in found.remedy
    assert "--users 'prs@pve'" in found.remedy


@pytest.mark.parametrize(
    ("held", "expected"),
    [
        ({"/vms": {"VM.Migrate": 0}}, True),
        ({"/vms": {"VM.Migrate": 1}}, True),
        ({"/": {"VM.Migrate": 1}}, True),
        ({"/": {"VM.Migrate": 0}}, False),
        ({"/vms/100": {"VM.Migrate": 1}}, False),
        ({}, False),
    ],
)
def test_a_key_is_a_grant_and_its_value_says_whether_it_is_inherited(held: Row, expected: bool) -> None:
    assert granted(held, "/vms", "VM.Migrate") is expected


def test_without_quorum() -> None:
    world = small()
    world.life.quorum(False)
    found = look(world)["quorum"][0]
    assert (found.ok, found.text) == (False, "cluster lab has no quorum")


def test_an_offline_node_and_an_inactive_storage() -> None:
    world = small()
    world.storages["local-zfs"].inactive = ("pve2",)
    world.life.kill("pve3")
    world.clock.sleep(60)
    found = look(world)
    assert [finding.text for finding in found["nodes"]] == ["offline: pve3"]
    assert found["storages"][0].text == "inactive: local-zfs on pve2"
    assert found["storages"][0].ok is False


def test_a_shared_storage_that_some_nodes_lack() -> None:
    world = small()
    world.storages["ceph"].nodes = ("pve1", "pve2")
    found = look(world)["storages"][0]
    assert (found.ok, found.text) == (
        None, "shared by all nodes: nfs-iso; ceph only on pve1, pve2; local for guests: local-zfs"
    )  # fmt: skip


def test_mixed_versions() -> None:
    world = small()
    world.nodes["pve2"].version = "9.2.14"
    assert look(world)["versions"][0].ok is True
    world.nodes["pve3"].version = "9.1.9"
    found = look(world)["versions"][0]
    assert found.ok is False
    assert found.text == "the nodes run different releases of PVE: 9.1.9 on pve3; 9.2.11 on pve1; 9.2.14 on pve2"


def test_ha_states() -> None:
    world = small()
    world.ha.add(Resource("vm:101"))
    world.clock.sleep(60)
    assert look(world)["HA"][0].ok is True
    assert "is the HA manager's master" in look(world)["HA"][0].text
    world.ha_maintenance("pve2", True)
    world.clock.sleep(30)
    assert look(world)["HA"][0].text == "pve2 is in maintenance mode: nothing is moved there"


def test_services_in_error_and_nodes_being_fenced() -> None:
    status = {
        "manager_status": {"node_status": {"n1": "fence"}, "service_status": {"vm:7": {"state": "error"}, "vm:8": {"state": "started"}}}
    }
    found = [finding for finding in check_cluster(FakeApi({"/cluster/ha/status/manager_status": status})) if finding.name == "HA"]
    assert [(finding.ok, finding.text) for finding in found] == [(False, "in error state: vm:7"), (False, "n1 is being fenced")]


def test_pves_own_auto_rebalance_is_told_and_what_is_hidden_is_not_denied() -> None:
    world = small()
    world.options["crs"] = {"ha": "dynamic", "ha-auto-rebalance": 1}
    words = "PVE's own auto-rebalance is on: guests managed by HA are left to it, but for those excluded from it in HA > Resources"
    assert look(world)["auto-rebalance"][0].text == words
    assert look(world, "pool@pve")["auto-rebalance"][0].ok is None


def test_whether_nodes_may_be_rebooted_is_told_before_anybody_tries() -> None:
    words = "Sys.PowerMgmt on /nodes is missing, so drain --reboot is not possible; setup --reboot grants it to the account of setup"
    assert look(small())["rolling maintenance"] == [Finding("rolling maintenance", True, words)]
    assert look(small(), "root@pam")["rolling maintenance"][0].text == "root@pam may reboot nodes (drain --reboot)"


def test_a_single_node_has_nowhere_to_migrate_to() -> None:
    found = [
        one for one in check_cluster(FakeApi({"/cluster/status": [{"type": "node", "name": "n1", "online": 1}]})) if one.name == "quorum"
    ]
    assert (found[0].ok, found[0].text) == (False, "this is a single node and no cluster: there is nowhere to migrate to")


def test_what_cannot_be_read_is_said() -> None:
    found = check_cluster(FakeApi({"/cluster/status": Unreachable("596 Connection timed out")}))
    assert Finding("quorum", None, "cannot be read: 596 Connection timed out") in found
    assert all(finding.ok is None for finding in found)
