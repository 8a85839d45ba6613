"""Rows of the journal as values; SQLite checks no types, so that each column is looked at."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import fields
from typing import Any, TypeVar

from prs.codec import from_json
from prs.engine.journal.jobs import Step
from prs.errors import JournalError, ModelError
from prs.model import Plan

T = TypeVar("T")
UNREADABLE = (ModelError, ValueError, TypeError, KeyError, RecursionError)  # what reading a row ends with that nobody can understand
# The plan that waits as a suggestion, in SQL: nobody but the service takes it away, however old it gets.
SUGGESTED = """COALESCE((SELECT CASE WHEN json_valid(value) THEN json_extract(value, '$.plan') END
    FROM meta WHERE name = 'automation'), '')"""
_STEP_FIELDS = tuple(item.name for item in fields(Step))


def read(cls: type[T], text: str, what: str) -> T:
    """The value that the column holds as JSON; JournalError, which names `what`, if it does not."""
    try:
        return from_json(cls, json.loads(text))
    except UNREADABLE as error:
        raise JournalError(f"{what} cannot be read from the journal: {f'{type(error).__name__}: {error}'[:200]}") from error


def step_of(row: sqlite3.Row) -> Step:
    """The step of a row; ModelError if a column holds what no step has."""
    values: dict[str, Any] = {name: row[name] for name in _STEP_FIELDS}
    values |= {"running": bool(row["running"]), "ha": bool(row["ha"]), "storages": json.loads(row["storages"])}
    return from_json(Step, values, f"step {row['seq']}")


def brief_plan(row: sqlite3.Row) -> Plan:
    """Of a plan what long lists show: kind, method, summary and the options that tell what it is."""
    options = tuple((str(name), str(value)) for name, value in json.loads(row["options"] or "[]"))
    return Plan(row["kind"], row["method"], row["node"], summary=row["summary"], options=options)
