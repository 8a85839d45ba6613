"""Holds a JSON value against the schemas of the API description with jsonschema, so that description and check are one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from itertools import islice
from typing import Any

from jsonschema import Draft202012Validator, ValidationError, validators

from prs.web.api.reflect import Schema
from prs.web.api.schemas import components


def _pattern(validator: Any, pattern: str, value: object, schema: Schema) -> Iterator[ValidationError]:
    """`$` is the very end, as in the standard; Python's also stands before a last newline."""
    if isinstance(value, str) and not re.search(pattern.replace("$", r"\Z"), value):
        yield ValidationError("is not of the expected form")


def _unique(validator: Any, wanted: bool, value: object, schema: Schema) -> Iterator[ValidationError]:
    """In one pass: jsonschema compares each item with each other when they cannot be sorted, which takes a small body 20 s."""
    if wanted and isinstance(value, list) and len({json.dumps(item, sort_keys=True) for item in value}) < len(value):
        yield ValidationError("an item is there twice")


_VALIDATOR = validators.extend(Draft202012Validator, {"pattern": _pattern, "uniqueItems": _unique})
MOST = 50  # mistakes that are looked for: what is wrong a hundred thousand times costs no more than that


def mistakes(schema: Schema, value: Any) -> list[str]:
    """What is wrong with the value, up to MOST sentences without the value itself; an empty list when it is as described.

    The choices of a `oneOf` differ in the only value of their `kind`.
    """
    if "oneOf" in schema:
        kinds = {_named(choice)["properties"]["kind"]["enum"][0]: choice for choice in schema["oneOf"]}
        kind = value.get("kind") if isinstance(value, dict) else None
        if not isinstance(kind, str) or kind not in kinds:
            return [f"kind: one of {', '.join(kinds)} is expected"]
        schema = kinds[kind]
    found = islice(_VALIDATOR({**schema, "components": _components()}).iter_errors(value), MOST)
    errors = sorted(found, key=lambda error: error.json_path)
    return list(dict.fromkeys(words for error in errors for words in _words(error)))


@cache
def _components() -> dict[str, Any]:
    return {"schemas": components()}


def _named(choice: Schema) -> Schema:
    found: Schema = _components()["schemas"][choice["$ref"].rsplit("/", 1)[-1]]
    return found


def _words(error: ValidationError) -> list[str]:
    """One kind of mistake as sentences; what was sent is not repeated, it may be a password."""
    where, limit = error.json_path.removeprefix("$").removeprefix("."), error.validator_value
    if error.validator == "required":
        return [f"{_join(where, name)}: is missing" for name in limit if name not in error.instance]
    if error.validator == "additionalProperties":
        return [f"{_join(where, name)}: is not known" for name in sorted(set(error.instance) - set(error.schema["properties"]))]
    words = {
        "type": f"{limit} is expected",
        "enum": f"one of {', '.join(map(str, limit)) if isinstance(limit, list) else ''} is expected",
        "minItems": f"at least {limit} items are expected",
        "maxItems": f"at most {limit} items are expected",
        "uniqueItems": "an item is there twice",
        "minLength": f"at least {limit} characters are expected",
        "maxLength": f"at most {limit} characters are expected",
        "minimum": f"a number from {limit} on is expected",
        "maximum": f"a number up to {limit} is expected",
    }
    return [f"{where or 'body'}: {words.get(str(error.validator), 'is not of the expected form')}"]


def _join(where: str, name: str) -> str:
    return f"{where}.{name[:40]}" if where else name[:40]
