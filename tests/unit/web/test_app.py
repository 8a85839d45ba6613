"""The application without a network: its description fits its routes, examples fit the description, PVE's refusals get their status."""

from __future__ import annotations

import json
import re
import threading
import time
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from prs.config.load import Settings
from prs.endpoint import Endpoint
from prs.errors import (
    ApiError,
    CredentialError,
    HelperError,
    JobConflict,
    JournalError,
    LoginFailed,
    NotFound,
    PlanError,
    PrsError,
    Unreachable,
)
from prs.web.access.auth import Caller
from prs.web.access.client import Told
from prs.web.access.guard import Guard
from prs.web.access.guesses import Gate
from prs.web.access.login import Login
from prs.web.access.rights import Rights
from prs.web.api.examples import ANSWERS, REQUESTS
from prs.web.api.openapi import PREFIX, document
from prs.web.api.refusal import Refusal, refusal
from prs.web.app import create_app
from prs.web.cache import Cache
from prs.web.context import Context
from prs.web.inbox.client import Inbox
from prs.web.json_of import brief_json, job_json
from prs.web.site import Site
from unit.samples import running

OUTSIDE = {"/openapi.json", "/ca"}  # served beside what is described: the description itself and a file


class Silent:
    """A PVE that answers nothing."""

    user, calls = "", 0

    def get(self, path: str, params: object = None) -> Any:
        raise Unreachable(f"{path} is not answered")

    post = put = delete = get


@pytest.fixture
def app(tmp_path: Path) -> Any:
    settings = Settings(tmp_path / "prs.conf", state_dir=tmp_path)
    around = Site("pve1", tmp_path / "pve-root-ca.pem", tmp_path / "www", {"pve2/css": tmp_path / "css"})
    guard = Guard(frozenset({"localhost"}), 8017)
    return create_app(Context(settings, Endpoint(("127.0.0.1",)), lambda endpoint: Silent(), guard, around, Inbox(tmp_path / "inbox")))


def test_every_route_is_described_and_every_description_is_served(app: Any) -> None:
    served = set()
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith(PREFIX):
            path = re.sub("<(plan_|job_|answer_|round_)id>", "{id}", rule.rule.removeprefix(PREFIX).replace("<node>", "{node}"))
            verbs = ("cancel", "pause", "resume", "undo") if "<verb>" in path else ("",)
            served |= {(method, path.replace("<verb>", verb)) for verb in verbs for method in rule.methods & {"GET", "POST", "PUT"}}
    described = {(method.upper(), path) for path, item in document()["paths"].items() for method in {"get", "post", "put"} & set(item)}
    assert {(method, path) for method, path in served if path not in OUTSIDE} == described


def schemas() -> dict[str, Any]:
    return {name: {**found, "components": document()["components"]} for name, found in document()["components"]["schemas"].items()}


@pytest.mark.parametrize(("example", "schema"), [
    ("status", "Status"), ("cluster", "Cluster"), ("plan", "Plan"), ("placement", "Placement"), ("jobs", "Jobs"), ("job", "Job"),
    ("login", "Login"), ("realms", "Realms"), ("released", "Released"), ("maintenance", "Maintenance"), ("healthz", "Alive"),
    ("later", "Later"), ("policy", "ClusterPolicy"), ("rules", "Rules"), ("round", "Round"), ("rounds", "RoundState"),
])  # fmt: skip
def test_examples_are_as_described(example: str, schema: str) -> None:
    jsonschema_rs.validator_for(schemas()[schema]).validate(ANSWERS[example])


def test_example_requests_are_as_described() -> None:
    for name, value in REQUESTS.items():
        jsonschema_rs.validator_for(schemas()["DrainRequest" if name == "plans" else name]).validate(value)


def test_jobs_are_as_described_and_hold_no_credential() -> None:
    caller = Caller(Login("root@pam"), Rights({"/": {"Sys.Modify": 1}}), Endpoint(()))
    job = job_json(running(), caller, "pve1")
    jsonschema_rs.validator_for(schemas()["JobBrief"]).validate(brief_json(running(), caller, "pve1"))
    assert "credential" not in json.dumps(job)
    assert job["progress"] | {"seconds_left": 0} == {
        "done": 1, "failed": 0, "skipped": 0, "running": 1, "steps": 3, "done_bytes": job["progress"]["done_bytes"],
        "total_bytes": job["progress"]["total_bytes"], "seconds_left": 0,
    }  # fmt: skip
    assert job["may"]["undo"] == {"allowed": False, "reason": "the job has not ended yet"}


@pytest.mark.parametrize(("error", "status", "code"), [
    (ApiError(403, "Permission check failed (/vms/101, VM.Migrate)"), 403, "forbidden"), (ApiError(500, "VM is locked"), 502, "pve"),
    (LoginFailed("no"), 401, "ticket"), (Unreachable("no"), 502, "pve"), (NotFound("no"), 404, "not_found"),
    (JobConflict("7", (102,)), 409, "conflict"), (HelperError("no"), 409, "helper"), (PlanError("no"), 409, "plan"),
    (JournalError("no"), 503, "unavailable"), (CredentialError("no"), 503, "unavailable"), (PrsError("no"), 500, "fault"),
])  # fmt: skip
def test_errors_get_their_status_and_keep_their_words(error: PrsError, status: int, code: str) -> None:
    found = refusal(error)
    assert (found.status, found.code, found.message) == (status, code, str(error))


def test_files_of_the_panel_come_from_their_folders_only(app: Any, tmp_path: Path) -> None:
    (tmp_path / "www").mkdir()
    (tmp_path / "www" / "index.html").write_text("<!doctype html>")
    (tmp_path / "secret").write_text("secret")

    def get(path: str, **headers: str) -> Any:
        with app.test_client().get(path, base_url="https://localhost", headers=headers) as response:
            response.get_data()
            return response

    response = get("/")
    assert (response.status_code, response.data) == (200, b"<!doctype html>")
    assert "script-src 'self'" in response.headers["Content-Security-Policy"]
    assert response.headers["Cache-Control"] == "no-cache"
    assert get("/ui/index.html", **{"If-None-Match": response.headers["ETag"]}).status_code == 304
    for path in ("/ui/../secret", "/ui/%2e%2e/secret", "/ui//etc/passwd", "/pve2/css/none.css", "/pve2/js/x.js", "/secret"):
        assert get(path).status_code == 404, path


def test_what_pve_does_not_answer_is_told_as_such(app: Any) -> None:
    headers = {"Authorization": f"PVEAuthCookie=PVE:root@pam:{int(time.time()):08X}::AAAA"}
    response = app.test_client().get("/api/v1/status", base_url="https://localhost", headers=headers)
    assert (response.status_code, response.json["error"]["code"]) == (502, "pve")


@pytest.mark.parametrize("bridge", [False, True], ids=["port", "pveproxy"])
def test_what_takes_longer_is_asked_for_by_its_caller(app: Any, monkeypatch: pytest.MonkeyPatch, bridge: bool) -> None:
    """By either way in: 202 and a number, then the answer or the refusal of the call itself."""
    go, waits = threading.Event(), iter((ApiError(403, "Permission check failed"), {"id": "0123456789ab"}))

    def work(*_: object, **__: object) -> Any:
        assert go.wait(20)
        found = next(waits)
        if isinstance(found, Exception):
            raise found
        return found

    login = Login("root@pam", "PVE:root@pam:0::A", "c")
    monkeypatch.setattr("prs.web.access.auth.Verifier.verify", lambda *_: Caller(login, Rights({}), Endpoint(())))
    monkeypatch.setattr(Context, "ask", work)
    monkeypatch.setattr(f"prs.web.routes.common.{'PATIENCE_BRIDGE' if bridge else 'PATIENCE'}", 0.05)
    now = f"{int(time.time()):08X}"
    headers = {"Authorization": f"PVEAuthCookie=PVE:root@pam:{now}::AAAA", "CSRFPreventionToken": f"{now}:{'A' * 43}"}
    given: Any = {"base_url": "https://localhost", "headers": headers, "environ_base": {"prs.bridge": Told()} if bridge else {}}
    client = app.test_client()
    seen = []
    for _ in range(2):
        go.clear()
        response = client.post("/api/v1/plans", json={"kind": "balance"}, **given)
        assert response.status_code == 202, response.text
        place = f"/api/v1/answers/{response.json['data']['later']}"
        assert client.get(place, **given).json == response.json
        go.set()
        while response.status_code == 202:
            response = client.get(place, **given)
        seen.append(response.status_code)
    assert seen == [403, 201]
    assert client.get("/api/v1/answers/..", **given).status_code == 404


def test_a_fault_says_nothing_about_the_inside(app: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr("prs.web.routes.session._realm", None)
    monkeypatch.setattr(Silent, "get", lambda *_: [{"realm": "pam"}])
    response = app.test_client().get("/api/v1/realms", base_url="https://localhost")
    assert (response.status_code, response.json["error"]["code"]) == (500, "fault")
    assert "NoneType" not in response.text
    assert "NoneType" in caplog.text


def test_the_gate_lets_two_of_a_client_and_ten_in_all_wait() -> None:
    gate, leave, inside = Gate(10, 2), threading.Event(), threading.Semaphore(0)

    def wait(client: str) -> None:
        with gate.pass_through(client):
            inside.release()
            leave.wait(10)

    threads = [threading.Thread(target=wait, args=(f"192.0.2.{number // 2}",)) for number in range(10)]
    for thread in threads[:2]:
        thread.start()
        assert inside.acquire(timeout=5)
    with pytest.raises(Refusal) as refused, gate.pass_through("192.0.2.0"):
        pytest.fail("a third one of the same client waits")
    assert (refused.value.status, refused.value.retry) == (429, 3)
    for thread in threads[2:]:
        thread.start()
        assert inside.acquire(timeout=5)
    with pytest.raises(Refusal), gate.pass_through("192.0.2.99"):
        pytest.fail("an eleventh one waits")
    leave.set()
    for thread in threads:
        thread.join()
    with gate.pass_through("192.0.2.0"):
        assert gate._inside == {"192.0.2.0": 1}


def test_who_waits_at_the_gate_gets_the_place_that_is_given_back() -> None:
    gate, waits, answers = Gate(1, 1), threading.Event(), list[str]()

    def wait() -> None:
        waits.set()
        with gate.pass_through("192.0.2.1", 120.0):
            answers.append("in")

    with gate.pass_through("192.0.2.1"):
        thread = threading.Thread(target=wait)
        thread.start()
        assert waits.wait(120)
        thread.join(0.1)
        assert answers == []
    thread.join()
    assert answers == ["in"]


def test_the_cache_forgets_by_age_and_by_size(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("prs.web.cache.time.monotonic", lambda: now[0])
    cache: Cache[int] = Cache(30.0, 2)
    for key in ("a", "b", "c"):
        cache.put(key, 1)
    assert [cache.get(key) for key in ("a", "b", "c")] == [None, 1, 1]
    now[0] += 31
    assert cache.get("c") is None
