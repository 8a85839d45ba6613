"""What the simulated cluster shows: lists, lagging and missing metrics, history, storages, tasks; PVE 8 beside PVE 9."""

from __future__ import annotations

from typing import Any

import pytest
from fakepve import schema

from prs.errors import ApiError, Unreachable
from simcluster import InProcessApi, World
from simcluster.ha_rules import Group, Resource, Rule
from simcluster.nouns import GiB
from simcluster.scenes import from_json, local, small
from simcluster.world import Flavour


def resource(world: World, name: str, user: str = "root@pam") -> dict[str, Any]:
    """One entry of /cluster/resources by its id."""
    rows = InProcessApi(world, user).get("/cluster/resources")
    found: dict[str, Any] = next(row for row in rows if row["id"] == name)
    return found


def test_the_small_lab_is_a_lab() -> None:
    """86, 52 and 21 % of memory, a dozen running guests, a stopped one, a template, containers."""
    world = small()
    nodes = InProcessApi(world).get("/cluster/resources", {"type": "node"})
    assert [round(100 * row["mem"] / row["maxmem"]) for row in nodes] == [86, 52, 21]
    guests = InProcessApi(world).get("/cluster/resources", {"type": "vm"})
    assert [row["vmid"] for row in guests] == [*range(101, 114), 900]
    assert sum(row["status"] == "running" for row in guests) == 12
    assert [row["name"] for row in guests if row["type"] == "lxc"] == ["dns1", "proxy"]
    assert [row["vmid"] for row in guests if row["template"]] == [900]


def test_figures_lag_behind_until_the_next_report() -> None:
    """After a move `node` changes at once, memory and cpu only with pvestatd's next round, and the first report says cpu 0."""
    world = small()
    world.clock.sleep(21)
    before = resource(world, "node/pve1")["mem"]
    world.place(world.guests[102], "pve3")
    row = resource(world, "qemu/102")
    assert (row["node"], row["cpu"], row["uptime"] > 400000) == ("pve3", 0.35, True)
    assert resource(world, "node/pve1")["mem"] == before
    world.clock.sleep(9)
    row = resource(world, "qemu/102")
    assert (row["cpu"], row["uptime"]) == (0, 9)
    assert resource(world, "node/pve1")["mem"] == before - int(5.5 * GiB)
    world.clock.sleep(10)
    assert resource(world, "qemu/102")["cpu"] == 0.35


def test_a_dead_node_looks_alive_for_seconds_and_its_guests_for_minutes() -> None:
    """Offline after 5 s without figures; its guests say running for five minutes, then unknown without any figure."""
    world = small()
    world.life.kill("pve3")
    assert resource(world, "node/pve3")["status"] == "online"
    world.clock.sleep(6)
    row = resource(world, "node/pve3")
    assert (row["status"], "mem" in row) == ("offline", False)
    assert resource(world, "qemu/111")["status"] == "running"
    world.clock.sleep(300)
    row = resource(world, "qemu/111")
    assert (row["status"], "mem" in row, "maxmem" in row, "name" in row) == ("unknown", False, False, False)
    assert resource(world, "storage/pve3/ceph")["status"] == "unknown"


def test_a_silent_node_freezes_and_becomes_unknown() -> None:
    """Its figures stand still however its guests change, and are gone after five minutes; reports bring them back."""
    world = small()
    world.life.silence("pve2")
    world.life.load(107, memory=15 * GiB)
    world.clock.sleep(290)
    assert resource(world, "qemu/107")["mem"] == int(13.3 * GiB)
    world.clock.sleep(20)
    row = resource(world, "node/pve2")
    assert (row["status"], "cpu" in row, resource(world, "qemu/107")["status"]) == ("unknown", False, "unknown")
    world.life.speak("pve2")
    assert resource(world, "qemu/107")["mem"] == 15 * GiB
    assert resource(world, "node/pve2")["status"] == "online"


def test_history_averages_what_changed() -> None:
    """A guest that doubled its memory half a minute into a row shows the mean there, old values before, new ones after."""
    guest = {"node": "a", "memory": 4, "cpu": 1, "cores": 4, "max": 16}
    world = from_json({"nodes": {"a": {"memory": 64, "host": 2}}, "guests": {"100": guest}})
    world.clock.advance(world.clock.start // 60 * 60 + 90)
    world.life.load(100, memory=8 * GiB, cpu=3.0)
    world.clock.sleep(150)
    rows = InProcessApi(world).get("/nodes/a/qemu/100/rrddata", {"timeframe": "hour"})
    assert [row["mem"] / GiB for row in rows[-4:]] == pytest.approx([4.0, 6.0, 8.0, 8.0])
    assert [row["cpu"] for row in rows[-4:]] == pytest.approx([0.25, 0.5, 0.75, 0.75])
    assert [row["time"] % 60 for row in rows] == [0] * 60
    nodes = InProcessApi(world).get("/nodes/a/rrddata", {"timeframe": "hour"})
    assert [row["memused"] / GiB for row in nodes[-4:]] == pytest.approx([6.0, 8.0, 10.0, 10.0])


def test_history_has_holes_while_a_node_is_down_and_any_node_tells_it() -> None:
    """Rows without keys, not zeros; asking for a dead node's history works."""
    world = small()
    world.clock.sleep(600)
    world.life.kill("pve3")
    world.clock.sleep(180)
    rows = InProcessApi(world).get("/nodes/pve3/rrddata", {"timeframe": "hour"})
    assert set(rows[-1]) == {"time"}
    assert "memused" in rows[-10]
    world.life.revive("pve3")
    world.clock.sleep(300)
    for path in ("/nodes/pve3/rrddata", "/nodes/pve3/qemu/111/rrddata"):
        rows = InProcessApi(world).get(path, {"timeframe": "hour"})
        assert [len(row) > 1 for row in rows[-10:]] == [True] * 2 + [False] * 4 + [True] * 4


@pytest.mark.parametrize(("flavour", "step"), [("8", 1800), ("9", 60)])
def test_a_day_of_history_is_coarser_on_pve_8(flavour: Flavour, step: int) -> None:
    """30 minutes against one."""
    rows = InProcessApi(small(flavour)).get("/nodes/pve1/rrddata", {"timeframe": "day"})
    assert rows[1]["time"] - rows[0]["time"] == step


def test_pve_8_lacks_what_came_later() -> None:
    """No memhost, no container preconditions, no rules, no conntrack; groups instead of rules."""
    world, api = small("8"), InProcessApi(small("8"))
    assert "memhost" not in resource(world, "qemu/101")
    for path in ("/nodes/pve2/lxc/110/migrate", "/cluster/ha/rules"):
        with pytest.raises(ApiError) as refusal:
            api.get(path)
        assert refusal.value.status == 501
    with pytest.raises(ApiError) as refusal:
        api.post("/nodes/pve1/qemu/102/migrate", {"target": "pve2", "online": 1, "with-conntrack-state": 1})
    assert list(refusal.value.errors) == ["with-conntrack-state"]
    assert api.get("/cluster/ha/groups") == []
    assert api.get("/version")["release"] == "8.4"
    assert "has-dbus-vmstate" not in api.get("/nodes/pve1/qemu/102/migrate")


def test_pve_9_has_rules_and_no_groups() -> None:
    """And the container's preconditions, with hyphens."""
    api = InProcessApi(small())
    with pytest.raises(ApiError, match="cannot index groups: ha groups have been migrated to rules"):
        api.get("/cluster/ha/groups")
    assert api.get("/cluster/ha/rules") == []
    assert api.get("/nodes/pve2/lxc/110/migrate")["allowed-nodes"] == ["pve1", "pve3"]


def test_local_storage_counts_per_node_and_shared_storage_once() -> None:
    """Every node sees the same totals of a shared one."""
    world = local()
    rows = {row["id"]: row for row in InProcessApi(world).get("/cluster/resources", {"type": "storage"})}
    assert rows["storage/pve3/local-zfs"]["disk"] == (20 + 40 + 8 + 10) * GiB
    assert rows["storage/pve1/ceph"]["disk"] == rows["storage/pve2/ceph"]["disk"] == 400 * GiB
    listed = InProcessApi(world).get("/nodes/pve2/storage/local-zfs/content", {"content": "images"})
    assert {(row["volid"], row["size"]) for row in listed if row["vmid"] == 109} == {
        ("local-zfs:vm-109-disk-0", 32 * GiB), ("local-zfs:vm-109-disk-1", 80 * GiB),
    }  # fmt: skip
    status = InProcessApi(world).get("/nodes/pve3/storage", {"storage": "local-zfs"})
    assert (status[0]["used"], status[0]["avail"]) == (78 * GiB, (900 - 78) * GiB)


def test_the_configuration_tells_disks_and_changes_its_digest() -> None:
    """Memory is a string for VMs, sizes are in G, a lock shows."""
    world, api = small(), InProcessApi(small())
    config = api.get("/nodes/pve1/qemu/106/config")
    assert (config["memory"], config["scsi0"]) == ("8192", "local-zfs:vm-106-disk-0,size=60G")
    world.guests[106].lock = "backup"
    other = InProcessApi(world).get("/nodes/pve1/qemu/106/config")
    assert (other["lock"], other["digest"] == config["digest"]) == ("backup", False)


def test_trouble_with_other_nodes_has_pves_status() -> None:
    """A dead node costs 3 s and 595, a hanging one 30 s and 596, an unknown one is a 500; lists go on working."""
    world = small()
    world.life.kill("pve3")
    world.nodes["pve2"].api = "hangs"
    api, begun = InProcessApi(world), world.clock.time()
    with pytest.raises(Unreachable, match="595 No route to host"):
        api.get("/nodes/pve3/status")
    assert world.clock.time() - begun == 3.0
    with pytest.raises(Unreachable, match="596 Connection timed out"):
        api.get("/nodes/pve2/qemu/107/status/current")
    assert world.clock.time() - begun == 33.0
    with pytest.raises(ApiError, match="hostname lookup 'pve9' failed"):
        api.get("/nodes/pve9/status")
    assert len(api.get("/nodes")) == 3


def test_a_node_reboots() -> None:
    """Root may tell it to; it is gone for a minute and a half, and guests that start at boot are back with it."""
    world = small()
    world.guests[111].config["onboot"] = 1
    with pytest.raises(ApiError, match=r"\(/nodes/pve3, Sys.PowerMgmt\)"):
        InProcessApi(world, "prs@pve!daemon").post("/nodes/pve3/status", {"command": "reboot"})
    assert InProcessApi(world).post("/nodes/pve3/status", {"command": "reboot"}) is None
    assert resource(world, "node/pve3")["status"] == "online"
    world.clock.sleep(60)
    assert resource(world, "node/pve3")["status"] == "offline"
    world.clock.sleep(60)
    assert [world.guests[vmid].status for vmid in (111, 112)] == ["running", "stopped"]
    assert resource(world, "node/pve3")["uptime"] == 10


def test_ceph_is_told_only_where_it_runs() -> None:
    """Otherwise its binary is missing."""
    world = small()
    with pytest.raises(ApiError, match="binary not installed"):
        InProcessApi(world).get("/cluster/ceph/status")
    world.ceph = "HEALTH_WARN"
    assert InProcessApi(world).get("/cluster/ceph/status")["health"]["status"] == "HEALTH_WARN"


def test_the_host_asked_may_be_down_itself() -> None:
    """A fixed host that is down does not answer; whichever is up does, until none is left."""
    world = small()
    world.life.kill("pve1")
    with pytest.raises(Unreachable, match="pve1 does not answer"):
        InProcessApi(world, node="pve1").get("/version")
    rows = InProcessApi(world).get("/cluster/status")
    assert [row["name"] for row in rows if row.get("local")] == ["pve2"]
    world.nodes["pve2"].api = world.nodes["pve3"].api = "down"
    with pytest.raises(Unreachable):
        InProcessApi(world).get("/version")


def test_task_lists_filter() -> None:
    """By guest, type, start and source; running ones say so; the cluster's list leaves their end out."""
    world, api = small(), InProcessApi(small())
    api = InProcessApi(world)
    first = api.post("/nodes/pve1/qemu/102/migrate", {"target": "pve3", "online": 1})
    world.clock.sleep(30)
    second = api.post("/nodes/pve1/qemu/103/migrate", {"target": "pve3", "online": 1})
    world.clock.sleep(1)

    def upids(**params: object) -> list[str]:
        return [row["upid"] for row in api.get("/nodes/pve1/tasks", params)]

    assert upids() == [first]
    assert upids(source="active") == [second]
    assert upids(source="all") == [second, first]
    assert upids(source="all", vmid=102) == [first]
    assert upids(source="all", typefilter="vzmigrate") == []
    assert upids(source="all", since=int(world.clock.start) + 10) == [second]
    assert api.get("/nodes/pve1/tasks", {"source": "active"})[0]["status"] == "RUNNING"
    rows = {row["upid"]: row for row in api.get("/cluster/tasks")}
    assert ("endtime" in rows[first], "endtime" in rows[second]) == (True, False)


def test_task_logs_come_in_pages() -> None:
    """50 lines unless asked for more, numbered from 1, with the total beside them."""
    world = small()
    api = InProcessApi(world)
    upid = api.post("/nodes/pve1/qemu/106/migrate", {"target": "pve3", "online": 1, "with-local-disks": 1})
    world.clock.sleep(300)
    page = api.get(f"/nodes/pve1/tasks/{upid}/log")
    assert (len(page), page[0]["n"], page.total > 100) == (50, 1, True)
    assert api.get(f"/nodes/pve1/tasks/{upid}/log", {"start": 50, "limit": 2})[0]["n"] == 51
    assert api.get(f"/nodes/pve1/tasks/{upid}/log", {"limit": 0})[-1]["t"] == "TASK OK"


def test_a_task_is_known_only_on_its_node() -> None:
    """Elsewhere there is no such task, and garbage cannot be parsed."""
    world = small()
    upid = InProcessApi(world).post("/nodes/pve1/qemu/102/migrate", {"target": "pve3", "online": 1})
    for name, words in ((upid, "no such task"), ("UPID:x", "unable to parse worker upid")):
        with pytest.raises(ApiError) as refusal:
            InProcessApi(world).get(f"/nodes/pve2/tasks/{name}/status")
        assert refusal.value.errors == {"upid": words}


PATHS = (
    "/version", "/access/users", "/cluster/resources", "/cluster/status", "/cluster/options", "/cluster/replication",
    "/cluster/ha/status/current", "/nodes/pve1/version", "/nodes/pve1/storage", "/nodes/pve1/network", "/nodes/pve1/tasks",
    "/nodes/pve1/qemu/101/migrate", "/nodes/pve2/lxc/110/config",
)  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
def test_answers_have_the_keys_of_pves_schema(path: str) -> None:
    """No key that the schema does not know, none missing that it demands."""
    world = small()
    world.ha.add(Resource("vm:101"))
    world.ha.rules.rules.append(Rule("apart", ("vm:101", "vm:107"), affinity="negative"))
    world.ha.rules.groups["g"] = Group("g", {"pve1": 1})
    world.guests[103].replicate = ("pve2",)
    InProcessApi(world).post("/nodes/pve1/qemu/105/migrate", {"target": "pve3", "online": 1})
    world.clock.sleep(60)
    answer = InProcessApi(world).get(path)
    returns = schema.load().match(path).methods["GET"]["returns"]
    listed = returns["type"] == "array"
    properties = (returns["items"] if listed else returns)["properties"]
    names = tuple(name.removesuffix("[n]") for name in properties if name.endswith("[n]"))
    rows = answer if listed else [answer]
    unknown = {key for row in rows for key in row if key not in properties and not key.startswith(names or ("\0",))}
    demanded = {name for name, entry in properties.items() if not entry.get("optional") and not name.endswith("[n]")}
    assert rows
    assert not unknown
    assert not [row for row in rows if demanded - set(row)]
