"""Which memory of a guest counts against its node: what it uses, what it may use, or what it is promised. Pure."""

from __future__ import annotations

from prs.model import Guest, Method, Policy

IN_USE = "memory in use"  # stands among the storages that a guest needs room on; no storage's name has a blank
LABEL = {"memory": "memory", "cpu": "CPU", "disk": "local disk", "all": "memory, CPU and local disk"}


def counted(policy: Policy, guest: Guest) -> int:
    """Bytes of the guest's memory that count: never less than it uses where all that it is assigned counts.

    A VM without a balloon, or whose least size is not known, and a container count in full where reserved memory counts.
    """
    if policy.memory == "used" or not guest.running:
        return guest.memory
    assigned = max(guest.memory_max, guest.memory + guest.grows)
    return min(guest.reserved, assigned) if policy.memory == "reserved" and guest.reserved else assigned


def most(policy: Policy, memory: float) -> float:
    """Bytes that may count against a node with so much memory, its reserve left free; below 0 where there is no room at all."""
    return memory * (1.0 if policy.memory == "used" else policy.overcommit) - policy.memory_reserve


def unproven(policy: Policy) -> bool:
    """True when guests may fit by what counts of them and not by what they use."""
    return policy.memory == "reserved" or (policy.memory == "assigned" and policy.overcommit > 1.0)


def label(policy: Policy, method: Method) -> str:
    """What is levelled, in words."""
    what = LABEL[method] if policy.memory == "used" else LABEL[method].replace("memory", f"{policy.memory} memory")
    return f"weighted {what}" if method == "all" and policy.weights else what
