"""The named schemas of the served API description: what goes in and what comes out, built on the model's own fields."""

from __future__ import annotations

from typing import Any, get_args

from prs.config.policy_view import PolicyOption, PolicyView
from prs.engine.journal.automation import Automation, Balancing, Suggestion
from prs.engine.journal.hold import Hold
from prs.engine.journal.jobs import Job, JobState, Step
from prs.engine.journal.rides import Ride
from prs.engine.rolling.stages import Stage, State, StepName
from prs.model import (
    RESOURCES,
    BindingRule,
    BoundGuest,
    Guest,
    GuestMode,
    Headroom,
    Levelled,
    Memory,
    Method,
    Move,
    NodeLoad,
    Outlook,
    Plan,
    Stay,
    Storage,
    Term,
)
from prs.model.placement import Candidate, Placed, Placement
from prs.pve.kernels import Reboot
from prs.web.api.reflect import OF_PLANS, Schema, listing, record, ref, schema_of

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


def _each(names: tuple[str, ...], item: Schema) -> Any:
    """The same schema under each of the names."""
    return dict.fromkeys(names, item)


def _by_resource(item: Schema, words: str) -> Schema:
    return record(words, **_each(RESOURCES, item))


RIDING: dict[str, Schema] = {
    "rides": {**listing(VMID, "guests that may be shut down instead, and are started again on release; needs VM.PowerMgmt on each"),
              "minItems": 1, "maxItems": 1000, "uniqueItems": True},
    "kill_after": {"type": "integer", "minimum": 1, "maximum": 86400,
                   "description": "with `rides`: seconds after which such a guest is killed (default: never); VMs under HA need it"},
}  # fmt: skip


def _requests() -> dict[str, Schema]:
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
            may=record("Rights by action.", **_each(actions, ref("Right"))),
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
        held={"anyOf": [ref("Hold"), {"type": "null"}], "description": "the drain that keeps the node empty until it is released"},
        **_each(RESOURCES, usage),
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
            spread=_by_resource(FRACTION, "Spread over the active nodes by resource."),
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
    own["may"] = record("What the caller may do to it now.", **_each(("pause", "resume", "cancel", "undo"), ref("Right")))
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
    column = listing({"anyOf": [FRACTION, {"type": "null"}]}, "one a step; null where nothing is remembered")
    kinds: Any = {"memory": column, "cpu": column}
    return {
        "LoadsOfNode": record("Mean load of a node in each step.", node=NODE, **kinds),
        "Loads": record(
            "Loads over time in equal steps, the last of which is the one at hand; `spread` is the widest at any moment of a step.",
            start={**UNIX, "description": "Unix seconds at which the first step begins"},
            step={**NUMBER, "description": "seconds"}, readings=listing(COUNT, "how many are behind each step"),
            spread=record("Fullest minus emptiest of the nodes that take part in balancing.", **kinds),
            nodes=listing(ref("LoadsOfNode")), peers=listing(ref("Peer"), "the nodes that were asked for what they remember"),
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
    key: Schema = {**TEXT, "minLength": 3, "maxLength": 200}
    values = {"type": "object", "additionalProperties": {**TEXT, "maxLength": 4096}, "maxProperties": 200,
              "description": "SECTION.NAME (balancing.spread, pool.NAME.keep, domains.NAME) and its value as in prs.conf"}  # fmt: skip
    return {
        "PolicyOption": schema_of(PolicyOption),
        "BoundGuest": schema_of(BoundGuest),
        "BindingRule": schema_of(BindingRule),
        "GuestMode": schema_of(GuestMode),
        "Rules": record(
            "The rules that bind guests, and how each guest may be moved; problems: what was not read, and may have more of them.",
            rules=listing(ref("BindingRule")), guests=listing(ref("GuestMode")), problems=TEXTS,
            may=record("What the caller may do: mend rules; say how guests may be moved.", mend=ref("Right"), write=ref("Right")),
        ),
        "ClusterPolicy": schema_of(
            PolicyView, node=TEXT, may=record("The caller may write, the node notifies.", write=ref("Right"), notify=ref("Right")),
        ),
        "PolicyRequest": record(
            "Change the cluster-wide policy: all of it is written, or nothing.",
            ("set", "unset"),
            digest={"type": "string", "pattern": "^[0-9a-f]{64}$", "description": "the version that was read"},
            set=values,
            unset={**listing(key, "SECTION.NAME to take out; pool.NAME is a whole pool"), "maxItems": 200},
        ),
    }


def _rounds() -> dict[str, Schema]:
    turn = record(
        "A node of the round: its stage, and its step `since` when; what is waited for, until when (0: without a limit); the step's `job`.",
        node=TEXT, stage=_one_of(Stage), step=_one_of(StepName), since=UNIX, message=TEXT, until=UNIX, job=TEXT, host=TEXT, skip=FLAG,
        may=record("What the caller may ask.", skip=ref("Right")),
    )  # fmt: skip
    return {
        "RoundTurn": turn,
        "Round": record(
            "A round of rolling maintenance: `holder` carries it, `renewed` is its last sign, `handed`: the holder has not taken it yet.",
            id=ID, user=TEXT, created=UNIX, ended=UNIX, holder=TEXT, handed=FLAG, renewed=UNIX,
            state={"type": "string", "enum": ["paused", *get_args(State)]}, request={"type": "string", "enum": ["", "pause", "stop"]},
            message=TEXT, reboot=FLAG, hooks=FLAG, rides=listing(VMID), maintenance=FLAG, turns=listing(ref("RoundTurn")),
            may=record("What the caller may ask.", pause=ref("Right"), resume=ref("Right"), stop=ref("Right")),
        ),
        "RoundState": record(
            "The round that goes on, or the last one that ended; null: there was none. problem: why it cannot be read.",
            round={"anyOf": [ref("Round"), {"type": "null"}]}, problem=TEXT,
            may=record("Whether the caller may begin one.", begin=ref("Right")),
        ),
        "SkipRequest": record("Leave a node of the round out.", node=NODE),
        **_round_to_be(),
    }  # fmt: skip


def _round_to_be() -> dict[str, Schema]:
    """What a round that has not begun is chosen from, asked for with, and looks like."""
    node = record(
        "A node that a round may take: the kernel that runs, and the newest that is installed; guests: their number.",
        node=TEXT, online=FLAG, running=TEXT, newest=TEXT, reboot=_one_of(Reboot), problem={**TEXT, "description": "why reboot is unknown"},
        guests=COUNT, master={**FLAG, "description": "the HA manager works here"}, here={**FLAG, "description": "the node that answers"},
        held={**FLAG, "description": "kept empty by a drain"},
    )  # fmt: skip
    optional = ("reboot", "hooks", "maintenance", "rides", "kill_after", "containers", "relax")
    gate = record("A gate as it is now, and how long it is waited for at most.", name=TEXT, open=FLAG, reason=TEXT, limit=NUMBER)
    turn = record(
        "A node's turn as it would be now; seconds: its migrations there and back, without the reboot.",
        node=TEXT, possible=FLAG, summary=TEXT, moves=COUNT, bytes=BYTES, seconds=NUMBER, rides=listing(ref("Stay")),
        blockers=listing(ref("Stay")), gates=listing(ref("RoundGate")),
    )  # fmt: skip
    return {
        "RoundNode": node,
        "RoundNodes": record("The nodes, in the order that is best: few guests first.", nodes=listing(ref("RoundNode"))),
        "RoundRequest": record(
            "Rolling maintenance of these nodes, in this order.", optional,
            nodes={**listing(NODE), "minItems": 1, "maxItems": 200, "uniqueItems": True},
            reboot={**FLAG, "description": "false: empty the node and wait until the round is resumed (default true)"},
            hooks={**FLAG, "description": "run the site's hooks (default: if there are any)"},
            maintenance={**FLAG, "description": "switch HA maintenance mode; needs Sys.Console on / (default: if that is there)"},
            rides={**listing(VMID, "guests that may be shut down meanwhile"), "maxItems": 1000, "uniqueItems": True},
            kill_after={"type": "integer", "minimum": 10, "maximum": 3600,
                        "description": "s; a ride that has not shut down is killed then (default: never)"},
            containers={**FLAG, "description": "move running containers too, each move restarts one"},
            relax={**listing({**TEXT, "maxLength": 256}, "rules that may be broken meanwhile; * = any"), "maxItems": 200},
        ),
        "RoundGate": gate,
        "PreviewTurn": turn,
        "RoundPreview": record(
            "How the round would be: first the nodes that cannot be emptied. seconds: migrations and reboots; problems: against all of it.",
            turns=listing(ref("PreviewTurn")), seconds=NUMBER, possible=FLAG, problems=TEXTS, hooks=listing(TEXT, "stages with a hook"),
        ),
    }  # fmt: skip


def _one_of(literal: Any) -> Schema:
    return {"type": "string", "enum": list(get_args(literal))}


def components() -> dict[str, Schema]:
    """All named schemas."""
    return {**_requests(), **_status(), **_cluster(), **_plans(), **_jobs(), **_policy(), **_rounds(), **_loads(), **_rest()}
