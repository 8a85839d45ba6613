"""The JSON Schema of what `--json` prints, made from the classes that are printed: `python -m unit.cli.json_schema` prints it."""

from __future__ import annotations

import json
import types
from dataclasses import fields, is_dataclass
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from prs.config.load import Origin
from prs.config.policy_edit import Change
from prs.engine.journal.automation import Balancing
from prs.engine.journal.hold import Hold
from prs.engine.journal.jobs import Job
from prs.engine.rolling.batches.outlook import Turn
from prs.engine.rolling.runs import RollingRun
from prs.engine.rolling.stages import Round
from prs.model import BindingRule, Cluster, GuestMode, Placement, Plan
from prs.pve.check.findings import Finding

Schema = dict[str, Any]
SCALARS: dict[Any, str] = {int: "integer", float: "number", str: "string", bool: "boolean"}
TEXTS: Schema = {"type": "array", "items": {"type": "string"}}
COUNT: Schema = {"type": "integer", "minimum": 0}


def schema_of(hint: Any, found: dict[str, Schema]) -> Schema:
    """The schema of a type as prs.codec.to_json gives it; that of each class on the way goes into `found`."""
    origin, args = get_origin(hint), get_args(hint)
    if origin is Literal:
        return {"enum": list(args)}
    if origin in (Union, types.UnionType):
        return {"anyOf": [schema_of(arg, found) if arg is not type(None) else {"type": "null"} for arg in args]}
    if origin is tuple and args[1:] == (Ellipsis,):
        return {"type": "array", "items": schema_of(args[0], found)}
    if origin is tuple:
        return {"type": "array", "prefixItems": [schema_of(arg, found) for arg in args], "items": False, "minItems": len(args)}
    if is_dataclass(hint):
        name = hint.__name__  # type: ignore[union-attr]
        if name not in found:
            found[name] = {}
            hints = get_type_hints(hint)
            found[name] = record(**{item.name: schema_of(hints[item.name], found) for item in fields(hint)})
            found[name]["description"] = (hint.__doc__ or "").split("\n")[0]
        return {"$ref": f"#/$defs/{name}"}
    return {"type": SCALARS[hint]}


def record(**properties: Schema) -> Schema:
    """An object with all of these properties; others may be added within a major version."""
    return {"type": "object", "properties": properties, "required": list(properties)}


def listing(item: Schema) -> Schema:
    """A list."""
    return {"type": "array", "items": item}


def document() -> Schema:
    """One definition for each verb, for errors, and for each class in them."""
    found: dict[str, Schema] = {}
    plan, placement, job, hold, rolling_run, origin, change, standing, finding, cluster, rule = (
        schema_of(one, found) for one in (Plan, Placement, Job, Hold, RollingRun, Origin, Change, Balancing, Finding, Cluster, BindingRule)
    )
    one, null = schema_of(Round, found), {"type": "null"}
    rounds: Schema = {"anyOf": [one, null]}
    run: Schema = {"anyOf": [rolling_run, null]}
    done = record(plan=plan, job={"anyOf": [job, null]})
    rolling = record(rolling_run=rolling_run)
    verbs: dict[str, Schema] = {
        "run": done,
        "plan": record(plan=plan, feasible={"type": "boolean"}, bytes=COUNT, problems=TEXTS),
        "place": {
            "anyOf": [
                record(placement=placement, feasible={"type": "boolean"}),
                {"type": "object", "additionalProperties": {"type": "string"}},
            ]
        },
        "rules": record(rules=listing(rule), guests=listing(schema_of(GuestMode, found)), problems=TEXTS),
        "drain": {"anyOf": [done, rolling, record(round=one), record(rolling_plan=listing(schema_of(Turn, found)))]},
        "resume": {"anyOf": [record(jobs=listing(job)), rolling]},
        "release": {"anyOf": [done, record(plan=null, job=null, held=listing(hold))]},
        "snapshot": {
            "anyOf": [
                record(format={"type": "string"}, version=COUNT, cluster=cluster),
                record(file={"type": "string"}, nodes=COUNT, guests=COUNT),
            ]
        },
        "status": {
            "anyOf": [
                record(jobs=listing(job), held=listing(hold), rolling_run=run, mistakes=TEXTS, round=rounds, balancing=standing),
                job,
            ]
        },
        "check": record(findings=listing(finding), problems=COUNT),
        "config": record(options=listing(origin), mistakes=TEXTS, warnings=TEXTS, missing=TEXTS),
        "config set": record(file={"type": "string"}, digest={"type": "string"}, changes=listing(change), notes=TEXTS),
        "setup": record(changes=TEXTS, problems=TEXTS, notes=TEXTS),
        "error": record(error=record(exit={"type": "integer", "minimum": 1, "maximum": 6}, messages={**TEXTS, "minItems": 1})),
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "What proxmox-rebalancing-service prints with --json: $defs has one entry for each verb, and `error`",
        "$defs": {**verbs, **dict(sorted(found.items()))},
    }


def exact(schema: Any) -> Any:
    """The same with no other properties: what is printed by the very version that the schema was made from."""
    if isinstance(schema, dict):
        more = {"additionalProperties": False} if "properties" in schema and "required" in schema else {}
        return {key: exact(value) for key, value in schema.items()} | more
    return [exact(item) for item in schema] if isinstance(schema, list) else schema


def text() -> str:
    """The document as docs/json.schema.json holds it."""
    return json.dumps(document(), indent=1) + "\n"


if __name__ == "__main__":
    print(text(), end="")
