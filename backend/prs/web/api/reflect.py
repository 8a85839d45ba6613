"""JSON schemas of the model's dataclasses, taken from their fields, so that the description cannot drift from what is sent."""

from __future__ import annotations

import types
from dataclasses import fields
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

_SCALARS = {int: "integer", float: "number", str: "string", bool: "boolean"}
Schema = dict[str, Any]
# Fields of guests and storages that only a plan has use for, and that are not sent.
OF_PLANS = (
    "inspected", "volumes", "images", "targets", "refused", "unavailable", "blockers", "companions", "cpu_type", "cpu_bound", "arch",
    "vcpus", "hookscript", "firewalled", "bridges", "reserved", "grows", "auto_rebalance", "failback", "chains",
)  # fmt: skip


def schema_of(cls: type, drop: tuple[str, ...] = (), **more: Schema) -> Schema:
    """The schema of what to_json gives for the dataclass, without the fields in `drop`, with the properties in `more`."""
    hints = get_type_hints(cls)
    known: Any = {item.name: _schema(hints[item.name]) for item in fields(cls) if item.name not in drop} | more
    return record((cls.__doc__ or "").split("\n")[0], **known)


def record(description: str, optional: tuple[str, ...] = (), **properties: Schema) -> Schema:
    """An object with exactly these properties, all required but the optional ones."""
    found: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    required = [name for name in properties if name not in optional]
    return {**found, **({"required": required} if required else {}), "description": description}


def listing(item: Schema, description: str = "") -> Schema:
    """A list of such items."""
    return {"type": "array", "items": item, **({"description": description} if description else {})}


def ref(name: str) -> Schema:
    """A reference to a named schema of the document."""
    return {"$ref": f"#/components/schemas/{name}"}


def _schema(hint: Any) -> Schema:
    origin = get_origin(hint)
    if origin is Literal:
        return {"type": "string", "enum": list(get_args(hint))}
    if origin in (Union, types.UnionType):
        inner = _schema(next(arg for arg in get_args(hint) if arg is not type(None)))
        return {"anyOf": [inner, {"type": "null"}]}
    if origin is tuple:
        args = get_args(hint)
        return listing(_schema(args[0]))
    return {"type": _SCALARS[hint]} if hint in _SCALARS else ref(hint.__name__)
