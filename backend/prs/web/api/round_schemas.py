"""The named schemas of rounds of rolling maintenance: one that goes on, and one to be."""

from __future__ import annotations

from typing import get_args

from prs.engine.rolling.stages import Stage, State, StepName
from prs.pve.kernels import Reboot
from prs.web.api.reflect import Schema, listing, record, ref
from prs.web.api.values import (
    BYTES,
    COUNT,
    FLAG,
    ID,
    NODE,
    NUMBER,
    TEXT,
    TEXTS,
    UNIX,
    VMID,
    one_of,
)


def rounds() -> dict[str, Schema]:
    turn = record(
        "A node of the round: its stage, and its step `since` when; what is waited for, until when (0: without a limit); the step's `job`.",
        node=TEXT, stage=one_of(Stage), step=one_of(StepName), since=UNIX, message=TEXT, until=UNIX, job=TEXT, host=TEXT, skip=FLAG,
        batch={**COUNT, "description": "nodes with the same number are serviced together; 0: it is alone"},
        may=record("What the caller may ask.", skip=ref("Right")),
    )  # fmt: skip
    return {
        "RoundTurn": turn,
        "Round": record(
            "A round of rolling maintenance: `holder` carries it, `renewed` is its last sign, `handed`: the holder has not taken it yet.",
            id=ID, user=TEXT, created=UNIX, ended=UNIX, holder=TEXT, handed=FLAG, renewed=UNIX,
            state={"type": "string", "enum": ["paused", *get_args(State)]}, request={"type": "string", "enum": ["", "pause", "stop"]},
            message=TEXT, reboot=FLAG, hooks=FLAG, rides=listing(VMID), maintenance=FLAG, turns=listing(ref("RoundTurn")),
            may=record("What the caller may ask.", pause=ref("Right"), resume=ref("Right"), stop=ref("Right")),
        ),
        "RoundState": record(
            "The round that goes on, or the last one that ended; null: there was none. problem: why it cannot be read.",
            round={"anyOf": [ref("Round"), {"type": "null"}]}, problem=TEXT,
            may=record("Whether the caller may begin one.", begin=ref("Right")),
        ),
        "SkipRequest": record("Leave a node of the round out.", node=NODE),
        **_round_to_be(),
    }  # fmt: skip


def _round_to_be() -> dict[str, Schema]:
    """What a round that has not begun is chosen from, asked for with, and looks like."""
    node = record(
        "A node that a round may take: the kernel that runs, and the newest that is installed; guests: their number.",
        node=TEXT, online=FLAG, running=TEXT, newest=TEXT, reboot=one_of(Reboot), problem={**TEXT, "description": "why reboot is unknown"},
        guests=COUNT, master={**FLAG, "description": "the HA manager works here"}, here={**FLAG, "description": "the node that answers"},
        held={**FLAG, "description": "kept empty by a drain"},
    )  # fmt: skip
    optional = ("at_once", "reboot", "hooks", "maintenance", "rides", "kill_after", "containers", "relax")
    gate = record("A gate as it is now, and how long it is waited for at most.", name=TEXT, open=FLAG, reason=TEXT, limit=NUMBER)
    turn = record(
        "A node's turn as it would be now, serviced `together` with these others; `apart`: why it does not join those before it. "
        "seconds: its migrations there and back, without the reboot.",
        node=TEXT, possible=FLAG, summary=TEXT, moves=COUNT, bytes=BYTES, seconds=NUMBER, rides=listing(ref("Stay")),
        blockers=listing(ref("Stay")), gates=listing(ref("RoundGate")), together=listing(TEXT), apart=TEXT,
        relaxed=listing(TEXT, "rules that it breaks"), relaxable=listing(TEXT, "rules without which it could be done, see `relax`"),
    )  # fmt: skip
    return {
        "RoundNode": node,
        "RoundNodes": record("The nodes, in the order that is best: few guests first.", nodes=listing(ref("RoundNode"))),
        "RoundRequest": record(
            "Rolling maintenance of these nodes, in this order.", optional,
            nodes={**listing(NODE), "minItems": 1, "maxItems": 200, "uniqueItems": True},
            at_once={"type": "integer", "minimum": 1, "maximum": 16,
                     "description": "nodes that may be down at one time, where quorum, racks, room and Ceph allow it (default: 1)"},
            reboot={**FLAG, "description": "false: empty the node and wait until the round is resumed (default true)"},
            hooks={**FLAG, "description": "run the site's hooks (default: if there are any)"},
            maintenance={**FLAG, "description": "switch HA maintenance mode; needs Sys.Console on / (default: if that is there)"},
            rides={**listing(VMID, "guests that may be shut down meanwhile"), "maxItems": 1000, "uniqueItems": True},
            kill_after={"type": "integer", "minimum": 10, "maximum": 3600,
                        "description": "s; a ride that has not shut down is killed then (default: never)"},
            containers={**FLAG, "description": "move running containers too, each move restarts one"},
            relax={**listing({**TEXT, "maxLength": 256}, "rules that may be broken meanwhile; * = any"), "maxItems": 200},
        ),
        "RoundGate": gate,
        "PreviewTurn": turn,
        "RoundPreview": record(
            "How the round would be: first the nodes that cannot be emptied. seconds: migrations and reboots; problems: against all of it.",
            turns=listing(ref("PreviewTurn")), seconds=NUMBER, possible=FLAG, problems=TEXTS, hooks=listing(TEXT, "stages with a hook"),
        ),
    }  # fmt: skip
