"""What PVE does not check is looked at once more right before each migration: hardware and network may have changed since the plan."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from drive import Drive
from prs.model import Policy
from simcluster.scenes import add_accounts, from_json, small
from simcluster.world import Flavour, World

OTHER = "Intel(R) Xeon(R) Platinum 8480+"


def apply(names: tuple[str, ...], change: str, value: object) -> Callable[[World], None]:
    """What sets a field of these nodes."""

    def set_it(world: World) -> None:
        for name in names:
            setattr(world.nodes[name], change, value)

    return set_it


CHANGES: dict[str, tuple[Callable[[World], None], str]] = {
    "a bridge is gone": (apply(("pve2", "pve3"), "bridges", ("vmbr9",)), "has no bridge vmbr0"),
    "the source was upgraded": (apply(("pve1",), "version", "9.9.1"), "older than the "),
    "the source has a newer QEMU": (apply(("pve1",), "qemu", "11.2"), "older than the 11.2 it runs on"),
    "another CPU": (apply(("pve2", "pve3"), "cpu_model", OTHER), "has another CPU (Intel Xeon Platinum 8480+, not Intel Xeon Gold 6338)"),
    "another architecture": (apply(("pve2", "pve3"), "machine", "aarch64"), "is aarch64, and it runs on x86_64"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_has_changed_since_the_plan_stops_the_step(change: str, flavour: Flavour, ram: Path) -> None:
    """The guests stay where they are, with the reason in words."""
    world = small(flavour)
    for guest in world.guests.values():
        if guest.kind == "qemu":
            guest.config["cpu"] = "host"
    drive = Drive(world, ram)
    job_id, before = drive.queue(drive.plan()), {vmid: guest.node for vmid, guest in world.guests.items()}
    spoil, words = CHANGES[change]
    spoil(world)
    job = drive.finish(job_id)
    assert job.steps
    assert {step.state for step in job.steps} == {"skipped"}
    assert all(words in step.message for step in job.steps), [step.message for step in job.steps]
    assert {vmid: guest.node for vmid, guest in world.guests.items()} == before
    assert not world.unlike
    assert not world.schema_errors


def test_a_vm_of_cpu_type_host_moves_to_another_cpu_only_where_that_is_allowed(flavour: Flavour, ram: Path) -> None:
    """With `warn` the plan names guest and CPUs, and the move is made."""
    world = small(flavour)
    for name in ("pve2", "pve3"):
        world.nodes[name].cpu_model = OTHER
    world.guests[101].config["cpu"] = "host"
    drive = Drive(world, ram)
    refused = drive.plan(drain="pve1")
    stay = next(stay for stay in refused.blockers if stay.vmid == 101)
    assert "its CPU type is host, and pve2 has another CPU (Intel Xeon Platinum 8480+, not Intel Xeon Gold 6338)" in stay.reason
    drive.policy = replace(Policy(), unlike_cpus="warn", containers=True)
    plan = drive.plan(drain="pve1")
    target = next(move.target for move in plan.moves if move.vmid == 101)
    label, cpus = world.guests[101].label, "Intel Xeon Platinum 8480+, not Intel Xeon Gold 6338"
    words = f"{label} goes to {target} although its CPU type is host, and {target} has another CPU ({cpus}): it may crash there"
    assert [warning for warning in plan.warnings if "CPU" in warning] == [words]
    job = drive.finish(drive.queue(plan))
    assert job.state == "done"
    assert [event.text.partition(" of CPU")[0] for event in world.unlike] == [label]


@pytest.mark.parametrize(("policy", "state"), [(Policy(), ""), (Policy(unlike_cpus="warn"), "done")])
def test_a_running_vm_does_not_go_to_a_cpu_of_another_maker(policy: Policy, state: str, flavour: Flavour, ram: Path) -> None:
    """Whatever its CPU type; a stopped one does, and `warn` leaves it to the user."""
    nodes = {"pve1": {"memory": 64, "host": 2}, "pve2": {"memory": 64, "host": 2, "cpu_model": "AMD EPYC 7543 32-Core Processor"}}
    guests = {"100": {"node": "pve1", "memory": 8, "config": {"cpu": "x86-64-v2-AES"}}, "101": {"node": "pve1", "status": "stopped"}}
    drive = Drive(add_accounts(from_json({"flavour": flavour, "nodes": nodes, "guests": guests})), ram, policy)
    plan = drive.plan(drain="pve1")
    if not state:
        assert [(stay.vmid, "another maker (AMD, not Intel)" in stay.reason) for stay in plan.blockers] == [(100, True)]
        assert not [stay for stay in plan.blockers if stay.vmid == 101]
    else:
        assert "100 (guest100) goes to pve2 although pve2 has a CPU of another maker (AMD, not Intel)" in "\n".join(plan.warnings)
        assert drive.finish(drive.queue(plan)).state == state


@pytest.mark.parametrize(("cpu", "kept"), [("Icelake-Server-noTSX", True), ("IvyBridge", False), ("custom-mine", True)])
def test_a_named_or_custom_model_does_not_go_where_it_cannot_start(cpu: str, kept: bool, flavour: Flavour, ram: Path) -> None:
    """An older generation of the same maker lacks features; of a custom model PVE does not tell which it needs."""
    old = {"memory": 64, "host": 2, "cpu_model": "Intel(R) Xeon(R) CPU E5-2697 v2 @ 2.70GHz", "cpu_level": "x86-64-v2-AES"}
    nodes = {"pve1": {"memory": 64, "host": 2}, "pve2": {**old, "cpu_level": "x86-64-v3"}}
    guests = {"100": {"node": "pve1", "memory": 8, "config": {"cpu": cpu}}}
    world = add_accounts(from_json({"flavour": flavour, "nodes": nodes, "guests": guests, "cpu_models": {"mine": "Skylake-Server"}}))
    assert bool(Drive(world, ram).plan(drain="pve1").blockers) == kept


def squeezed(flavour: Flavour, **others: float) -> World:
    """A node short of memory and one with 25 GiB to give; a VM uses 8 GiB, and its balloon has given back 20 more."""
    nodes = {"pve1": {"memory": 64, "host": 44 - sum(others.values())}, "pve2": {"memory": 64, "host": 2}}
    guests = {
        "101": {"node": "pve1", "memory": 8, "max": 28, "config": {"balloon": 6144}}, "104": {"node": "pve2", "memory": 36, "max": 36},
        **{name.removeprefix("vm"): {"node": "pve1", "memory": size} for name, size in others.items()},
    }  # fmt: skip
    return add_accounts(from_json({"flavour": flavour, "nodes": nodes, "guests": guests}))


def test_a_squeezed_vm_does_not_go_where_it_would_grow_too_large(flavour: Flavour, ram: Path) -> None:
    """Another one goes in its place, and the loads shown are those that were measured."""
    plan = Drive(squeezed(flavour, vm102=9), ram).plan()
    assert [move.vmid for move in plan.moves] == [102]
    assert [load[0].memory for load in (plan.before, plan.after)] == pytest.approx([52 / 64, 43 / 64])


def test_a_drain_counts_what_a_squeezed_vm_uses_now(flavour: Flavour, ram: Path) -> None:
    """On the target its balloon stays squeezed as far as it must."""
    drive = Drive(squeezed(flavour), ram)
    assert drive.run(drain="pve1").state == "done"
    drive.assert_sound()


@pytest.mark.parametrize(("there", "state"), [((), "failed"), (("10.9.0.12/24",), "done")])
def test_a_target_outside_the_migration_network_is_told_before(there: tuple[str, ...], state: str, flavour: Flavour, ram: Path) -> None:
    """PVE finds out in the task: its precondition call does not look at the network of the datacenter's options."""
    nodes = {"pve1": {"addresses": ["10.9.0.11/24"]}, "pve2": {"addresses": list(there)}}
    options = {"migration": {"type": "secure", "network": "10.9.0.0/24"}}
    world = add_accounts(from_json({"flavour": flavour, "nodes": nodes, "options": options, "guests": {"100": {"node": "pve1"}}}))
    world.clock.sleep(600)
    drive = Drive(world, ram)
    plan = drive.plan(drain="pve1")
    words = "pve2 shows no address in the migration network 10.9.0.0/24 of the datacenter's options: Proxmox VE fails every migration to it"
    assert (words in plan.warnings) == (not there)
    assert drive.finish(drive.queue(plan)).state == state
    assert not world.schema_errors
