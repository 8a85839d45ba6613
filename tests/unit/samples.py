"""A small cluster, a plan for it and a job that carries it out, for tests of what people see."""

from __future__ import annotations

from dataclasses import replace

from prs.engine.journal.jobs import Job, Step
from prs.model import Cluster, Guest, Move, Node, NodeLoad, Plan, Policy, Stay

GIB = 2**30
NOW = 1_795_000_000.0

CLUSTER = Cluster(
    name="lab", taken=NOW, version="9.2.11",
    nodes=tuple(Node(name, memory=64 * GIB, cpu=16.0, id=number) for number, name in enumerate(("pve1", "pve2", "pve3"), 1)),
    guests=(
        Guest(102, "db01", "qemu", "pve1", memory=16 * GIB),
        Guest(104, "mail", "qemu", "pve1", memory=9 * GIB),
        Guest(106, "ct-dns1", "lxc", "pve1", memory=4 * GIB),
    ),
)  # fmt: skip

REASON = "takes pve1 from 86% to 68%; the largest gain per GiB"
PLAN = Plan(
    "balance", "memory", created=NOW,
    moves=(
        Move(102, "db01", "qemu", "pve1", "pve3", memory=16 * GIB, seconds=41, reason=REASON),
        Move(104, "mail", "qemu", "pve1", "pve3", ha=True, memory=9 * GIB, disk=GIB // 2, seconds=26, reason="levels pve1 and pve3"),
        Move(106, "ct-dns1", "lxc", "pve1", "pve2", memory=4 * GIB, seconds=14, reason="last 4 points of spread"),
    ),
    stays=(
        Stay(100, "web01", "pve1", "must stay with 101 (web02): HA resource affinity"),
        Stay(103, "db02", "pve1", "uses PCI device hostpci0"),
    ),
    before=(NodeLoad("pve1", 0.86, 0.62, 0, 8), NodeLoad("pve2", 0.52, 0.31, 0, 3), NodeLoad("pve3", 0.21, 0.12, 0, 1)),
    after=(NodeLoad("pve1", 0.55, 0.4, 0, 5), NodeLoad("pve2", 0.54, 0.33, 0, 4), NodeLoad("pve3", 0.52, 0.32, 0, 3)),
    spread_before=0.65, spread_after=0.03, spread_reachable=0.021, seconds=81, summary="Levels memory from 65 to 3 points.",
)  # fmt: skip

STEPS = tuple(
    Step(number, move.vmid, move.name, move.kind, move.source, move.target, ha=move.ha, memory=move.memory, disk=move.disk)
    for number, move in enumerate(PLAN.moves, 1)
)
QUEUED = Job("7", "balance", "queued", PLAN, Policy(), user="root@pam", origin="cli", created=NOW, steps=STEPS)
UPID = "UPID:pve1:0000013B:00032F5A:6B02B9EC:qmigrate:104:root@pam:"


def running() -> Job:
    """Give the job 50 seconds after its start: one guest moved, one on its way, one waiting."""
    done = replace(STEPS[0], state="done", started=NOW, ended=NOW + 39, total=16 * GIB, done=16 * GIB)
    moving = replace(STEPS[1], state="running", upid=UPID, started=NOW + 39, total=19 * GIB // 2, done=29 * GIB // 10)
    moving = replace(moving, speed=391 * 2**20, seconds_left=17.0)
    return replace(QUEUED, state="running", started=NOW, steps=(done, moving, STEPS[2]))


def ended() -> Job:
    """Give the job at its end: one guest moved, one failed, one skipped."""
    done, moving, _ = running().steps
    failed = replace(moving, state="failed", ended=NOW + 60, message="migration aborted")
    skipped = replace(STEPS[2], state="skipped", message="locked: backup is running")
    return replace(QUEUED, state="partial", started=NOW, ended=NOW + 70, message="2 guests were not moved", steps=(done, failed, skipped))
