"""The description of the HTTP API (OpenAPI 3.1), served at /api/v1/openapi.json and held against the service by the tests."""

from __future__ import annotations

from typing import Any

from prs import __version__
from prs.engine.loads.history import DAYS
from prs.web.api import examples
from prs.web.api.reflect import Schema, ref
from prs.web.api.schemas import components
from prs.web.api.values import ID, LATER, NODE

PREFIX = "/api/v1"
# Every refusal that any call with a caller may get.
COMMON = {
    "400": "the request is not as described",
    "401": "no ticket, or PVE refuses it",
    "403": "not allowed: by PVE's rights, the origin, the host name or the CSRF token",
    "404": "there is no such thing, or the caller may not see it",
    "405": "the path does not know this method",
    "413": "the body is larger than 64 KiB",
    "415": "the body is not application/json",
    "429": "too many unproven logins or plans at the same time, or calls of a user in a while, see Retry-After",
    "500": "a fault in the service",
    "502": "PVE gave no usable answer",
    "503": "the journal or a part of the service is not usable",
}
# What a call gives that may take longer than it waits: a change, and through PVE's own port what only reads as well.
_LONG: Schema = {"anyOf": [ref(name) for name in (
    "Plan", "Placement", "Job", "Released", "Maintenance", "NodeState", "Status", "Cluster", "ClusterPolicy", "Rules",
    "Jobs", "Dismissed", "AccountMade", "Round", "RoundState", "RoundNodes", "RoundPreview", "Loads",
)]}  # fmt: skip
OPEN = {"400", "403", "404", "405", "413", "415", "429", "500", "502"}


def document() -> dict[str, Any]:
    """The whole description."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Proxmox Rebalancing Service",
            "version": __version__,
            "description": "Answers are {data: ...} or {error: {code, message, details}}. Bytes, cores, fractions 0..1, Unix seconds. "
            "`said` has the codes of the sentences in an answer that are the service's own, for wording them in other languages.",
        },
        "servers": [{"url": PREFIX}],
        "paths": _with_later(_paths()),
        "components": {"schemas": components(), "securitySchemes": _security()},
        "security": [{"ticket": []}],
    }


def _security() -> dict[str, Any]:
    words = (
        "`PVEAuthCookie=<ticket>` together with CSRFPreventionToken on every POST, or `PVEAPIToken=user@realm!name=secret`. "
        "Cookies are ignored."
    )
    return {"ticket": {"type": "apiKey", "in": "header", "name": "Authorization", "description": words}}


def _paths() -> dict[str, Any]:
    job = [{"name": "id", "in": "path", "required": True, "schema": ID}]
    node = [{"name": "node", "in": "path", "required": True, "schema": NODE}]
    scope = {"name": "scope", "in": "query", "schema": {"type": "string", "enum": ["cluster", "node"]},
             "description": "node = only what this node's journal holds (default cluster)"}  # fmt: skip
    limit = {"name": "limit", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": 200},
             "description": "so many of the newest (default 20); each other node's newest few come besides"}  # fmt: skip
    days = {"name": "days", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": DAYS}, "description": "default 1"}
    plans: Schema = {"oneOf": [ref("BalanceRequest"), ref("DrainRequest")]}
    drift = {"409": "the plan no longer holds (code drift), moves nothing (empty), or an open job moves the same guests (conflict)"}
    sense = {"409": "there is no such node, or no quorum (code plan)"}
    ended = {"409": "the job's state does not allow it (code state)"}
    helper = {"409": "HA cannot be told (code helper)"}
    steer = {"409": "the round's state does not allow it (code plan), or root's helper cannot write it (code helper)"}
    unseen = {"304": "not changed since the ETag in If-None-Match"}
    return {
        "/healthz": {"get": _call("Is the service alive?", ref("Alive"), "healthz", open_to_all=True)},
        "/realms": {"get": _call("Realms to log in to, as PVE lists them.", ref("Realms"), "realms", open_to_all=True)},
        "/login": {"post": _call("Log in at PVE, or renew a ticket.", ref("Login"), "login", ref("LoginRequest"),
                                 extra={"401": "refused by PVE"}, open_to_all=True)},
        "/answers/{id}": {
            "parameters": [{"name": "id", "in": "path", "required": True, "schema": LATER}],
            "get": _call("The answer to a call that was answered with 202, as that call would have given it; 202 again: ask again.",
                         _LONG, "plan", extra={"409": "what the call would have been refused with", **unseen}),
        },
        "/status": {"get": _call("Caller, rights and warnings.", ref("Status"), "status", params=[scope], extra=unseen)},
        "/cluster": {"get": _call("Nodes, guests and storages with their loads.", ref("Cluster"), "cluster", extra=unseen)},
        "/loads": {"get": _call("Loads of the nodes over time; needs Sys.Audit on /.", ref("Loads"), "loads", params=[days, scope],
                                extra=unseen)},
        "/metrics": {"get": _metrics()},
        "/plans": {"post": _call("Make and store a plan; nothing moves.", ref("Plan"), "plan", plans, extra=sense, status="201")},
        "/plans/{id}": {"parameters": job, "get": _call("The stored plan.", ref("Plan"), "plan")},
        "/policy": {
            "get": _call("The cluster-wide policy as this node reads it; needs Sys.Audit on /.", ref("ClusterPolicy"), "policy",
                         extra=unseen),
            "put": _call("Change the cluster-wide policy; needs Sys.Modify on /.", ref("ClusterPolicy"), "policy", ref("PolicyRequest"),
                         extra={"409": "it is another version by now (code changed), or root's helper cannot write it (code helper)"}),
        },
        "/rules": {"get": _call("Every rule that binds guests, and how each may be moved.", ref("Rules"), "rules", extra=unseen)},
        "/rounds": {
            "get": _call("The last round of rolling maintenance; needs Sys.Audit on /.", ref("RoundState"), "rounds", extra=unseen),
            "post": _call("Begin a round, which the services carry out with their own account; needs Sys.Modify on /, VM.Migrate and "
                          "VM.Audit throughout /vms, Sys.PowerMgmt on nodes that reboot, VM.PowerMgmt on rides, Sys.Console for HA's mode.",
                          ref("Round"), "round", ref("RoundRequest"), status="201",
                          extra={"409": "one is under way (conflict), a node is not there (plan), or a part of it cannot be done from here "
                                        "(helper, hook, state)"}),
        },
        "/rounds/nodes": {
            "get": _call("The nodes that a round may take; needs Sys.Audit on /.", ref("RoundNodes"), "round_nodes"),
        },
        "/rounds/preview": {
            "post": _call("How a round would go, as things are now; nothing is begun.", ref("RoundPreview"), "round_preview",
                          ref("RoundRequest"), extra={"409": "there is no such node, or no quorum (code plan)"}),
        },
        "/rounds/{id}/pause": {
            "parameters": job, "post": _call("Begin no further node until it is resumed.", ref("Round"), "round", extra=steer),
        },
        "/rounds/{id}/resume": {
            "parameters": job, "post": _call("Go on; also needs Sys.PowerMgmt on nodes that reboot.", ref("Round"), "round", extra=steer),
        },
        "/rounds/{id}/stop": {
            "parameters": job, "post": _call("Take back what is under way, and end it.", ref("Round"), "round", extra=steer),
        },
        "/rounds/{id}/skip": {
            "parameters": job, "post": _call("Leave a node out.", ref("Round"), "round", ref("SkipRequest"), extra=steer),
        },
        "/suggestion": {"get": _call("The plan that the leading node's service suggests; needs Sys.Audit on /.", ref("Plan"), "plan",
                                     params=[scope])},
        "/suggestion/apply": {"post": _call("Carry the suggested plan out.", ref("Job"), "job", ref("SuggestionRequest"), [scope],
                                            {"409": f"{drift['409']}, or it waits no longer (gone)"}, status="201")},
        "/suggestion/dismiss": {"post": _call("Take the suggested plan away; needs Sys.Modify on /.", ref("Dismissed"), "dismissed",
                                              ref("SuggestionRequest"), [scope], {"409": "it waits no longer (code gone)"})},
        "/account": {
            "get": _call("The service's own account, as it would be made; needs Sys.Audit on /.", ref("Account"), "account"),
            "post": _call("Make it with the caller's own rights and give it to all nodes; needs Permissions.Modify on /.",
                          ref("AccountMade"), "account_made", status="201",
                          extra={"409": "there is one (state), PVE refuses a part (account), or root's helper cannot keep it (helper)"}),
        },
        "/placements": {"post": _call("Where guests should go; nothing moves.", ref("Placement"), "placement", ref("PlacementRequest"),
                                      extra=sense)},
        "/jobs": {
            "get": _call("Own jobs, or all with Sys.Audit on /.", ref("Jobs"), "jobs", params=[scope, limit], extra=unseen),
            "post": _call("Carry a plan out.", ref("Job"), "job", ref("JobRequest"), extra=drift, status="201"),
        },
        "/jobs/{id}": {"parameters": job, "get": _call("A job with its steps.", ref("Job"), "job", params=[scope], extra=unseen)},
        "/jobs/{id}/cancel": {
            "parameters": job,
            "post": _call("Start nothing more.", ref("Job"), "job", ref("CancelRequest"), [scope], ended),
        },
        "/jobs/{id}/pause": {
            "parameters": job,
            "post": _call("Start nothing more until resumed.", ref("Job"), "job", params=[scope], extra=ended),
        },
        "/jobs/{id}/resume": {"parameters": job, "post": _call("Go on.", ref("Job"), "job", params=[scope], extra=ended)},
        "/jobs/{id}/undo": {
            "parameters": job,
            "post": _call("Plan the way back of its guests.", ref("Plan"), "plan", params=[scope], extra=ended, status="201"),
        },
        "/nodes/{node}/release": {
            "parameters": node,
            "post": _call("Let a drained node have guests again, and bring none back.", ref("Released"), "released", extra=helper),
        },
        "/nodes/{node}/maintenance": {
            "parameters": node,
            "put": _call("Have a node empty, or filled again; asked once more it begins nothing twice.",
                         ref("NodeState"), "node_state", ref("NodeStateRequest"), [scope],
                         {"409": f"it cannot be emptied (infeasible), another job is in the way (state), or {drift['409']}"}),
            "post": _call("Switch HA maintenance mode.", ref("Maintenance"), "maintenance", ref("MaintenanceRequest"), extra=helper),
        },
    }  # fmt: skip


def _metrics() -> dict[str, Any]:
    call = _call("Figures for monitoring, in OpenMetrics; needs Sys.Audit on /.", {"type": "string"}, "metrics")
    shown = {"schema": {"type": "string"}, "example": examples.ANSWERS["metrics"]}
    call["responses"]["200"]["content"] = {"application/openmetrics-text": shown}
    return call


def _with_later(paths: dict[str, Any]) -> dict[str, Any]:
    """The paths, with 202 at every call of a caller and where its answer is asked for."""
    answers = paths["/answers/{id}"]["get"]["responses"]
    answers["201"] = answers["200"]
    calls = [call for item in paths.values() for verb, call in item.items() if verb != "parameters" and "security" not in call]
    for call in calls:
        call["responses"]["202"] = {"description": "this takes longer: ask /answers/{id} for the answer",
                                    "content": _data(ref("Later"), "later")}  # fmt: skip
    return paths


def _call(
    summary: str, schema: Schema, example: str, body: Schema | None = None, params: list[Schema] | None = None,
    extra: dict[str, str] | None = None, status: str = "200", open_to_all: bool = False,
) -> dict[str, Any]:  # fmt: skip
    """One operation with its answers; POST bodies are application/json."""
    answers: dict[str, Any] = {status: {"description": summary, "content": _data(schema, example)}}
    refusals = {code: words for code, words in COMMON.items() if not open_to_all or code in OPEN}
    for code, words in sorted({**refusals, **(extra or {})}.items()):
        error = {"content": {"application/json": {"schema": ref("Error"), "example": examples.error(code)}}} if code != "304" else {}
        answers[code] = {"description": words, **error}
    call: dict[str, Any] = {"summary": summary, "responses": answers}
    if params:
        call["parameters"] = params
    if body is not None:
        given = examples.REQUESTS.get(str(body.get("$ref", "plans")).rsplit("/", 1)[-1])
        call["requestBody"] = {"required": True, "content": {"application/json": {"schema": body, "example": given}}}
    if open_to_all:
        call["security"] = []
    return call


def _data(schema: Schema, example: str) -> dict[str, Any]:
    good = {"type": "object", "properties": {"data": schema, "said": ref("Said")}, "required": ["data"], "additionalProperties": False}
    return {"application/json": {"schema": good, "example": {"data": examples.ANSWERS[example]}}}
