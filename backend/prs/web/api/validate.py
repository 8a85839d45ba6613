"""Holds a JSON value against the part of JSON Schema that the API description uses, so that description and check are one."""

from __future__ import annotations

import re
from typing import Any

from prs.web.api.reflect import Schema
from prs.web.api.schemas import components

_TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int, "number": (int, float)}
_NAMED = components()


def mistakes(schema: Schema, value: Any, where: str = "") -> list[str]:
    """Everything that is wrong with the value, one sentence each; an empty list when it is as described."""
    if "$ref" in schema:
        return mistakes(_NAMED[schema["$ref"].rsplit("/", 1)[-1]], value, where)
    if "oneOf" in schema:
        return _one_of(schema["oneOf"], value, where)
    kind = schema["type"]
    if not _is(kind, value):
        return [f"{where or 'body'}: {kind} is expected"]
    if kind == "object":
        return _object(schema, value, where)
    if kind == "array":
        return _array(schema, value, where)
    return [f"{where}: {words}" for words in _scalar(schema, value)]


def _is(kind: str, value: Any) -> bool:
    if kind in ("integer", "number") and isinstance(value, bool):
        return False
    whole = isinstance(value, float) and value.is_integer()  # 1.0 is an integer to JSON Schema
    return isinstance(value, _TYPES[kind]) or (kind == "integer" and whole)  # type: ignore[arg-type]


def _one_of(choices: list[Schema], value: Any, where: str) -> list[str]:
    """The choices differ in the only value of their `kind`."""
    kinds = {}
    for choice in choices:
        found = _NAMED[choice["$ref"].rsplit("/", 1)[-1]]
        kinds[found["properties"]["kind"]["enum"][0]] = found
    kind = value.get("kind") if isinstance(value, dict) else None
    if not isinstance(kind, str) or kind not in kinds:
        return [f"kind: one of {', '.join(kinds)} is expected"]
    return mistakes(kinds[kind], value, where)


def _object(schema: Schema, value: dict[str, Any], where: str) -> list[str]:
    known = schema["properties"]
    found = [f"{_join(where, name)}: is missing" for name in schema.get("required", []) if name not in value]
    found += [f"{_join(where, name)}: is not known" for name in sorted(set(value) - set(known))]
    for name in sorted(set(value) & set(known)):
        found += mistakes(known[name], value[name], _join(where, name))
    return found


def _array(schema: Schema, value: list[Any], where: str) -> list[str]:
    if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
        return [f"{where}: {schema.get('minItems', 0)} to {schema['maxItems']} items are expected"]
    found = [words for index, item in enumerate(value) for words in mistakes(schema["items"], item, f"{where}[{index}]")]
    if not found and schema.get("uniqueItems") and len(set(value)) < len(value):
        return [f"{where}: an item is there twice"]
    return found


def _scalar(schema: Schema, value: Any) -> list[str]:
    if "enum" in schema and value not in schema["enum"]:
        return [f"{str(value)[:40]!r} is not one of {', '.join(map(str, schema['enum']))}"]
    if "pattern" in schema and not re.search(schema["pattern"].replace("$", r"\Z"), value):
        return ["is not of the expected form"]
    if isinstance(value, str) and not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)):
        return [f"{schema.get('minLength', 0)} to {schema.get('maxLength', 'any number of')} characters are expected"]
    if not isinstance(value, str) and not schema.get("minimum", value) <= value <= schema.get("maximum", value):
        return [f"a number from {schema.get('minimum')} to {schema.get('maximum')} is expected"]
    return []


def _join(where: str, name: str) -> str:
    return f"{where}.{name[:40]}" if where else name[:40]
