"""Runs inside a machine and speaks to the web service as the panel does: start USER PASSWORD NODE, state USER PASSWORD JOB, or any
call USER PASSWORD METHOD PATH [BODY]."""

from __future__ import annotations

import json
import socket
import ssl
import sys
import urllib.error
import urllib.request
from typing import Any

trust = ssl.create_default_context(cafile="/etc/pve/local/pve-ssl.pem")


def ask(path: str, body: Any = None, session: dict[str, str] | None = None, method: str | None = None) -> Any:
    """Give the data of the answer; SystemExit with a refusal."""
    headers = {"Content-Type": "application/json"}
    if session:
        headers |= {"Authorization": f"PVEAuthCookie={session['ticket']}", "CSRFPreventionToken": session["csrf"]}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"https://{socket.gethostname()}:8017/api/v1{path}", data, headers, method=method)
    try:
        with urllib.request.urlopen(request, context=trust, timeout=60) as answer:
            found = json.load(answer)["data"]
            return found if answer.status != 202 else ask(f"/answers/{found['later']}", None, session)
    except urllib.error.HTTPError as error:
        raise SystemExit(f"{path}: {error.code} {error.read().decode()}") from None


verb, user, password, what, *more = sys.argv[1:]
name, _, realm = user.partition("@")
session = ask("/login", {"username": name, "realm": realm or "pam", "password": password})
if verb == "start":
    plan = ask("/plans", {"kind": "drain", "node": what}, session)
    print(ask("/jobs", {"plan": plan["id"]}, session)["id"])
elif verb == "call":
    print(json.dumps(ask(more[0], json.loads(more[1]) if more[1:] else None, session, what)))
else:
    print(ask(f"/jobs/{what}", None, session)["state"])
