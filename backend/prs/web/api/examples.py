"""Example requests and answers of the API description; the tests hold them against the schemas."""

from __future__ import annotations

from typing import Any

from prs.codec import to_json
from prs.config.policy_view import PolicyOption, PolicyView, WrongEntry
from prs.engine.journal.automation import Automation, Balancing, Suggestion
from prs.engine.journal.jobs import Step
from prs.model import BindingRule, BoundGuest, Candidate, GuestMode, Headroom, Move, NodeLoad, Placed, Placement, Plan, Stay, Term

GIB = 2**30
_UPID = "UPID:pve1:0000013B:00032F5A:6B02B9EC:qmigrate:102:admin@pve:"
_YES = {"allowed": True, "reason": ""}
_NO = {"allowed": False, "reason": "needs Sys.Console on /"}


def error(status: str) -> dict[str, Any]:
    """The refusal shown for an HTTP status."""
    code, message, details = {
        "400": ("invalid", "The request is not as described.", ["method: 'ram' is not one of memory, cpu, disk, all"]),
        "401": ("ticket", "PVE does not accept this ticket: it has expired or was never valid.", []),
        "403": ("forbidden", "Permission check failed (/vms/101, VM.Migrate)", []),
        "404": ("not_found", "there is no job 0123456789ab", []),
        "405": ("method", "this path does not know this method", []),
        "409": ("drift", "The cluster has changed since the plan was made: plan again.", ["move 1 (guest 102 to pve3): it is on pve2"]),
        "413": ("too_large", "The body is larger than 64 KiB.", []),
        "415": ("content_type", "The body must be application/json.", []),
        "429": ("slow_down", "Other logins are being checked: try again in 3 seconds.", []),
        "500": ("fault", "The service made a mistake; its log says more.", []),
        "502": ("pve", "127.0.0.1:8006 refuses the connection (is pveproxy running there?)", []),
        "503": ("unavailable", "the journal cannot be read", []),
    }[status]  # fmt: skip
    return {"error": {"code": code, "message": message, "details": details}}


def _plan() -> dict[str, Any]:
    move = Move(102, "db01", "qemu", "pve1", "pve3", memory=16 * GIB, seconds=41.0, reason="takes pve1 from 86% to 68%", cpu=1.5)
    plan = Plan(
        kind="balance", method="memory", created=1795000000.0, moves=(move,),
        stays=(Stay(100, "web01", "pve1", "is locked (backup)", "qemu"),),
        before=(NodeLoad("pve1", 0.86, 0.62, 0.4, 8), NodeLoad("pve3", 0.21, 0.12, 0.3, 1)),
        after=(NodeLoad("pve1", 0.68, 0.55, 0.4, 7), NodeLoad("pve3", 0.39, 0.19, 0.3, 2)),
        spread_before=0.65, spread_after=0.29, spread_reachable=0.02, seconds=41.0, terms=(Term("deviation", 1.0, 0.27, 0.12),),
        summary="1 move (16.0 GiB to copy, about 41 seconds): the memory spread goes from 65 to 29 points.",
        options=(("method", "memory"), ("containers", "no")),
        headroom=Headroom(True, "pve1", 0, "If any one more node fails, its guests fit on the others."),
    )  # fmt: skip
    found = to_json(plan)
    found["moves"] = [{**found["moves"][0], "how": "live", "bytes": move.bytes}]
    return {**found, "id": "0123456789ab", "user": "admin@pve", "bytes": plan.bytes, "feasible": True}


def _placement() -> dict[str, Any]:
    nodes = (
        Candidate("pve3", 1, "it leaves the nodes most level; the spread is then 53.0 points", 0.33, 0.12, 0.3, 0.53, True),
        Candidate("pve1", 0, "needs 12.0 GiB of memory, pve1 has 8.9 GiB free", 0.86, 0.62, 0.4),
    )
    before = (NodeLoad("pve1", 0.86, 0.62, 0.4, 8), NodeLoad("pve3", 0.21, 0.12, 0.3, 1))
    after = (before[0], NodeLoad("pve3", 0.33, 0.12, 0.3, 2))
    headroom = Headroom(True, "pve1", 0, "If any one node fails, its guests fit on the others.")
    placed = (Placed("web02", "pve3", nodes[0].reason, nodes),)
    found = Placement("memory", placed, "Best: web02 on pve3.", 1795000000.0, before, after, 0.65, 0.53, headroom)
    return {**to_json(found), "feasible": True}


def _job(full: bool) -> dict[str, Any]:
    plan = _plan()
    step = Step(1, 102, "db01", "qemu", "pve1", "pve3", memory=16 * GIB, seconds=41.0, state="running", upid=_UPID, posted=1795000010.0,
                attempts=1, started=1795000011.0, done=4 * GIB, total=16 * GIB, speed=4e8, seconds_left=31.0)  # fmt: skip
    brief = {
        "id": "ba9876543210", "kind": "balance", "node": "", "state": "running", "request": "", "user": "admin@pve", "origin": "web",
        "created": 1795000005.0, "started": 1795000010.0, "ended": 0.0, "message": "", "revision": 17, "host": "pve1",
        "summary": plan["summary"], "method": plan["method"], "options": plan["options"], "failures": [], "rides": [],
        "progress": {"done": 0, "failed": 0, "skipped": 0, "running": 1, "steps": 1, "done_bytes": 4 * GIB, "total_bytes": 16 * GIB,
                     "seconds_left": 31.0},
        "may": {"pause": _YES, "resume": {"allowed": False, "reason": "the job is not paused"}, "cancel": _YES,
                "undo": {"allowed": False, "reason": "the job has not ended yet"}},
    }  # fmt: skip
    if not full:
        return brief
    kept = ("method", "summary", "seconds", "bytes", "spread_before", "spread_after", "before", "after", "options")
    return {**brief, "plan": {name: plan[name] for name in kept}, "steps": [{**to_json(step), "how": "live"}]}


def _cluster() -> dict[str, Any]:
    def usage(used: float, total: float) -> dict[str, float]:
        return {"used": used, "total": total, "load": used / total}

    node = {
        "name": "pve1", "online": True, "id": 1, "version": "9.2.11", "ha": "online", "problem": "", "active": True,
        "guests": 8, "running": 7, "hidden": 0, "held": None,
        "memory": usage(55 * GIB, 64 * GIB), "cpu": usage(9.9, 16), "disk": usage(400 * GIB, 1000 * GIB),
    }  # fmt: skip
    guest = {
        "vmid": 102, "name": "db01", "kind": "qemu", "node": "pve1", "status": "running", "memory": 16 * GIB, "memory_max": 32 * GIB,
        "cpu": 1.5, "cpu_max": 8.0, "disk": 0, "lock": "", "tags": ["prod"], "pool": "", "ha": "started", "template": False, "problem": "",
        "may_migrate": True,
    }  # fmt: skip
    storage = {"name": "local-zfs", "node": "pve1", "shared": False, "active": True, "total": 1000 * GIB, "used": 400 * GIB,
               "plugin": "zfspool", "content": ["images", "rootdir"]}  # fmt: skip
    return {
        "name": "lab", "taken": 1795000000.0, "quorate": True, "version": "9.2.11", "auto_rebalance": False,
        "spread": {"memory": 0.65, "cpu": 0.5, "disk": 0.1}, "nodes": [node], "guests": [guest], "storages": [storage], "problems": [],
    }  # fmt: skip


def _policy() -> dict[str, Any]:
    allowed, words = "percentage points from 0 to 100", "Nothing is moved while the nodes differ by no more than these percentage points."
    option = PolicyOption("balancing.spread", "7", "9", "/etc/proxmox-rebalancing-service/prs.conf line 3", True, "5", allowed, words)
    found = PolicyView("/etc/pve/proxmox-rebalancing-service/policy.conf", "0f" * 32, (option,), (),
                       (WrongEntry("balancing.spraed", "7", 4, "[balancing] has no option 'spraed'", True),))  # fmt: skip
    return {**to_json(found), "node": "pve1", "now": 1795000000.0, "may": {"write": _YES, "notify": _YES}}


def _round() -> dict[str, Any]:
    no = {"allowed": False, "reason": "pve1 reboots, and is brought back"}
    rest = {"job": "", "host": "", "skip": False, "batch": 0}
    return {
        "id": "0123456789ab", "user": "admin@pve", "created": 1795000000.0, "ended": 0.0, "holder": "pve2", "handed": False,
        "renewed": 1795000300.0, "state": "running", "request": "", "message": "", "reboot": True, "hooks": False, "rides": [],
        "maintenance": True,
        "turns": [
            {"node": "pve1", "stage": "rebooting", "step": "return", "since": 1795000250.0, "message": "pve1 reboots",
             "until": 1795002050.0, **rest, "may": {"skip": no}},
            {"node": "pve2", "stage": "waiting", "step": "gates", "since": 1795000000.0, "message": "", "until": 0.0, **rest,
             "may": {"skip": _YES}},
        ],
        "may": {"pause": _YES, "resume": {"allowed": False, "reason": "the round is not paused"}, "stop": _YES},
    }  # fmt: skip


ANSWERS: dict[str, Any] = {
    "metrics": '# TYPE prs_spread_ratio gauge\nprs_spread_ratio{resource="memory"} 0.07\n# EOF\n',
    "healthz": {"alive": True},
    "later": {"later": "0123456789abcdef0123456789abcdef"},
    "realms": [{"realm": "pam", "comment": "Linux PAM standard authentication", "default": True, "tfa": ""}],
    "login": {"username": "root@pam", "needs_tfa": False, "ticket": "PVE:root@pam:6B02B9EC::...", "csrf": "6B02B9EC:..."},
    "status": {
        "version": "1.0.0", "node": "pve1", "user": "admin@pve", "token": False, "daemon": True,
        "defaults": {"method": "memory", "spread": 0.05, "containers": False},
        "may": {"plan": _YES, "plan_drain": _YES, "balance": _YES, "drain": _YES, "maintenance": _NO, "see_all_jobs": _YES,
                "make_account": _YES,
                "cancel_others": {"allowed": False, "reason": "needs Sys.Modify on /"}},
        "warnings": ["PVE's own auto-rebalance is on: each plan says who balances which guests under HA."],
        "balancing": to_json(Balancing("pve1", "on", "memory", 0.05, False, None, None, 86400.0, Automation(
            "pve1", "pve1 is the HA manager's master", "its time", 1795086400.0, 1795000000.0, _plan()["summary"], "ba9876543210",
        ), "job ba9876543210 is done: 1 of 1 migrations done",
            suggestion=Suggestion("0123456789ab", 1795000000.0, 1, 16 * GIB, 0.65, 0.29, False, _plan()["summary"]))),
    },
    "cluster": _cluster(),
    "plan": _plan(),
    "placement": _placement(),
    "jobs": {"jobs": [_job(False)], "peers": [{"node": "pve2", "reached": False, "message": "pve2 (10.0.0.2): refuses the connection"}]},
    "job": _job(True),
    "node_state": {"node": "pve2", "state": "draining", "changed": True, "job": _job(True), "message": ""},
    "policy": _policy(),
    "rules": {"rules": [to_json(BindingRule(
        "plb_anti_affinity_db", "apart", "tag", (BoundGuest(102, "db01", "qemu", "pve1"), BoundGuest(103, "db02", "qemu", "pve1")),
        state="broken", reason="102 (db01) and 103 (db02) are on pve1",
    ))], "guests": [to_json(GuestMode(102, "db01", "qemu", "pve1", "ask", "guests"))], "problems": [],
              "may": {"mend": _YES, "write": _YES}},
    "round": _round(), "rounds": {"round": _round(), "problem": "", "may": {"begin": {"allowed": False, "reason": "a round is under way"}}},
    "round_nodes": {"nodes": [
        {"node": "pve2", "online": True, "running": "6.14.8-2-pve", "newest": "6.17.2-1-pve", "reboot": "needed", "problem": "",
         "guests": 5, "master": False, "here": False, "held": False},
    ]},
    "round_preview": {
        "turns": [{
            "node": "pve2", "possible": True, "summary": "5 moves (48.0 GiB to copy, about 2 minutes) empty pve2.", "moves": 5,
            "bytes": 48 * GIB, "seconds": 240.0, "rides": [], "blockers": [], "relaxed": [], "relaxable": ["tag plb_anti_affinity_db"],
            "gates": [{"name": "quorum", "open": True, "reason": "", "limit": 900.0}], "together": [], "apart": "",
        }],
        "seconds": 540.0, "possible": True, "problems": [], "hooks": ["before-drain"],
    },
    "loads": {
        "start": 1795000200.0, "step": 1800.0, "readings": [6, 6, 0], "spread": {"memory": [0.31, 0.3, None], "cpu": [0.1, 0.12, None]},
        "nodes": [{"node": "pve1", "memory": [0.71, 0.7, None], "cpu": [0.2, 0.21, None]},
                  {"node": "pve2", "memory": [0.41, 0.42, None], "cpu": [0.11, 0.1, None]}],
        "peers": [{"node": "pve2", "reached": True, "message": ""}],
    },
    "account": {
        "missing": True, "role": "PRS", "privileges": ["Datastore.Audit", "SDN.Audit", "Sys.Audit", "VM.Audit", "VM.Migrate"],
        "user": "prs@pve", "token": "prs@pve!cluster", "folder": "/etc/pve/priv/proxmox-rebalancing-service", "may": {"make": _YES},
    },
    "account_made": {"changes": ["created role PRS with VM.Audit", "created user prs@pve, which has no password"]},
    "dismissed": {"plan": "0123456789ab", "dismissed": True},
    "released": {"node": "pve1", "released": True, "message": ""},
    "maintenance": {"node": "pve1", "enabled": True, "message": "The HA manager will put pve1 into maintenance within about 20 seconds."},
}  # fmt: skip

REQUESTS: dict[str, Any] = {
    "plans": {"kind": "drain", "node": "pve1", "stopped": True, "containers": False},
    "PlacementRequest": {"guests": [{"name": "web02", "memory": 12 * GIB, "disks": [{"storage": "local-zfs", "size": 32 * GIB}]}]},
    "JobRequest": {"plan": "0123456789ab", "moves": [102], "maintenance": False},
    "PolicyRequest": {"digest": "0f" * 32, "set": {"balancing.spread": "7", "pool.db.keep": "apart"}, "unset": ["service.schedule"]},
    "SuggestionRequest": {"plan": "0123456789ab"},
    "SkipRequest": {"node": "pve2"},
    "RoundRequest": {"nodes": ["pve2", "pve3", "pve1"], "reboot": True, "rides": []},
    "CancelRequest": {"abort": False},
    "MaintenanceRequest": {"enabled": True},
    "NodeStateRequest": {"state": "drained", "rides": [105]},
    "LoginRequest": {"username": "root", "realm": "pam", "password": "secret"},
}
