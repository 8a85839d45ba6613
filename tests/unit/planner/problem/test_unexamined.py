"""What is not known of the room that other guests' local disks take, where a drain finds no place for its own."""

from __future__ import annotations

from dataclasses import replace

from prs.model import Cluster, Policy, Storage, Volume
from prs.planner.plan import plan_drain
from prs.planner.problem.unexamined import in_the_way
from unit.planner_scenes import GIB, guest, node


def scene(*, known: bool, free: int = 20) -> Cluster:
    """Guest 1 with 60 GiB of disk on a; b has memory for it, and so much disk beside guests 2 and 3; c has neither, but for guest 3."""
    def disk(vmid: int, size: int) -> dict[str, object]:
        return {"volumes": (Volume("thin", size * GIB, f"thin:vm-{vmid}-disk-0"),), "disk": size * GIB, "inspected": True}

    others = [guest(2, "b", 4), guest(3, "b", 2), guest(4, "c", 2)]
    if known:
        others[1] = replace(others[1], **disk(3, 50))  # type: ignore[arg-type]
    nodes = (node("a", disk=100 * GIB), node("b", disk=100 * GIB), node("c", memory=8, disk=100 * GIB))
    storages = [Storage("thin", name, total=100 * GIB, used=used * GIB, plugin="lvmthin", content=("images",))
                for name, used in (("a", 60), ("b", 100 - free), ("c", 0))]
    return Cluster(nodes=nodes, guests=(guest(1, "a", 20, **disk(1, 60)), *others), storages=tuple(storages))


def test_nothing_is_proven_while_it_is_not_known_what_others_would_free() -> None:
    plan = plan_drain(scene(known=False), Policy(), "a", 0.0)
    assert plan.summary == "No way was found to empty a: no place was found for 1 (vm1). Nothing is moved."
    assert in_the_way(scene(known=False), Policy(), plan) == [3, 2]


def test_once_it_is_known_the_guest_makes_way() -> None:
    plan = plan_drain(scene(known=True), Policy(), "a", 0.0)
    assert [(move.vmid, move.target) for move in plan.moves] == [(3, "c"), (1, "b")]


def test_where_memory_lacks_nobody_else_is_asked_about() -> None:
    full = scene(known=False, free=80)
    full = replace(full, guests=(replace(full.guests[0], memory=200 * GIB), *full.guests[1:]))
    plan = plan_drain(full, Policy(), "a", 0.0)
    assert "proven impossible" in plan.summary
    assert in_the_way(full, Policy(), plan) == []
