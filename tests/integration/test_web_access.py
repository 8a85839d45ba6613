"""Four users, a fifth with one pool, and a token: each call is allowed or refused as PVE would, over real HTTPS."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from integration.web_house import House, Person, house
from simcluster.access import User
from simcluster.scenes import small

USERS = ("root@pam", "audit@pve", "pool@pve", "nobody@pve", "ops@pve")


@pytest.fixture(scope="module", params=["8", "9"], ids=["PVE 8", "PVE 9"])
def home(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    world = small(request.param, start=time.time())
    # Sees everything, moves the guests of one pool.
    world.access.add(User("ops@pve", "ops-secret"), ("/", "PVEAuditor"), ("/pool/web", "PVEVMAdmin"))
    with house(tmp_path_factory.mktemp("home"), world, speed=20.0) as found:
        found.start_web()
        found.start_daemon()
        yield found


@pytest.fixture(scope="module")
def people(home: House) -> dict[str, Person]:
    return {user: home.log_in(user) for user in USERS}


# user -> which of the actions /status says are allowed
MAY = {
    "root@pam": {"make_account", "plan", "plan_drain", "balance", "drain", "maintenance", "cancel_others", "see_all_jobs"},
    "audit@pve": {"plan", "plan_drain", "see_all_jobs"},
    "pool@pve": set(),
    "nobody@pve": set(),
    "ops@pve": {"plan", "plan_drain", "balance", "drain", "see_all_jobs"},
}


@pytest.mark.parametrize("user", USERS)
def test_status_says_who_one_is_and_what_one_may_do(people: dict[str, Person], user: str) -> None:
    status = people[user].get("/status")
    assert status["user"] == user
    assert {name for name, right in status["may"].items() if right["allowed"]} == MAY[user]
    assert all(bool(right["reason"]) != right["allowed"] for right in status["may"].values())


@pytest.mark.parametrize(
    ("user", "guests", "movable"), [("root@pam", 14, 14), ("audit@pve", 14, 0), ("pool@pve", None, None), ("nobody@pve", 0, 0)]
)
def test_a_caller_sees_the_guests_that_pve_shows_them(
    home: House, people: dict[str, Person], user: str, guests: int | None, movable: int | None
) -> None:
    pool = {guest.vmid for guest in home.server.world.guests.values() if guest.pool == "web"}
    shown = people[user].get("/cluster")["guests"]
    assert len(shown) == (len(pool) if guests is None else guests)
    assert sum(guest["may_migrate"] for guest in shown) == (len(pool) if movable is None else movable)


def test_without_sight_of_the_nodes_there_is_no_plan(people: dict[str, Person]) -> None:
    for user in ("pool@pve", "nobody@pve"):
        status, code, words = people[user].refused("POST", "/plans", {"kind": "balance"})
        assert (status, code) == (403, "forbidden")
        assert "Sys.Audit on /nodes" in words


@pytest.mark.parametrize("asked", [{"kind": "balance"}, {"kind": "drain", "node": "pve3"}, {"kind": "drain", "node": "pve1"}])
def test_an_auditor_gets_the_plan_that_anybody_would_and_cannot_start_it(people: dict[str, Person], asked: dict[str, str]) -> None:
    plan, roots = people["audit@pve"].post("/plans", asked), people["root@pam"].post("/plans", asked)
    assert plan["moves"] or plan["blockers"]
    for name in ("moves", "blockers", "stays", "spread_after", "summary"):
        assert plan[name] == roots[name], name
    assert roots["lacking"] == ""
    if not plan["moves"]:
        return
    assert plan["lacking"].startswith("audit@pve may not carry this plan out: it needs VM.Migrate on /vms/")
    assert plan["lacking"] in plan["warnings"]
    assert people["audit@pve"].refused("POST", "/jobs", {"plan": plan["id"]})[:2] == (403, "forbidden")


def test_an_auditor_cannot_start_the_plan_of_somebody_else(people: dict[str, Person]) -> None:
    plan = people["root@pam"].post("/plans", {"kind": "balance"})
    assert people["audit@pve"].get(f"/plans/{plan['id']}") == plan
    status, code, words = people["audit@pve"].refused("POST", "/jobs", {"plan": plan["id"]})
    assert (status, code) == (403, "forbidden")
    assert f"needs VM.Migrate on /vms/{plan['moves'][0]['vmid']}" in words


@pytest.mark.parametrize("asked", [
    {"kind": "balance", "add_nodes": [{"memory": 64 * 2**30, "cores": 32}], "goal": "level"},
    {"kind": "balance", "scale": 1.5, "goal": "level"},
    {"kind": "balance", "without": "pve3"},
    {"kind": "drain", "node": "pve3", "add_nodes": [{"memory": 64 * 2**30, "cores": 32.0}]},
])  # fmt: skip
def test_what_might_be_is_planned_and_never_started(people: dict[str, Person], asked: dict[str, object]) -> None:
    root = people["root@pam"]
    plan = root.post("/plans", asked)
    assert plan["supposed"]
    assert any(words.startswith("supposed: ") for words in plan["warnings"])
    assert ("new1" in {load["node"] for load in plan["after"]}) == ("add_nodes" in asked)
    assert plan["node"] == asked.get("without", asked.get("node", ""))
    assert root.get(f"/plans/{plan['id']}") == plan
    assert root.refused("POST", "/jobs", {"plan": plan["id"]})[:2] == (409, "supposed")
    assert root.refused("POST", "/plans", {"kind": "drain", "node": "pve3", "without": "pve1", "scale": 99})[:2] == (400, "invalid")


def test_plans_of_others_do_not_exist_for_those_who_may_not_see_them(people: dict[str, Person]) -> None:
    plan = people["root@pam"].post("/plans", {"kind": "balance"})
    assert people["nobody@pve"].refused("GET", f"/plans/{plan['id']}")[:2] == (404, "not_found")
    assert people["nobody@pve"].refused("POST", "/jobs", {"plan": plan["id"]})[:2] == (404, "not_found")
    assert people["nobody@pve"].refused("GET", "/plans/0123456789ab")[2] == "there is no plan 0123456789ab"


def test_a_user_of_one_pool_moves_the_guests_of_that_pool_and_no_others(home: House, people: dict[str, Person]) -> None:
    ops, world = people["ops@pve"], home.server.world
    pool = {guest.vmid for guest in world.guests.values() if guest.pool == "web"}
    plan = ops.post("/plans", {"kind": "balance", "goal": "level", "method": "cpu"})
    assert plan["moves"]
    assert {move["vmid"] for move in plan["moves"]} <= pool
    job = ops.post("/jobs", {"plan": plan["id"]})
    home.wait(lambda: ops.get(f"/jobs/{job['id']}")["state"] not in ("queued", "running"), 90)
    done = ops.get(f"/jobs/{job['id']}")
    assert done["state"] == "done", done
    # PVE's own task log names the user who clicked.
    assert all(step["upid"].endswith(":ops@pve:") for step in done["steps"])
    assert people["pool@pve"].refused("GET", f"/jobs/{job['id']}")[:2] == (404, "not_found")
    assert [found["id"] for found in people["audit@pve"].get("/jobs?scope=node")["jobs"]] == [job["id"]]
    assert people["nobody@pve"].get("/jobs?scope=node")["jobs"] == []


def test_a_drain_needs_sight_of_every_guest(people: dict[str, Person]) -> None:
    assert people["pool@pve"].refused("POST", "/plans", {"kind": "drain", "node": "pve1"})[:2] == (403, "forbidden")
    plan = people["ops@pve"].post("/plans", {"kind": "drain", "node": "pve1"})
    assert not plan["feasible"]
    assert any("no right to migrate" in stay["reason"] for stay in plan["blockers"])
    assert people["ops@pve"].refused("POST", "/jobs", {"plan": plan["id"]})[:2] == (409, "empty")


def test_maintenance_needs_console_rights_and_the_helper(people: dict[str, Person]) -> None:
    status, code, words = people["audit@pve"].refused("POST", "/nodes/pve1/maintenance", {"enabled": True})
    assert (status, code, words) == (403, "forbidden", "Not allowed: needs Sys.Console on /.")
    status, code, words = people["root@pam"].refused("POST", "/nodes/pve1/maintenance", {"enabled": True})
    assert (status, code) == (409, "helper")
    assert "there is no helper" in words


def test_api_tokens_are_callers_too(home: House) -> None:
    token = home.log_in("prs@pve!daemon")
    assert token.get("/status")["user"] == "prs@pve!daemon"
    assert token.get("/status")["token"] is True
    plan = token.post("/plans", {"kind": "balance"})
    assert plan["user"] == "prs@pve!daemon"


def test_a_caller_of_another_user_may_follow_but_not_stop_a_job(home: House, people: dict[str, Person]) -> None:
    root = people["root@pam"]
    plan = root.post("/plans", {"kind": "drain", "node": "pve2", "containers": True})
    job = root.post("/jobs", {"plan": plan["id"]})
    seen = people["audit@pve"].get(f"/jobs/{job['id']}")
    assert seen["may"]["cancel"] == {"allowed": False, "reason": "needs Sys.Modify on /"}
    assert people["audit@pve"].refused("POST", f"/jobs/{job['id']}/cancel", {})[:2] == (403, "forbidden")
    root.post(f"/jobs/{job['id']}/cancel", {"abort": True})
    home.wait(lambda: root.get(f"/jobs/{job['id']}")["state"] == "cancelled", 60)


def test_realms_and_login_are_passed_on_to_pve(home: House) -> None:
    visitor = home.anyone()
    assert {realm["realm"] for realm in visitor.get("/realms")} >= {"pam", "pve"}
    found = visitor.post("/login", {"username": "audit", "realm": "pve", "password": "audit-secret"})
    assert not found["needs_tfa"]
    visitor.headers = {"Authorization": f"PVEAuthCookie={found['ticket']}"}
    assert visitor.get("/status")["user"] == "audit@pve"
    renewed = home.anyone().post("/login", {"username": "audit@pve", "password": found["ticket"]})
    assert renewed["ticket"]
    assert home.anyone().refused("POST", "/login", {"username": "audit@pve", "password": "wrong"})[:2] == (401, "login")


def test_a_login_with_second_factor_takes_two_steps(home: House) -> None:
    home.server.world.access.users["audit@pve"].totp = "123456"
    try:
        first = home.anyone().post("/login", {"username": "audit@pve", "password": "audit-secret"})
        assert (first["needs_tfa"], first["kinds"]) == (True, ["totp"])
        half = Person(home.url, home.ca_file, {"Authorization": f"PVEAuthCookie={first['challenge']}"})
        assert half.refused("GET", "/status")[:2] == (401, "half_ticket")
        second = {"username": "audit@pve", "password": "totp:123456", "challenge": first["challenge"]}
        assert home.anyone().post("/login", second)["ticket"].startswith("PVE:audit@pve:")
    finally:
        home.server.world.access.users["audit@pve"].totp = ""




def test_figures_for_monitoring_go_to_auditors_and_nobody_else(home: House, people: dict[str, Person]) -> None:
    for user in ("pool@pve", "nobody@pve"):
        status, code, words = people[user].refused("GET", "/metrics")
        assert (status, code) == (403, "forbidden")
        assert "Sys.Audit on /" in words
    assert home.anyone().call("GET", "/metrics").status_code == 401
    found = people["audit@pve"].call("GET", "/metrics")
    assert (found.status_code, found.headers["Content-Type"]) == (200, "application/openmetrics-text; version=1.0.0; charset=utf-8")
    samples = [sample for family in text_string_to_metric_families(found.text) for sample in family.samples]
    told = {(sample.name, *sample.labels.values()): sample.value for sample in samples}
    assert (told["prs_service_up",], told["prs_readings_usable",]) == (1, 1)
    assert told["prs_pve_requests_total", "web", "answered"] >= 1
