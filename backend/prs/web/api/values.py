"""Schemas of single values, of which the named schemas of the API description are made."""

from __future__ import annotations

from typing import Any, get_args

from prs.engine.journal.jobs import JobState
from prs.model import (
    RESOURCES,
    Levelled,
    Memory,
    Method,
)
from prs.web.api.reflect import Schema, listing, record

TEXT: Schema = {"type": "string"}
INTEGER: Schema = {"type": "integer"}
COUNT: Schema = {"type": "integer", "minimum": 0}
NUMBER: Schema = {"type": "number"}
FLAG: Schema = {"type": "boolean"}
BYTES: Schema = {"type": "integer", "minimum": 0, "description": "bytes"}
FRACTION: Schema = {"type": "number", "description": "fraction, 0..1"}
UNIX: Schema = {"type": "number", "description": "Unix seconds; 0 = not yet"}
TEXTS = listing(TEXT)
VMID: Schema = {"type": "integer", "minimum": 1, "maximum": 999999999}
ID: Schema = {"type": "string", "pattern": "^[0-9a-f]{12}$"}
LATER: Schema = {"type": "string", "pattern": "^[0-9a-f]{32}$"}
NODE: Schema = {"type": "string", "pattern": "^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$"}
MEMORY: Schema = {"type": "string", "enum": list(get_args(Memory)), "description": "which memory of guests counts"}
METHOD: Schema = {"type": "string", "enum": list(get_args(Method))}
LEVELLED: Schema = {"type": "string", "enum": list(get_args(Levelled)), "description": "pressure: what a node's tasks wait for"}
HOW: Schema = {"type": "string", "enum": ["live", "ha", "offline", "restart"], "description": "how the guest moves"}
KIND: Schema = {"type": "string", "enum": ["qemu", "lxc", ""]}
PAIRS = listing({"type": "array", "items": TEXT, "minItems": 2, "maxItems": 2}, "name and value of each option, as shown to the user")
JOB_STATE: Schema = {"type": "string", "enum": list(get_args(JobState))}


def each(names: tuple[str, ...], item: Schema) -> Any:
    """The same schema under each of the names."""
    return dict.fromkeys(names, item)


def by_resource(item: Schema, words: str) -> Schema:
    return record(words, **each(RESOURCES, item))


RIDING: dict[str, Schema] = {
    "rides": {**listing(VMID, "guests that may be shut down instead, and are started again on release; needs VM.PowerMgmt on each"),
              "minItems": 1, "maxItems": 1000, "uniqueItems": True},
    "kill_after": {"type": "integer", "minimum": 1, "maximum": 86400,
                   "description": "with `rides`: seconds after which such a guest is killed (default: never); VMs under HA need it"},
}  # fmt: skip


def one_of(literal: Any) -> Schema:
    return {"type": "string", "enum": list(get_args(literal))}
