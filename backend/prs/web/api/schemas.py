"""The named schemas of the served API description: what goes in and what comes out, built on the model's own fields."""

from __future__ import annotations

from typing import Any

from prs.config.policy_edit import SHORTEST
from prs.config.policy_view import PolicyOption, PolicyView, WrongEntry
from prs.engine.journal.automation import Automation, Balancing, Suggestion
from prs.engine.journal.hold import Hold
from prs.engine.journal.jobs import Job, Step
from prs.engine.journal.rides import Ride
from prs.model import (
    RESOURCES,
    BindingRule,
    BoundGuest,
    Guest,
    GuestMode,
    Headroom,
    Move,
    NodeLoad,
    Outlook,
    Plan,
    Stay,
    Storage,
    Term,
)
from prs.model.placement import Candidate, Placed, Placement
from prs.web.api.reflect import OF_PLANS, Schema, listing, record, ref, schema_of
from prs.web.api.request_schemas import requests
from prs.web.api.round_schemas import rounds
from prs.web.api.values import (
    BYTES,
    COUNT,
    FLAG,
    FRACTION,
    HOW,
    ID,
    INTEGER,
    LATER,
    LEVELLED,
    METHOD,
    NODE,
    NUMBER,
    PAIRS,
    TEXT,
    TEXTS,
    UNIX,
    VMID,
    by_resource,
    each,
)


def _status() -> dict[str, Schema]:
    actions = ("plan", "plan_drain", "balance", "drain", "maintenance", "make_account", "cancel_others", "see_all_jobs")
    return {
        "Right": record("Whether the caller may do it, and in words why not.", allowed=FLAG, reason=TEXT),
        "Status": record(
            "Who asks, what they may do and what an administrator should know.",
            version=TEXT,
            node={**TEXT, "description": "the node that answers"},
            user=TEXT,
            token={**FLAG, "description": "the caller is an API token"},
            daemon={**FLAG, "description": "the service that carries jobs out is running"},
            defaults=record("Defaults of prs.conf.", method=LEVELLED, spread=FRACTION, containers=FLAG),
            may=record("Rights by action.", **each(actions, ref("Right"))),
            warnings=TEXTS,
            balancing={"anyOf": [ref("Balancing"), {"type": "null"}],
                       "description": "automatic balancing, as the leading node tells it; null without Sys.Audit on /"},
        ),
        "Automation": schema_of(Automation),
        "Suggestion": schema_of(Suggestion),
        "Balancing": schema_of(Balancing),
    }


def _cluster() -> dict[str, Schema]:
    usage = record("Use of one resource: bytes, or cores for cpu.", used=NUMBER, total=NUMBER, load=FRACTION)
    node = record(
        "A node and its loads.",
        name=TEXT,
        online=FLAG,
        id=INTEGER,
        version=TEXT,
        ha={**TEXT, "description": "HA state; empty = HA never ran"},
        problem={**TEXT, "description": "why its figures cannot be used; empty = usable"},
        active={**FLAG, "description": "takes part in the spread"},
        guests=COUNT,
        running=COUNT,
        hidden={**COUNT, "description": "further guests that the cluster's own list has there and the caller may not see"},
        held={"anyOf": [ref("Hold"), {"type": "null"}], "description": "the drain that keeps the node empty until it is released"},
        **each(RESOURCES, usage),
    )
    return {
        "Hold": schema_of(Hold),
        "Node": node,
        "Guest": schema_of(Guest, drop=OF_PLANS, may_migrate=FLAG),
        "Storage": schema_of(Storage, drop=OF_PLANS),
        "Cluster": record(
            "The cluster as PVE shows it to the caller.",
            name=TEXT,
            taken=UNIX,
            quorate=FLAG,
            version=TEXT,
            auto_rebalance={**FLAG, "description": "PVE's own auto-rebalance is on"},
            spread=by_resource(FRACTION, "Spread over the active nodes by resource."),
            nodes=listing(ref("Node")),
            guests=listing(ref("Guest")),
            storages=listing(ref("Storage")),
            problems=TEXTS,
        ),
    }


def _plans() -> dict[str, Schema]:
    changed: Any = {"moves": listing(ref("Move")), "options": PAIRS, "headroom": {"anyOf": [ref("Headroom"), {"type": "null"}]}}
    feasible = {**FLAG, "description": "false: a drain that would leave guests behind"}
    more: Any = {"id": ID, "user": TEXT, "bytes": BYTES, "feasible": feasible}
    return {
        "Move": schema_of(Move, how=HOW, bytes=BYTES),
        "Stay": schema_of(Stay),
        "NodeLoad": schema_of(NodeLoad),
        "Term": schema_of(Term),
        "Headroom": schema_of(Headroom),
        "Outlook": schema_of(Outlook),
        "Candidate": schema_of(Candidate),
        "Placed": schema_of(Placed),
        "Placement": schema_of(Placement, feasible={**FLAG, "description": "every guest has a node"}),
        "Plan": schema_of(Plan, drop=tuple(changed), **changed, **more),
    }


def _jobs() -> dict[str, Schema]:
    total = record(
        "Progress of all migrations together.",
        done=COUNT,
        failed={**COUNT, "description": "failed or of unknown outcome"},
        skipped={**COUNT, "description": "skipped or cancelled"},
        running=COUNT,
        steps=COUNT,
        done_bytes=BYTES,
        total_bytes=BYTES,
        seconds_left={"anyOf": [NUMBER, {"type": "null"}]},
    )
    plan = record(
        "What the plan promised.",
        method=METHOD,
        summary=TEXT,
        seconds=NUMBER,
        bytes=BYTES,
        spread_before=FRACTION,
        spread_after=FRACTION,
        before=listing(ref("NodeLoad")),
        after=listing(ref("NodeLoad")),
        options=PAIRS,
    )
    own: Any = {"host": {**TEXT, "description": "the node whose service runs the job"}, "progress": ref("Progress")}
    failures = listing(ref("Failure"), "the first migrations that failed, or whose outcome is unknown")
    own |= {"method": METHOD, "options": PAIRS, "failures": failures}
    own["may"] = record("What the caller may do to it now.", **each(("pause", "resume", "cancel", "undo"), ref("Right")))
    drop = ("plan", "policy", "steps", "credential")
    peer = record("A node that was asked.", node=TEXT, reached=FLAG, message=TEXT)
    return {
        "Failure": record("A migration that did not succeed, and why.", vmid=VMID, name=TEXT, state=TEXT, message=TEXT),
        "Step": schema_of(Step, how=HOW),
        "Ride": schema_of(Ride),
        "Progress": total,
        "PlanBrief": plan,
        "JobBrief": schema_of(Job, drop=drop, summary=TEXT, **own),
        "Job": schema_of(Job, drop=drop, summary=TEXT, **own, plan=ref("PlanBrief"), steps=listing(ref("Step"))),
        "Peer": peer,
        "Jobs": record("Jobs, newest first, of all nodes that answered.", jobs=listing(ref("JobBrief")), peers=listing(ref("Peer"))),
    }


def _loads() -> dict[str, Schema]:
    # Another node's answer is made one with this one's, which grows with steps times nodes.
    steps, nodes = {"maxItems": 400}, {"maxItems": 256}
    column = {**listing({"anyOf": [FRACTION, {"type": "null"}]}, "one a step; null where nothing is remembered"), **steps}
    kinds: Any = {"memory": column, "cpu": column}
    return {
        "LoadsOfNode": record("Mean load of a node in each step.", node=NODE, **kinds),
        "Loads": record(
            "Loads over time in equal steps, the last of which is the one at hand; `spread` is the widest at any moment of a step.",
            start={**UNIX, "description": "Unix seconds at which the first step begins"},
            step={**NUMBER, "description": "seconds"}, readings={**listing(COUNT, "how many are behind each step"), **steps},
            spread=record("Fullest minus emptiest of the nodes that take part in balancing.", **kinds),
            nodes={**listing(ref("LoadsOfNode")), **nodes},
            peers={**listing(ref("Peer"), "the nodes that were asked for what they remember"), **nodes},
        ),
    }  # fmt: skip


def _rest() -> dict[str, Schema]:
    error = record(
        "What went wrong: a word for programs, a sentence for people, and the single facts behind it.",
        code=TEXT,
        message=TEXT,
        details=TEXTS,
    )
    login = record(
        "A session, or the question for the second factor.",
        ("ticket", "csrf", "challenge", "kinds"),
        username=TEXT,
        needs_tfa=FLAG,
        ticket=TEXT,
        csrf=TEXT,
        challenge=TEXT,
        kinds=TEXTS,
    )
    return {
        "Error": record("A refusal.", ("said",), error=error, said=ref("Said")),
        "Later": record("This takes longer: ask GET /answers/{id} with this number for the answer.", later=LATER),
        "Said": {"type": "object", "additionalProperties": ref("Sentence"), "description": "the code of each sentence"},
        "Sentence": record(
            "An English template ({name} = a parameter) with its parameters, or `all` sentences one after the other; `end` stands behind.",
            ("code", "with", "all", "by", "end"),
            all=listing(ref("Sentence")),
            **{"code": TEXT, "by": TEXT, "end": TEXT, "with": {"type": "object"}},
        ),
        "Alive": record("The service answers.", alive={"type": "boolean", "enum": [True]}),
        "Realm": record("A realm to log in to.", realm=TEXT, comment=TEXT, default=FLAG, tfa=TEXT),
        "Realms": listing(ref("Realm")),
        "Login": login,
        "Account": record(
            "The service's own account, as it would be made; `missing`: there is none.",
            missing=FLAG, role=TEXT, privileges=TEXTS, user=TEXT, token=TEXT, folder=TEXT,
            may=record("What the caller may do.", make=ref("Right")),
        ),
        "AccountMade": record("What was done, one sentence each.", changes=TEXTS),
        "Dismissed": record("The plan is not suggested any more.", plan=ID, dismissed=FLAG),
        "Released": record("The node gets guests again; the message is about hosts not told yet.", node=TEXT, released=FLAG, message=TEXT),
        "NodeState": record(
            "How a node is, the job that changes that or did so last, and whether this call has changed anything.",
            node=TEXT, state={"type": "string", "enum": ["drained", "draining", "released", "releasing"]}, changed=FLAG,
            job={"anyOf": [ref("Job"), {"type": "null"}]}, message=TEXT,
        ),
        "Maintenance": record("What the HA manager was told.", node=TEXT, enabled=FLAG, message=TEXT),
    }


def _policy() -> dict[str, Schema]:
    key: Schema = {**TEXT, "minLength": SHORTEST, "maxLength": 200}
    values = {"type": "object", "additionalProperties": {**TEXT, "maxLength": 4096}, "maxProperties": 200,
              "description": "SECTION.NAME (balancing.spread, pool.NAME.keep, domains.NAME) and its value as in prs.conf"}  # fmt: skip
    return {
        "PolicyOption": schema_of(PolicyOption),
        "WrongEntry": schema_of(WrongEntry),
        "BoundGuest": schema_of(BoundGuest),
        "BindingRule": schema_of(BindingRule),
        "GuestMode": schema_of(GuestMode),
        "Rules": record(
            "The rules that bind guests, and how each guest may be moved; problems: what was not read, and may have more of them.",
            rules=listing(ref("BindingRule")), guests=listing(ref("GuestMode")), problems=TEXTS,
            may=record("What the caller may do: mend rules; say how guests may be moved.", mend=ref("Right"), write=ref("Right")),
        ),
        "ClusterPolicy": schema_of(
            PolicyView, node=TEXT, now={**UNIX, "description": "the node's time, Unix seconds"},
            may=record("The caller may write, the node notifies.", write=ref("Right"), notify=ref("Right")),
        ),
        "PolicyRequest": record(
            "Change the cluster-wide policy: all of it is written, or nothing.",
            ("set", "unset"),
            digest={"type": "string", "pattern": "^[0-9a-f]{64}$", "description": "the version that was read"},
            set=values,
            unset={**listing(key, "SECTION.NAME to take out; a pool (pool.NAME) or an unknown section goes as a whole"), "maxItems": 200},
        ),
    }


def components() -> dict[str, Schema]:
    """All named schemas."""
    return {**requests(), **_status(), **_cluster(), **_plans(), **_jobs(), **_policy(), **rounds(), **_loads(), **_rest()}
