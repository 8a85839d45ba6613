"""Runs inside a machine and speaks to the web service as the panel does: start USER PASSWORD NODE, or state USER PASSWORD JOB."""

from __future__ import annotations

import json
import ssl
import sys
import urllib.error
import urllib.request
from typing import Any

trust = ssl.create_default_context(cafile="/etc/pve/local/pve-ssl.pem")


def ask(path: str, body: Any = None, session: dict[str, str] | None = None) -> Any:
    """Give the data of the answer; SystemExit with a refusal."""
    headers = {"Content-Type": "application/json"}
    if session:
        headers |= {"Authorization": f"PVEAuthCookie={session['ticket']}", "CSRFPreventionToken": session["csrf"]}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"https://pve1:8017/api/v1{path}", data, headers)
    try:
        with urllib.request.urlopen(request, context=trust, timeout=30) as answer:
            return json.load(answer)["data"]
    except urllib.error.HTTPError as error:
        raise SystemExit(f"{path}: {error.code} {error.read().decode()}") from None


verb, user, password, what = sys.argv[1:]
session = ask("/login", {"username": user, "realm": "pam", "password": password})
if verb == "start":
    plan = ask("/plans", {"kind": "drain", "node": what}, session)
    print(ask("/jobs", {"plan": plan["id"]}, session)["id"])
else:
    print(ask(f"/jobs/{what}", None, session)["state"])
