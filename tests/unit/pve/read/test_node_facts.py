"""What nodes and configurations tell of CPU, version, bridges and balloons: each asked for once, and nothing guessed."""

from __future__ import annotations

from typing import Any

import pytest

from prs import snapshot_file
from prs.engine.planning import PlanRequest, make_plan
from prs.errors import ApiError, Unreachable
from prs.model import Cluster, Guest, Method, Node, Policy
from prs.planner.problem.fixed_limits import FixedLimits
from prs.pve.read.candidates import inspect_guests
from prs.pve.read.guest_facts import with_config
from prs.pve.read.node_facts import NodeFacts, with_bridges, with_machines, with_status
from prs.pve.read.snapshot import read_cluster
from simcluster import InProcessApi
from simcluster.scenes import large, small
from simcluster.world import Flavour, World
from unit.fakeapi import FakeApi

GiB, MiB = 2**30, 2**20
VM = Guest(100, "a", "qemu", "n1", memory=4 * GiB, memory_max=16 * GiB)
V3 = "fpu pni ssse3 sse4_1 sse4_2 popcnt aes xsave avx f16c bmi1 avx2 bmi2 fma movbe abm"


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("Intel(R) Xeon(R) Gold 6338 CPU @ 2.00GHz", "Intel Xeon Gold 6338"),
        ("AMD EPYC 7313 16-Core Processor", "AMD EPYC 7313"),
        ("Intel(R) Core(TM) i5-8500T CPU @ 2.10GHz", "Intel Core i5-8500T"),
        ("12th Gen Intel(R) Core(TM) i9-12900H", "12th Gen Intel Core i9-12900H"),
        ("QEMU Virtual CPU version 2.5+", "QEMU Virtual version 2.5+"),
        ("", ""),
    ],
)
def test_a_cpus_name_without_what_is_added_to_it(written: str, name: str) -> None:
    assert with_status(Node("n1"), {"cpuinfo": {"model": written}}).cpu_model == name


def test_a_nodes_status() -> None:
    data = {
        "pveversion": "pve-manager/9.2.11/0123456789abcdef", "cpuinfo": {"model": "AMD EPYC 7313 16-Core Processor", "flags": V3},
        "current-kernel": {"machine": "x86_64"}, "memory": {"total": 100, "used": "79"},
    }  # fmt: skip
    node = with_status(Node("n1"), data)
    assert (node.version, node.machine, node.squeezes) == ("9.2.11", "x86_64", True)
    assert node.cpu_types is not None
    assert [name for name in node.cpu_types if name.startswith("x86")] == ["x86-64-v2", "x86-64-v2-AES", "x86-64-v3"]


@pytest.mark.parametrize("data", [{}, None, [], {"cpuinfo": None, "pveversion": "", "memory": {"total": 0}}])
def test_a_status_that_tells_nothing(data: Any) -> None:
    assert with_status(Node("n1", version="9.2.11"), data) == Node("n1", version="9.2.11")


def test_the_newest_machine_version_is_that_of_qemu() -> None:
    rows = [{"id": f"pc-q35-{version}", "version": version} for version in ("9.2+pve1", "10.1+pve0", "10.0", "8.2", "odd")]
    assert with_machines(Node("n1"), rows).qemu == "10.1"
    assert with_machines(Node("n1"), []).qemu == ""


def test_bridges_of_all_kinds() -> None:
    rows = [{"iface": "vmbr1", "type": "OVSBridge"}, {"iface": "vmbr0", "type": "bridge"}, {"iface": "blue", "type": "vnet"}]
    assert with_bridges(Node("n1"), rows).bridges == ("blue", "vmbr0", "vmbr1")


@pytest.mark.parametrize(
    ("config", "cpu_type", "bound"),
    [
        ({"cores": 2}, "kvm64", ""),
        ({"cpu": "host"}, "host", "its CPU type is host"),
        ({"cpu": "host,flags=+pcid;+aes"}, "host", "its CPU type is host"),
        ({"cpu": "flags=+aes,cputype=host"}, "host", "its CPU type is host"),
        ({"cpu": "max"}, "max", "its CPU type is max"),
        ({"cpu": "flags=+aes"}, "kvm64", ""),
        ({"cpu": "x86-64-v2-AES"}, "x86-64-v2-AES", ""),
        ({"cpu": "kvm64", "args": "-cpu host"}, "kvm64", "its own QEMU arguments (args) may depend on its node's CPU"),
        ({"affinity": "0-3"}, "kvm64", "it is pinned to cores of its node (affinity)"),
    ],
)
def test_what_ties_a_vm_to_its_nodes_cpu(config: dict[str, Any], cpu_type: str, bound: str) -> None:
    found = with_config(VM, config, squeezed=False)
    assert (found.cpu_type, found.cpu_bound) == (cpu_type, bound)


def test_network_cards_and_architecture() -> None:
    config = {"net0": "virtio=BC:24:11:00:00:01,bridge=vmbr0,tag=5", "net3": "bridge=blue", "net1": "virtio", "arch": "aarch64"}
    found = with_config(VM, config, False)
    assert (found.bridges, found.arch) == (("blue", "vmbr0"), "aarch64")
    container = Guest(101, "b", "lxc", "n1")
    found = with_config(container, {"net0": "name=eth0,bridge=vmbr1,ip=dhcp", "arch": "amd64", "cpu": "host"}, False)
    assert (found.bridges, found.arch, found.cpu_type, found.cpu_bound) == (("vmbr1",), "x86_64", "", "")


@pytest.mark.parametrize(
    ("config", "grows"),
    [
        ({"memory": "16384", "balloon": 4096}, 12),
        ({"memory": "current=16384", "balloon": "4096"}, 12),
        ({"memory": "16384"}, 0),
        ({"memory": "16384", "balloon": 16384}, 0),
        ({"memory": "16384", "balloon": 0}, 0),
        ({"memory": "16384", "balloon": 4096, "shares": 0}, 0),
        ({"memory": "2048", "balloon": 1024}, 0),
    ],
)
def test_what_a_squeezed_vm_takes_back(config: dict[str, Any], grows: int) -> None:
    assert with_config(VM, config, squeezed=True).grows == grows * GiB
    assert with_config(VM, config, squeezed=False).grows == 0


def nodes(count: int = 3) -> tuple[Node, ...]:
    return tuple(Node(f"n{number}", memory=64 * GiB) for number in range(1, count + 1))


def test_only_usable_nodes_are_asked_and_each_once() -> None:
    cluster = Cluster(nodes=(*nodes(1), Node("n2", online=False), Node("n3", problem="no figures")), guests=(VM,))
    answers = {"/nodes/n1/status": {"pveversion": "pve-manager/9.2.11/x"}, "/nodes/n1/network": [{"iface": "vmbr0"}]}
    api = FakeApi(answers)
    facts = NodeFacts(api)
    found = facts.network(facts.hardware(cluster, ("n1", "n2", "n3")), ("n1", "n2", "n3"))
    assert facts.network(facts.hardware(found, ("n1", "n2", "n3")), ("n1",)) == found
    assert [(path, params) for _, path, params in api.asked] == [("/nodes/n1/status", {}), ("/nodes/n1/network", {"type": "any_bridge"})]
    assert (found.nodes[0].version, found.nodes[0].bridges, found.problems) == ("9.2.11", ("vmbr0",), ())


def test_qemu_is_asked_for_only_where_versions_differ() -> None:
    answers = {f"/nodes/n{number}/status": {"pveversion": f"pve-manager/9.{number}.1/x"} for number in (1, 2)}
    answers |= {f"/nodes/n{number}/capabilities/qemu/machines": [{"version": f"10.{number}"}] for number in (1, 2)}  # type: ignore[misc]
    api = FakeApi(answers)
    found = NodeFacts(api).hardware(Cluster(nodes=nodes(2)), ("n1", "n2"))
    assert [node.qemu for node in found.nodes] == ["10.1", "10.2"]
    answers["/nodes/n2/status"] = answers["/nodes/n1/status"]
    api = FakeApi(answers)
    NodeFacts(api).hardware(Cluster(nodes=nodes(2)), ("n1", "n2"))
    assert api.calls == 2


def test_what_a_node_does_not_tell_is_said_once_and_not_judged() -> None:
    refused = ApiError(403, "Permission check failed (/nodes/n1, Sys.Audit)")
    api = FakeApi({f"/nodes/n{number}/status": refused for number in (1, 2, 3)})
    found = NodeFacts(api).hardware(Cluster(nodes=nodes()), ("n1", "n2", "n3"))
    assert found.nodes == nodes()
    assert found.problems == (
        "CPU and version of n1, n2, n3 are not known, so nothing is judged by them: "
        "PVE answered /nodes/n1/status with: Permission check failed (/nodes/n1, Sys.Audit)",
    )


def test_a_node_that_does_not_answer_is_asked_nothing_more_and_many_stop_the_asking() -> None:
    api = FakeApi({f"/nodes/n{number}/status": Unreachable("596 Connection timed out") for number in range(1, 6)})
    facts, cluster = NodeFacts(api), Cluster(nodes=nodes(5))
    found = facts.network(facts.hardware(cluster, [node.name for node in cluster.nodes]), ("n1", "n4"))
    assert [path for _, path, _ in api.asked] == ["/nodes/n1/status", "/nodes/n2/status", "/nodes/n3/status"]
    words = "CPU and version of n1, n2, n3, n4, n5 are not known, so nothing is judged by them: 596 Connection timed out"
    assert found.problems[0] == words
    assert sorted(facts.silent) == ["n1", "n2", "n3"]


def inspected(world: World, *vmids: int, user: str = "prs@pve!daemon") -> Cluster:
    api = InProcessApi(world, user)
    return inspect_guests(api, read_cluster(api, world.clock.time()), vmids)


@pytest.mark.parametrize("flavour", ["8", "9"])
def test_a_simulated_cluster_tells_everything(flavour: Flavour) -> None:
    world = small(flavour)
    world.guests[101].config |= {"cpu": "host", "net1": "virtio=BC:24:11:00:00:02,bridge=vmbr7"}
    world.nodes["pve1"].bridges = ("vmbr0", "vmbr7")
    world.nodes["pve2"].cpu_model, world.nodes["pve2"].machine = "AMD EPYC 7313 16-Core Processor", "x86_64"
    found = inspected(world, 101, 110)
    one, two, three = found.nodes
    assert (one.bridges, two.bridges) == (("vmbr0", "vmbr7"), ("vmbr0",))
    assert (one.version, one.machine, one.qemu) == ({"8": "8.4.21", "9": "9.2.11"}[flavour], "x86_64", "")
    assert (one.cpu_model, two.cpu_model) == ("Intel Xeon Gold 6338", "AMD EPYC 7313")
    assert (one.cpu_vendor, two.cpu_vendor) == ("Intel", "AMD")
    assert {"x86-64-v4", "Icelake-Server", "Haswell"} < set(three.cpu_types or ())
    guest = next(guest for guest in found.guests if guest.vmid == 101)
    assert (guest.cpu_bound, guest.bridges) == ("its CPU type is host", ("vmbr0", "vmbr7"))
    assert one.squeezes, "pve1 of the small lab is 86 % full"
    assert not two.squeezes
    assert (found.problems, world.schema_errors) == ((), [])


def test_bridges_that_the_account_may_not_see_are_not_judged_and_named_once() -> None:
    world = small()
    world.access.roles["PRS"] -= {"SDN.Audit"}
    _, plan = make_plan(InProcessApi(world, "prs@pve!daemon"), Policy(), world.clock.time(), PlanRequest())
    assert plan.moves
    told = [words for words in plan.warnings if "bridge" in words]
    assert told == [
        "Whether other nodes have bridge vmbr0 is not judged: "
        "PVE does not show it even where it is in use (seeing it needs SDN.Audit on /sdn)"
    ]


def test_nodes_are_asked_once_for_all_rounds_of_a_plan() -> None:
    world = small()
    make_plan(InProcessApi(world), Policy(), world.clock.time(), PlanRequest())
    asked = world.requests
    assert asked["GET /nodes/{node}/qemu/{vmid}/config"] >= 2
    assert (asked["GET /nodes/{node}/status"], asked["GET /nodes/{node}/network"]) == (2, 2)  # those that take part in the moves
    assert asked["GET /nodes/{node}/capabilities/qemu/machines"] == 0


@pytest.mark.parametrize(("method", "each"), [("memory", 2), ("cpu", 3)])
def test_a_plan_asks_a_few_calls_one_for_each_node_and_of_those_that_take_part_what_they_are(method: Method, each: int) -> None:
    world = large(nodes=12, guests=300)
    api = InProcessApi(world)
    cluster, plan = make_plan(api, Policy(method=method, max_moves=6), world.clock.time())
    ends = {name for move in plan.moves for name in (move.source, move.target)}
    candidates = [guest for guest in cluster.guests if guest.inspected]
    local = {(guest.node, volume.storage) for guest in candidates for volume in guest.volumes if not volume.size}
    told = sum(bool(node.version) for node in cluster.nodes)
    assert ends
    assert len(ends) <= told < 12
    assert api.calls <= 10 + len(cluster.nodes) + each * len(candidates) + 2 * told + len(local)


def test_a_saved_snapshot_gives_the_same_reasons_and_no_secrets() -> None:
    world = small()
    world.nodes["pve2"].version, world.nodes["pve3"].bridges = "9.0.3", ("vmbr9",)
    world.guests[101].config |= {"args": "-fw_cfg name=opt/key,string=hunter2", "ciuser": "alice", "cipassword": "hunter3"}
    found = inspected(world, 101, 102)
    text = snapshot_file.dump(found, ("prs@pve!daemon",))
    assert snapshot_file.parse(text) == found
    assert not [word for word in ("hunter", "alice", "prs@pve") if word in text]
    facts = FixedLimits(snapshot_file.parse(text), Policy())
    assert facts.refusal(facts.guests[101], "pve2") == "pve2 runs QEMU 10.0, older than the 11.0 it runs on"
    assert facts.refusal(facts.guests[101], "pve3") == "pve3 has no bridge vmbr0"
