"""No secret in an exception, a repr or a log, whatever goes wrong and however much is logged."""

from __future__ import annotations

import logging
import time
import traceback
from typing import Any

import pytest

from integration.conftest import Connect, Serve
from integration.scripted import DROP, HANG, Answer, Asked, data
from prs.endpoint import Endpoint
from prs.errors import PveError

SECRETS = ("Very-Secret", "S3CRET-SIGNATURE", "csrf-secret", "uuid-secret")
TICKET = f"PVE:root@pam:{int(time.time()):08X}::S3CRET-SIGNATURE=="
LOGINS: tuple[dict[str, Any], ...] = (
    {"password": "Very-Secret"},
    {"token_name": "t", "token_value": "uuid-secret", "password": ""},
    {"ticket": TICKET, "csrf": "csrf-secret"},
    {"ticket": TICKET},
)
ANSWERS = (
    DROP,
    HANG,
    Answer("", 401, "Authentication failed!"),
    Answer({"data": None, "message": "no"}, 403, "no"),
    Answer({"data": None, "errors": {"username": "bad"}}, 400, "Parameter verification failed."),
    Answer("<html>"),
    Answer("", 302, "Found", {"Location": "https://127.0.0.1:1/"}),
    Answer("", 596, "Connection timed out"),
    data({"ticket": TICKET, "CSRFPreventionToken": "csrf-secret"}),
    data({"ticket": TICKET}),
)


@pytest.fixture
def everything(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """All loggers at DEBUG, as an administrator in trouble may set them."""
    caplog.set_level(logging.DEBUG)
    for name in list(logging.root.manager.loggerDict):
        if name.startswith(("prs", "requests", "urllib3")) or name == "proxmoxer":
            caplog.set_level(logging.DEBUG, name)
    return caplog


@pytest.mark.parametrize("login", LOGINS)
def test_no_secret_shows(login: dict[str, Any], serve: Serve, client: Connect, everything: pytest.LogCaptureFixture) -> None:
    told: list[str] = [repr(Endpoint(("h",), "root@pam", **login))]
    current: list[Answer | str] = []

    def script(asked: Asked) -> Answer | str:
        return current[0]

    for answer in ANSWERS:
        current[:] = [answer]
        api = client(serve(script), user="root@pam", timeout=0.1, **login)
        told.append(repr(api) + str(api))
        for method in (api.get, api.post, api.delete):
            try:
                method("/nodes/pve1/qemu/100/migrate", {"target": "pve2"})
            except PveError as error:
                told.append("".join(traceback.format_exception(error)) + repr(error))
    text = "\n".join([*told, everything.text])
    assert "migrate" in text
    for secret in SECRETS:
        assert secret not in text


def test_bodies_of_requests_are_not_logged(serve: Serve, client: Connect, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    client(serve(lambda asked: data(1))).post("/x", {"comment": "private"})
    assert "private" not in caplog.text
