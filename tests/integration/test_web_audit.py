"""Every call of the API description that changes something is one audit line, with who, from where, what and on what, allowed or not."""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import pytest

from integration.web_house import FakeHelper, House, house
from prs import audit
from prs.config.load import load_settings
from prs.engine.drain.shared_holds import FOLDER
from prs.engine.journal.automation import Automation, tell_automation
from prs.engine.journal.journal import Journal
from prs.engine.journal.lock import SERVICE, ExecutorLock
from prs.engine.rolling.stages import RoundOptions, begin
from prs.helper.client import shared_round
from prs.model import Policy
from prs.pve.http.client import connect
from prs.web.access.guard import Guard
from prs.web.api.openapi import PREFIX, document
from prs.web.app import create_app
from prs.web.context import Context
from prs.web.inbox import serve
from prs.web.inbox.client import Inbox
from prs.web.pveproxy import own_api
from prs.web.site import Site
from simcluster.scenes import small

ID = "0123456789ab"
READS = {"get", "head", "options", "parameters"}
# A login changes nothing; each one that is refused has a line of its own (test_web_logins.py).
CHANGING = sorted(
    f"{verb.upper()} {path}" for path, item in document()["paths"].items() for verb in item if verb not in READS and path != "/login"
)


@dataclass(frozen=True, slots=True)
class Deed:
    """A call that can succeed now, and what its line has to name."""

    action: str
    body: object = None
    job: str = ""
    node: str = ""


class Lines(logging.Handler):
    """Keeps the audit lines, by their fields, and how each says that the deed has ended."""

    def __init__(self) -> None:
        super().__init__()
        self.kept = list[dict[str, str]]()

    def emit(self, record: logging.LogRecord) -> None:
        fields = {name: getattr(record, name) for name in audit.FIELDS}
        self.kept.append({**fields, "end": record.getMessage().rpartition(": ")[2]})


class Here:
    """The application and its inbox in this process, with PVE over HTTPS: what a person asks goes the whole way, and costs no process."""

    def __init__(self, home: House) -> None:
        self.home, self.lines = home, Lines()
        settings = load_settings(home.config, pve=home.pve)
        site = Site(home.node, home.pve / "pve-root-ca.pem")
        api = own_api(settings.web, home.pve / "local", home.pve / "pve-root-ca.pem", home.node)
        guard = Guard(frozenset({"localhost"}), home.port)
        self._app = create_app(Context(settings, api, connect, guard, site, Inbox(home.inbox)))
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(home.inbox))
        self._listener.listen()
        self._given = serve.parsed(home.inbox_command()[2:])
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError):  # the house is closed
            while True:
                connection, _ = self._listener.accept()
                with connection:
                    connection.sendall(serve.answer(connection, self._given))

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def call(self, who: str, method: str, path: str, body: object = None, kind: str = "application/json") -> Any:
        """(status, data or error) of a request of a user's."""
        given: dict[str, Any] = {"json": body} if body is not None else {"content_type": kind}
        found = self._app.test_client().open(f"{PREFIX}{path}", method=method, headers=self.home.log_in(who).headers, **given)
        while found.status_code == 202:  # on a busy machine
            path = f"/answers/{json.loads(found.data)['data']['later']}"
            found = self._app.test_client().get(f"{PREFIX}{path}", headers=self.home.log_in(who).headers)
        return found.status_code, json.loads(found.data)

    def post(self, path: str, body: object = None) -> Any:
        """The data that root gets."""
        status, answer = self.call("root@pam", "POST", path, body)
        assert status < 300, answer
        return answer["data"]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A node where nobody carries jobs out, so that they stay as they are; the lock of whoever would is held."""
    world = small(start=time.time())
    with house(tmp_path_factory.mktemp("home"), world) as found:
        for node in world.nodes:
            (found.pve / "nodes" / node).mkdir(exist_ok=True)
        (found.pve / "priv").mkdir()
        (found.pve / FOLDER).mkdir()
        found.suggests()
        helper = FakeHelper(found.helper, world, found.pve)
        helper.start()
        with ExecutorLock(found.state, SERVICE) as lock:
            assert lock.taken
            yield found
        helper.close()


@pytest.fixture
def here(home: House, monkeypatch: pytest.MonkeyPatch) -> Iterator[Here]:
    monkeypatch.setattr(serve, "set_up", lambda *_, **__: None)  # this process has a log of its own
    found = Here(home)
    audit.log.addHandler(found.lines)
    yield found
    audit.log.removeHandler(found.lines)
    found.close()
    home.inbox.unlink()


def plan(here: Here) -> str:
    found: str = here.post("/plans", {"kind": "balance", "method": "memory"})["id"]
    return found


def started(here: Here) -> str:
    """The only open job."""
    settle(here)
    found: str = here.post("/jobs", {"plan": plan(here)})["id"]
    return found


def settle(here: Here) -> None:
    with Journal(here.home.state / "journal.sqlite") as journal:
        for job in journal.jobs(only_open=True):
            journal.update_job(job.id, state="cancelled", ended=time.time())


def to_cancel(here: Here) -> Deed:
    return Deed("cancel", {}, started(here))


def to_pause(here: Here) -> Deed:
    return Deed("pause", None, started(here))


def to_resume(here: Here) -> Deed:
    job = started(here)
    here.post(f"/jobs/{job}/pause")
    return Deed("resume", None, job)


def to_undo(here: Here) -> Deed:
    job = started(here)
    with Journal(here.home.state / "journal.sqlite") as journal:
        for step in journal.job(job).steps:
            journal.update_step(job, step.seq, state="done", ended=time.time())
        journal.update_job(job, state="done", ended=time.time())
    return Deed("undo", None, job)


def to_start(here: Here) -> Deed:
    settle(here)
    return Deed("start", {"plan": plan(here)})


def to_suggest(action: str) -> Callable[[Here], Deed]:
    def scene(here: Here) -> Deed:
        settle(here)
        found = plan(here)
        with Journal(here.home.state / "journal.sqlite") as journal:
            tell_automation(journal, Automation(plan=found))
        return Deed(action, {"plan": found})

    return scene


def to_release(here: Here) -> Deed:
    told = {"host": "pve3", "since": 1700000000, "maintenance": False, "user": "root@pam"}
    (here.home.pve / FOLDER / f"pve2.{ID}.held").write_text(json.dumps(told))
    return Deed("release", node="pve2")


def to_steer(verb: str) -> Callable[[Here], Deed]:
    def scene(here: Here) -> Deed:
        shared = shared_round(here.home.pve, here.home.helper)
        assert shared is not None
        shared.read()
        shared.put(begin(ID, "prs@pve!daemon", ("pve2", "pve3"), Policy(), RoundOptions(), "pve3", time.time()))
        if verb == "resume":
            here.post(f"/rounds/{ID}/pause")
        return Deed(f"{verb}-round", {"node": "pve3"} if verb == "skip" else None, ID, "pve3" if verb == "skip" else "")

    return scene


def to_begin(here: Here) -> Deed:
    shared = shared_round(here.home.pve, here.home.helper)
    assert shared is not None
    if one := shared.read():
        shared.put(replace(one, state="stopped", ended=time.time()))
    return Deed("begin-round", {"nodes": ["pve2"], "reboot": False, "maintenance": False})


# A call that is not here is new: say how it comes about, so that its line is looked at.
SCENES: dict[str, Callable[[Here], Deed]] = {
    "POST /plans": lambda here: Deed("plan", {"kind": "balance"}),
    "POST /placements": lambda here: Deed("place", {"guests": [{"memory": 2**30}]}),
    "POST /jobs": to_start,
    "POST /jobs/{id}/cancel": to_cancel,
    "POST /jobs/{id}/pause": to_pause,
    "POST /jobs/{id}/resume": to_resume,
    "POST /jobs/{id}/undo": to_undo,
    "POST /suggestion/apply": to_suggest("apply"),
    "POST /suggestion/dismiss": to_suggest("dismiss"),
    "POST /nodes/{node}/release": to_release,
    "POST /nodes/{node}/maintenance": lambda here: Deed("maintenance", {"enabled": False}, node="pve2"),
    "PUT /nodes/{node}/maintenance": lambda here: Deed("node_state", {"state": "released"}, node="pve2"),
    "PUT /policy": lambda here: Deed(
        "policy", {"digest": here.call("root@pam", "GET", "/policy")[1]["data"]["digest"], "set": {"balancing.max_moves": "3"}}
    ),
    "POST /rounds/{id}/pause": to_steer("pause"),
    "POST /rounds/{id}/resume": to_steer("resume"),
    "POST /rounds/{id}/stop": to_steer("stop"),
    "POST /rounds/{id}/skip": to_steer("skip"),
    "POST /rounds/preview": lambda here: Deed("preview-round", {"nodes": ["pve2"]}),
    "POST /rounds": to_begin,
    "POST /account": lambda here: Deed("account"),
}  # fmt: skip


@pytest.mark.parametrize("call", CHANGING)
def test_each_change_is_one_line_allowed_or_refused(here: Here, call: str) -> None:
    assert call in SCENES, "a call that changes something, of which nobody has looked whether it leaves its line"
    method, path = call.split()
    deed = SCENES[call](here)
    path = path.format(id=deed.job, node=deed.node)
    here.lines.kept.clear()
    refused, _ = here.call("nobody@pve", method, path, deed.body)
    assert refused >= 400
    status, answer = here.call("root@pam", method, path, deed.body)
    assert status < 300, answer
    new = answer["data"]["id"] if deed.action in ("start", "apply", "begin-round") else deed.job
    same = {"action": deed.action, "client": "127.0.0.1", "node": deed.node}
    assert here.lines.kept == [
        {**same, "caller": "nobody@pve", "job": deed.job, "allowed": "no", "end": f"refused with {refused}"},
        {**same, "caller": "root@pam", "job": new, "allowed": "yes", "end": "allowed"},
    ]


def test_what_the_web_itself_refuses_has_its_line_too(here: Here) -> None:
    """A body that is none, an id that is none: nothing of it reaches the inbox."""
    for call in CHANGING:
        method, path = call.split()
        here.lines.kept.clear()
        status, _ = here.call("root@pam", method, path.format(id="x", node="-"), None, "text/plain")
        if status >= 400:
            (line,) = here.lines.kept
            assert (line["caller"], line["allowed"], line["end"]) == ("root@pam", "no", f"refused with {status}"), call
