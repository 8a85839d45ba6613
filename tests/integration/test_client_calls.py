"""What the client sends and how it understands the answers."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import parse_qs

import pytest

from integration.conftest import Connect, Serve
from integration.scripted import Answer, Asked, data
from prs.errors import ApiError, LoginFailed, Unreachable
from prs.pve.api import Api, quote


def test_a_token_goes_into_one_header_and_no_cookie_with_it(serve: Serve, client: Connect) -> None:
    server = serve(lambda asked: data({"version": "9.2.11"}))
    api: Api = client(server)
    assert api.get("/version") == {"version": "9.2.11"}
    assert (api.user, api.calls) == ("prs@pve!daemon", 1)
    asked = server.asked[0]
    assert (asked.method, asked.path) == ("GET", "/api2/json/version")
    assert asked.headers["authorization"] == "PVEAPIToken=prs@pve!daemon=token-secret"
    assert not {"cookie", "csrfpreventiontoken"} & set(asked.headers)


def test_parameters_go_as_pve_reads_them(serve: Serve, client: Connect) -> None:
    server = serve(lambda asked: data("UPID:x"))
    api = client(server)
    params = {"target": "pve2", "online": True, "force": False, "with-local-disks": 1, "nothing": None, "vms": [100, 101], "empty": ""}
    assert api.post("/nodes/pve1/qemu/100/migrate", params) == "UPID:x"
    api.get("/nodes/pve1/tasks", {"source": "all", "errors": False})
    api.delete("/nodes/pve1/tasks/x", {"a": True})
    posted, listed, deleted = server.asked
    assert posted.headers["content-type"] == "application/x-www-form-urlencoded"
    assert parse_qs(posted.body, keep_blank_values=True) == {
        "target": ["pve2"], "online": ["1"], "force": ["0"], "with-local-disks": ["1"], "vms": ["100", "101"], "empty": [""]
    }  # fmt: skip
    assert listed.path == "/api2/json/nodes/pve1/tasks?source=all&errors=0"
    assert (deleted.path, deleted.body) == ("/api2/json/nodes/pve1/tasks/x?a=1", "")


def test_a_quoted_element_stays_one_element(serve: Serve, client: Connect) -> None:
    server = serve(lambda asked: data())
    upid = "UPID:pve1:0000013B:00032F5A:6B02B9EC:qmigrate:100:prs@pve!daemon:"
    client(server).get(f"/nodes/pve1/tasks/{quote(upid)}/status")
    client(server).get(f"/pools/{quote('a/../b c?x=1')}")
    assert server.asked[0].path.count("/") == 7
    assert ":" not in server.asked[0].path
    assert server.asked[1].path == "/api2/json/pools/a%2F..%2Fb%20c%3Fx%3D1"


@pytest.mark.parametrize("value", ["", ".", ".."])
def test_what_leads_elsewhere_is_not_quoted(value: str) -> None:
    with pytest.raises(ApiError):
        quote(value)


NO = "Permission check failed (/vms/101, VM.Migrate)"
PARAMETER = "Parameter verification failed."


@pytest.mark.parametrize(
    ("answer", "status", "message", "errors"),
    [
        (Answer({"data": None, "message": NO + "\n"}, 403, NO), 403, NO, {}),
        (Answer({"data": None}, 403, NO), 403, NO, {}),
        (
            Answer({"data": None, "errors": {"target": "no such node\n"}, "message": PARAMETER}, 400, PARAMETER),
            400,
            PARAMETER,
            {"target": "no such node"},
        ),
        (Answer({"data": [1, 2], "message": "odd"}, 500, "odd"), 500, "odd", {}),
        (Answer({"data": None, "message": "first\nsecond\n"}, 500, "first"), 500, "first\nsecond", {}),
        (Answer("not JSON", 500, "VM is locked (backup)"), 500, "VM is locked (backup)", {}),
        (Answer("", 501, "Method 'GET /x' not implemented"), 501, "Method 'GET /x' not implemented", {}),
        (Answer("", 500, "Größe unbekannt"), 500, "Größe unbekannt", {}),
        (Answer([1], 500, "list"), 500, "list", {}),
    ],
)
def test_a_refusal_has_pves_own_words(
    answer: Answer, status: int, message: str, errors: dict[str, str], serve: Serve, client: Connect
) -> None:
    server = serve(lambda asked: answer)
    for method in ("get", "post"):
        with pytest.raises(ApiError) as caught:
            getattr(client(server), method)("/x", {"a": 1})
        assert (caught.value.status, caught.value.message, caught.value.errors) == (status, message, errors)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer("<html>hello</html>", headers={"Content-Type": "text/html"}), "gave an answer that is not one of Proxmox VE's API"),
        (Answer({"no": "data"}), "gave an answer that is not one of Proxmox VE's API"),
        (Answer([1, 2]), "gave an answer that is not one of Proxmox VE's API"),
        (Answer("", 301, "Moved Permanently", {"Location": "https://elsewhere/api2"}), "answered 301 Moved Permanently"),
        (Answer("<html>", 502, "Bad Gateway"), "answered 502 Bad Gateway"),
        (Answer("", 595, "No route to host"), "got no answer from the node: No route to host (595)"),
        (Answer("", 596, "Connection timed out"), "got no answer from the node: Connection timed out (596)"),
        (Answer("", 599, "Too many redirections"), "got no answer from the node: Too many redirections (599)"),
    ],
)
def test_an_answer_that_is_none_is_unreachable_in_words(answer: Answer, words: str, serve: Serve, client: Connect) -> None:
    server = serve(lambda asked: answer)
    for method in ("get", "post", "delete"):
        with pytest.raises(Unreachable) as caught:
            getattr(client(server), method)("/x")
        assert words in str(caught.value)
    assert len(server.asked) == 3


def test_a_refused_token_is_a_failed_login_and_asked_once(serve: Serve, client: Connect) -> None:
    server = serve(lambda asked: Answer("", 401, "Authentication failed!"))
    with pytest.raises(LoginFailed, match="PVE refuses the login of prs@pve!daemon: Authentication failed!"):
        client(server).get("/version")
    assert len(server.asked) == 1


def test_a_foreign_cookie_is_never_sent_back(serve: Serve, client: Connect) -> None:
    server = serve(lambda asked: Answer({"data": None}, headers={"Set-Cookie": "PVEAuthCookie=stolen; Path=/"}))
    api = client(server)
    for _ in range(2):
        api.get("/version")
    assert "cookie" not in server.asked[1].headers
    assert "authorization" in server.asked[1].headers


def test_a_proxy_of_the_environment_is_not_used(serve: Serve, client: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert client(serve(lambda asked: data(1))).get("/version") == 1


def test_the_api_hosts_clock_is_seen(serve: Serve, client: Connect) -> None:
    stamps: list[Any] = [{"Date": "Thu, 01 Jan 1970 00:10:00 GMT"}, {"Date": "nonsense"}]
    server = serve(lambda asked: Answer({"data": 1}, headers=stamps.pop(0)))
    api = client(server)
    assert api.skew is None
    for _ in range(2):
        api.get("/version")
        assert api.skew == pytest.approx(600 - time.time(), abs=5)


def test_many_calls_use_one_connection(serve: Serve, client: Connect) -> None:
    server = serve(lambda asked: data(1))
    api = client(server)
    for _ in range(20):
        api.get("/version")
    assert server.connections == 1
    assert api.calls == 20


def test_an_empty_answer_is_none(serve: Serve, client: Connect) -> None:
    def script(asked: Asked) -> Answer:
        return data(None)

    assert client(serve(script)).delete("/x") is None
