"""Who may see and do what in the simulated cluster: roles, pools, tokens, groups, and the answers of /access."""

from __future__ import annotations

from typing import Any

import pytest

from prs.errors import ApiError, LoginFailed
from simcluster import InProcessApi, Refused, World
from simcluster.access import Grant, Token, User
from simcluster.scenes import small


def names(world: World, user: str) -> dict[str, list[Any]]:
    """What a user sees in /cluster/resources, by type."""
    found: dict[str, list[Any]] = {}
    for row in InProcessApi(world, user).get("/cluster/resources"):
        found.setdefault({"qemu": "guest", "lxc": "guest"}.get(row["type"], row["type"]), []).append(row.get("vmid", row["id"]))
    return found


def test_lists_show_what_one_may_see() -> None:
    """Root all, the pool's user its members, nobody only the names of nodes."""
    world = small()
    assert len(names(world, "root@pam")["guest"]) == 14
    assert names(world, "audit@pve") == names(world, "root@pam")
    assert names(world, "pool@pve") == {"pool": ["/pool/web"], "guest": [102, 108, 112], "node": ["node/pve1", "node/pve2", "node/pve3"]}
    assert names(world, "nobody@pve") == {"node": ["node/pve1", "node/pve2", "node/pve3"]}
    assert InProcessApi(world, "nobody@pve").get("/nodes/pve1/qemu") == []


def test_node_figures_need_sys_audit() -> None:
    """Without it a node has a name and a status."""
    world = small()
    row = InProcessApi(world, "pool@pve").get("/cluster/resources", {"type": "node"})[0]
    assert (row["status"], "mem" in row) == ("online", False)


def test_the_pool_is_named_to_those_who_may_audit_it() -> None:
    """Pool.Audit on the pool."""
    world = small()
    world.access.add(User("vms@pve"), ("/vms", "PVEVMAdmin"))
    rows = {user: InProcessApi(world, user).get("/cluster/resources", {"type": "vm"}) for user in ("pool@pve", "vms@pve")}
    assert {user: {row.get("pool") for row in found} for user, found in rows.items()} == {"pool@pve": {"web"}, "vms@pve": {None}}


@pytest.mark.parametrize(
    ("user", "path", "words"),
    [
        ("pool@pve", "/cluster/status", "Permission check failed (/, Sys.Audit)"),
        ("pool@pve", "/cluster/ha/resources", "Permission check failed (/, Sys.Audit)"),
        ("pool@pve", "/nodes/pve1/status", "Permission check failed (/nodes/pve1, Sys.Audit)"),
        ("pool@pve", "/nodes/pve1/qemu/101/config", "Permission check failed (/vms/101, VM.Audit)"),
        ("audit@pve", "/nodes/pve1/qemu/101/migrate", "Permission check failed (/vms/101, VM.Migrate)"),
        ("nobody@pve", "/nodes/pve9/status", "Permission check failed (/nodes/pve9, Sys.Audit)"),
        ("nobody@pve", "/nodes/pve1/qemu/999/config", "Permission check failed (/vms/999, VM.Audit)"),
    ],
)
def test_single_objects_are_refused(user: str, path: str, words: str) -> None:
    """403 with path and privilege, before anything else is looked at."""
    with pytest.raises(ApiError) as refusal:
        InProcessApi(small(), user).get(path)
    assert (refusal.value.status, refusal.value.message) == (403, words)


def test_a_pool_member_may_be_migrated_by_the_pools_user() -> None:
    """VM.Migrate on the guest is all it takes; others are refused."""
    world = small()
    api = InProcessApi(world, "pool@pve")
    upid = api.post("/nodes/pve1/qemu/102/migrate", {"target": "pve3", "online": 1})
    assert upid.endswith(":pool@pve:")
    with pytest.raises(ApiError, match=r"\(/vms/101, VM.Migrate\)"):
        api.post("/nodes/pve1/qemu/101/migrate", {"target": "pve3", "online": 1})
    assert api.get(f"/nodes/pve1/tasks/{upid}/status")["user"] == "pool@pve"


def test_tasks_belong_to_who_started_them() -> None:
    """Others need Sys.Audit to see and Sys.Modify to stop them; a user sees the user's tokens' tasks, not the other way round."""
    world = small()
    upid = InProcessApi(world, "prs@pve!daemon").post("/nodes/pve1/qemu/102/migrate", {"target": "pve3", "online": 1})
    status = InProcessApi(world, "audit@pve").get(f"/nodes/pve1/tasks/{upid}/status")
    assert (status["user"], status["tokenid"]) == ("prs@pve", "daemon")
    assert [row["upid"] for row in InProcessApi(world, "prs@pve").get("/cluster/tasks")] == [upid]
    assert InProcessApi(world, "pool@pve").get("/cluster/tasks") == []
    with pytest.raises(ApiError, match=r"\(/nodes/pve1, Sys.Audit\)"):
        InProcessApi(world, "pool@pve").get(f"/nodes/pve1/tasks/{upid}/log")
    with pytest.raises(ApiError, match=r"\(/nodes/pve1, Sys.Modify\)"):
        InProcessApi(world, "audit@pve").delete(f"/nodes/pve1/tasks/{upid}")
    InProcessApi(world, "prs@pve").delete(f"/nodes/pve1/tasks/{upid}")
    assert not world.tasks.all[upid].running


def test_permissions_list_paths_with_flags() -> None:
    """The value is the propagate flag: 0 on a pool's member means granted."""
    world = small()
    listed = InProcessApi(world, "pool@pve").get("/access/permissions")
    assert set(listed) == {"/pool/web", "/vms/102", "/vms/108", "/vms/112"}
    assert (listed["/pool/web"]["VM.Migrate"], listed["/vms/102"]["VM.Migrate"]) == (1, 0)
    assert InProcessApi(world, "nobody@pve").get("/access/permissions") == {}
    assert InProcessApi(world, "nobody@pve").get("/access/permissions", {"path": "/vms/101"}) == {"/vms/101": {}}
    assert InProcessApi(world, "audit@pve").get("/access/permissions", {"path": "/vms/101"})["/vms/101"]["VM.Audit"] == 1
    assert "/vms/102" in InProcessApi(world).get("/access/permissions")
    with pytest.raises(ApiError, match=r"\(/access, Sys.Audit\)"):
        InProcessApi(world, "pool@pve").get("/access/permissions", {"userid": "root@pam"})


def test_privileges_change_with_the_next_request() -> None:
    """No caching."""
    world = small()
    world.access.grants = [grant for grant in world.access.grants if grant.who != "pool@pve"]
    assert "guest" not in names(world, "pool@pve")


def test_deeper_grants_replace_and_own_grants_hide_those_of_groups() -> None:
    """As PVE resolves its list, down from /."""
    world = small()
    world.access.users["u@pve"] = User("u@pve", groups=("g",))
    world.access.grants += [
        Grant("/", "@g", "PVEAuditor"), Grant("/vms", "u@pve", "PVEVMUser"), Grant("/vms/101", "u@pve", "NoAccess"),
        Grant("/storage/ceph", "@g", "PVEAdmin", propagate=False),
    ]  # fmt: skip

    def held(path: str) -> dict[str, int]:
        return world.access.held("u@pve", path)

    assert "Sys.Audit" in held("/nodes/pve1")
    assert ("VM.PowerMgmt" in held("/vms/102"), "Sys.Audit" in held("/vms/102")) == (True, False)
    assert held("/vms/101") == {}
    assert held("/storage/ceph")["Datastore.AllocateSpace"] == 0
    assert "Datastore.AllocateSpace" not in held("/storage/ceph/x")


def test_tokens_have_their_own_or_their_users_rights() -> None:
    """privsep=1 is the intersection, without grants nothing; privsep=0 is the user's."""
    world = small()
    world.access.tokens |= {
        "audit@pve!own": Token("audit@pve!own", "s"), "audit@pve!all": Token("audit@pve!all", "s", privsep=False),
        "root@pam!own": Token("root@pam!own", "s"),
    }  # fmt: skip
    world.access.grants.append(Grant("/vms/101", "audit@pve!own", "PVEVMAdmin"))
    assert names(world, "audit@pve!own")["guest"] == [101]
    assert "VM.Migrate" not in world.access.held("audit@pve!own", "/vms/101")
    assert len(names(world, "audit@pve!all")["guest"]) == 14
    assert InProcessApi(world, "root@pam!own").get("/access/permissions") == {}
    with pytest.raises(LoginFailed):
        InProcessApi(world, "audit@pve!nosuch").get("/version")


def test_image_lists_need_rights_on_storage_and_guest() -> None:
    """Datastore.Audit alone shows no image."""
    world = small()
    path = "/nodes/pve1/storage/local-zfs/content"
    assert InProcessApi(world, "audit@pve").get(path) == []
    assert [row["vmid"] for row in InProcessApi(world, "prs@pve!daemon").get(path)] == [106]


def login(world: World, **values: object) -> Any:
    """POST /access/ticket."""
    return world.request("", "POST", "/access/ticket", {name.replace("_", "-"): value for name, value in values.items()})


def test_logging_in_gives_a_ticket_that_can_be_renewed() -> None:
    """With realm in the name or beside it; the ticket is a password to the next one, also after the password has changed."""
    world = small()
    first = login(world, username="pool", realm="pve", password="pool-secret")
    assert first["ticket"].startswith("PVE:pool@pve:6AFD86C0::")
    assert (first["cap"]["vms"]["VM.Migrate"], "clustername" in first) == (1, False)
    assert login(world, username="root@pam", password="secret")["clustername"] == "lab"
    world.access.users["pool@pve"].password = "new"
    world.clock.sleep(7000)
    second = login(world, username="pool@pve", password=first["ticket"])
    assert second["ticket"] != first["ticket"]
    world.clock.sleep(300)
    assert (world.sessions.user(first["ticket"]), world.sessions.user(second["ticket"])) == ("", "pool@pve")
    assert world.sessions.csrf_valid("pool@pve", second["CSRFPreventionToken"])
    assert not world.sessions.csrf_valid("root@pam", second["CSRFPreventionToken"])


@pytest.mark.parametrize(
    "values",
    [
        {"username": "pool@pve", "password": "wrong"},
        {"username": "pool", "password": "pool-secret"},
        {"username": "Pool@pve", "password": "pool-secret"},
        {"username": "who@pve", "password": "pool-secret"},
        {"username": "pool@pve", "password": "pool-secret", "otp": "123456"},
        {"username": "nobody@pve", "password": "nobody-secret", "path": "/", "privs": "Sys.Audit"},
    ],
)
def test_every_failed_login_looks_the_same(values: dict[str, object]) -> None:
    """Nothing tells which part was wrong."""
    with pytest.raises(Refused) as refusal:
        login(small(), **values)
    assert (refusal.value.status, refusal.value.message) == (401, "authentication failure")


def test_a_second_factor_makes_two_steps() -> None:
    """The half ticket proves nothing by itself."""
    world = small()
    world.access.users["pool@pve"].totp = "123456"
    half = login(world, username="pool@pve", password="pool-secret")
    assert (half["NeedTFA"], half["ticket"].startswith("PVE:!tfa!"), "cap" in half) == (1, True, False)
    assert world.sessions.user(half["ticket"]) == ""
    for wrong in ("123456", "totp:654321"):
        with pytest.raises(Refused):
            login(world, username="pool@pve", password=wrong, tfa_challenge=half["ticket"])
    full = login(world, username="pool@pve", password="totp:123456", tfa_challenge=half["ticket"])
    assert world.sessions.user(full["ticket"]) == "pool@pve"
    assert login(world, username="pool@pve", password=full["ticket"])["ticket"]


def test_a_check_of_privileges_gives_no_ticket() -> None:
    """Only who it is."""
    answer = login(small(), username="audit@pve", password="audit-secret", path="/vms/101", privs="VM.Audit,Sys.Audit")
    assert (answer["username"], "ticket" in answer) == ("audit@pve", False)


def test_a_forged_or_foreign_ticket_proves_nothing() -> None:
    """Another time, another user, another cluster."""
    world = small()
    ticket = world.sessions.issue("pool@pve")
    assert world.sessions.user(ticket) == "pool@pve"
    assert world.sessions.user(ticket.replace("pool@pve", "root@pam")) == ""
    other = World(small().nodes.values(), name="other")
    assert other.sessions.user(ticket) == ""
    world.life.disable("pool@pve")
    assert world.sessions.user(ticket) == ""
    world.life.disable("pool@pve", False)
    assert world.sessions.user(ticket) == "pool@pve"


def test_a_token_cannot_log_in() -> None:
    """PVE wants a proper ticket."""
    with pytest.raises(Refused, match="not available with API token"):
        small().request("prs@pve!daemon", "POST", "/access/ticket", {"username": "root@pam", "password": "secret"})
