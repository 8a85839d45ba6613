"""Rows of the journal as values; SQLite checks no types, so that each column is looked at."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import fields
from typing import Any

from prs.codec import from_json
from prs.engine.journal.jobs import Step
from prs.model import Plan

_STEP_FIELDS = tuple(item.name for item in fields(Step))


def step_of(row: sqlite3.Row) -> Step:
    """The step of a row; ModelError if a column holds what no step has."""
    values: dict[str, Any] = {name: row[name] for name in _STEP_FIELDS}
    values |= {"running": bool(row["running"]), "ha": bool(row["ha"]), "storages": json.loads(row["storages"])}
    return from_json(Step, values, f"step {row['seq']}")


def brief_plan(row: sqlite3.Row) -> Plan:
    """Of a plan what long lists show: kind, method, summary and the options that tell what it is."""
    options = tuple((str(name), str(value)) for name, value in json.loads(row["options"] or "[]"))
    return Plan(row["kind"], row["method"], row["node"], summary=row["summary"], options=options)
