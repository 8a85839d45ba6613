"""The named schemas of what callers send."""

from __future__ import annotations

from typing import Any

from prs.web.api.reflect import Schema, listing, record, ref
from prs.web.api.values import (
    FLAG,
    ID,
    LEVELLED,
    MEMORY,
    NODE,
    NUMBER,
    RIDING,
    TEXT,
    VMID,
)


def requests() -> dict[str, Schema]:
    """What callers send; properties that are left out take the administrator's defaults of prs.conf."""
    limit: Schema = {"type": "integer", "minimum": 1, "maximum": 2**53}
    target = record("A guest and the node it shall go to.", vmid=VMID, target=NODE)
    choice: Any = {
        "avoid": {**listing(NODE, "nodes that get no guest by this plan"), "maxItems": 200},
        "targets": {**listing(target, "balance: exactly these moves; drain: where these guests go"), "maxItems": 1000},
    }
    size = record("A node to be.", memory={**limit, "description": "bytes"}, cores={"type": "integer", "minimum": 1, "maximum": 8192})
    what_if: Any = {
        "add_nodes": {**listing(size, "what if there were these nodes more"), "minItems": 1, "maxItems": 100},
        "scale": {**NUMBER, "minimum": 0.1, "maximum": 10, "description": "what if running guests used so many times what they do now"},
    }
    balance: Any = {
        **choice,
        **what_if,
        "without": {**NODE, "description": "what if this node were gone: would all of it fit on the others"},
        "kind": {"type": "string", "enum": ["balance"]},
        "method": LEVELLED,
        "memory": MEMORY,
        "goal": {"type": "string", "enum": ["spread", "level", "mend"],
                 "description": "cheapest plan to the configured spread, most level, or repairs of broken rules and nothing else"},
        "containers": FLAG,
        "max_moves": limit,
        "max_bytes": limit,
    }
    drain: Any = {
        **choice,
        **what_if,
        "kind": {"type": "string", "enum": ["drain"]},
        "node": NODE,
        "method": LEVELLED,
        "memory": MEMORY,
        "stopped": {**FLAG, "description": "move stopped guests too (default true)"},
        "leave": {**FLAG, "description": "move what can leave even if something cannot (default false)"},
        "containers": {**FLAG, "description": "move running containers too, each move restarts one"},
        "relax": {**listing({**TEXT, "maxLength": 256}, "rules that may be broken meanwhile (see `relaxable`); * = any"), "maxItems": 200},
    }
    drain |= RIDING
    short: Schema = {**TEXT, "maxLength": 256}
    disk: Any = {"storage": {**TEXT, "minLength": 1, "maxLength": 100}, "size": {**limit, "description": "bytes"}}
    joins = {**listing(short, "names of HA rules that it joins"), "maxItems": 100}
    new: Any = {
        "name": {**TEXT, "maxLength": 100},
        "kind": {"type": "string", "enum": ["qemu", "lxc"]},
        "memory": {**limit, "description": "bytes that it may use"},
        "cores": {"type": "integer", "minimum": 1, "maximum": 8192},
        "disks": {**listing(record("A disk to be.", **disk)), "maxItems": 64},
        "tags": {**listing(short), "maxItems": 100},
        "pool": short,
        "rules": joins,
        "like": {**VMID, "description": "a guest that it is like in all that is left out"},
    }
    asked: Any = {
        "method": LEVELLED,
        "guests": {**listing(ref("NewGuest"), "guests to be, placed together"), "minItems": 1, "maxItems": 20},
        "vmid": {**VMID, "description": "instead of `guests`: a guest that exists"},
    }
    later = (*choice, *what_if, "without", "method", "memory", "goal", "containers", "max_moves", "max_bytes", "stopped", "leave", "relax",
             *RIDING)  # fmt: skip
    return {
        "BalanceRequest": record("Level the cluster by one method, or say what if: that is never carried out.", later, **balance),
        "DrainRequest": record("Empty one node.", later, **drain),
        "NewGuest": record("What a guest to be needs; memory or like has to be there.", tuple(new), **new),
        "PlacementRequest": record("Where guests should go: those that are to be, or one that exists.", tuple(asked), **asked),
        "JobRequest": record(
            "Carry out exactly this plan, or only the moves of some guests.",
            ("moves", "maintenance"),
            plan=ID,
            moves={**listing(VMID, "guests to move; all when left out"), "minItems": 1, "maxItems": 10000, "uniqueItems": True},
            maintenance={**FLAG, "description": "drain only: switch the node's HA maintenance mode on; needs Sys.Console on /"},
        ),
        "SuggestionRequest": record("The suggested plan that is meant, as it was shown.", plan=ID),
        "CancelRequest": record(
            "Cancel: start nothing more.",
            ("abort",),
            abort={**FLAG, "description": "stop the running migrations too (default: let them end)"},
        ),
        "MaintenanceRequest": record("HA maintenance mode of a node.", enabled=FLAG),
        "NodeStateRequest": record(
            "How a node shall be; what follows is for one that is to be drained.",
            ("maintenance", "stopped", "containers", *RIDING),
            state={"type": "string", "enum": ["drained", "released"]},
            maintenance={**FLAG, "description": "switch HA maintenance mode (default: where that is possible and the caller may)"},
            stopped=drain["stopped"], containers=drain["containers"], **RIDING,
        ),
        "LoginRequest": record(
            "Passed to PVE. A second factor: `password` is `totp:123456` or `recovery:CODE`, `challenge` the one of the first answer. "
            "Renewal: `password` is the old ticket.",
            ("realm", "challenge"),
            username={**TEXT, "minLength": 3, "maxLength": 64},
            realm={**TEXT, "maxLength": 32},
            password={**TEXT, "minLength": 1, "maxLength": 8192},
            challenge={**TEXT, "maxLength": 8192},
        ),
    }
