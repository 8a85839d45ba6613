"""Calls without a caller: is the service alive, its description, the realms, and the login that is passed on to PVE."""

from __future__ import annotations

import gzip
import hashlib
import json
from typing import Any

from flask import Blueprint, Response, request

from prs.errors import LoginFailed
from prs.web.access.guesses import note_refusal
from prs.web.access.login import is_ticket
from prs.web.access.single_flight import SingleFlight
from prs.web.api.answers import answer, conditional
from prs.web.api.openapi import document
from prs.web.api.reflect import ref
from prs.web.api.refusal import Refusal
from prs.web.cache import Cache
from prs.web.context import Context
from prs.web.routes.common import body

REALMS = 5.0  # seconds that the realms are believed: who asks has no login, and Proxmox VE is not to be asked for each
OPEN = frozenset({"alive", "openapi", "realms", "log_in", "authority"})  # endpoints that need no caller


def add(api: Blueprint, context: Context) -> None:
    """Register the calls."""
    described = json.dumps(document(), ensure_ascii=False).encode()
    packed, etag = gzip.compress(described, mtime=0), hashlib.sha256(described).hexdigest()[:32]
    listed: Cache[list[dict[str, Any]]] = Cache(REALMS, 1)
    listing: SingleFlight[list[dict[str, Any]]] = SingleFlight()

    @api.get("/healthz")
    def alive() -> Response:
        return answer({"alive": True})

    @api.get("/openapi.json")
    def openapi() -> Response:
        found = conditional(described, etag)
        if found.status_code == 200 and request.accept_encodings["gzip"] > 0:  # once for all: anybody may ask for it as often as they like
            found.set_data(packed)
            found.headers["Content-Encoding"] = "gzip"
        return found

    @api.get("/ca")
    def authority() -> Response:
        """The cluster's certificate authority, which any visitor may have: it is not secret."""
        try:
            text = context.site.authority.read_bytes()
        except OSError:
            raise Refusal(404, "not_found", "This machine holds no certificate authority of a cluster.") from None
        headers = {"Content-Disposition": "attachment; filename=pve-root-ca.crt"}
        return Response(text, mimetype="application/x-x509-ca-cert", headers=headers)

    @api.get("/realms")
    def realms() -> Response:
        def read() -> list[dict[str, Any]]:
            found = [_realm(row) for row in context.anonymous().get("/access/domains") if isinstance(row, dict)]
            listed.put("", found)
            return found

        found = listed.get("")
        return answer(listing.ask("", read) if found is None else found)

    @api.post("/login")
    def log_in() -> Response:
        asked = body(ref("LoginRequest"))
        user = f"{asked['username']}@{asked['realm']}" if asked.get("realm") else asked["username"]
        form = {"username": user, "password": asked["password"], "tfa-challenge": asked.get("challenge")}
        client, renewal = request.remote_addr or "", is_ticket(asked["password"])
        if not renewal:  # nobody guesses tickets, and who holds one does not wait behind those who guess passwords
            context.guesses.check(client)
        try:
            proof = context.verifier
            with proof.gate.pass_through(client, proof.patience) if renewal else context.logins.pass_through(client):
                found = context.anonymous().post("/access/ticket", form)
        except LoginFailed:
            if not renewal:
                context.guesses.wrong(client)
            note_refusal("ticket" if renewal else "password", user, client)
            raise Refusal(401, "login", "PVE refuses the login: wrong user, password or second factor.") from None
        return answer(_session(found))


def _realm(row: dict[str, Any]) -> dict[str, Any]:
    default = bool(int(row.get("default") or 0))
    return {"realm": str(row.get("realm", "")), "comment": str(row.get("comment", "")), "default": default, "tfa": str(row.get("tfa", ""))}


def _session(found: Any) -> dict[str, Any]:
    if not isinstance(found, dict) or not isinstance(found.get("ticket"), str):
        raise Refusal(502, "pve", "PVE's answer to the login holds no ticket.")
    name, ticket = str(found.get("username", "")), found["ticket"]
    if found.get("NeedTFA") or ticket.startswith("PVE:!tfa!"):
        return {"username": name, "needs_tfa": True, "challenge": ticket, "kinds": _kinds(ticket)}
    return {"username": name, "needs_tfa": False, "ticket": ticket, "csrf": str(found.get("CSRFPreventionToken", ""))}


def _kinds(ticket: str) -> list[str]:
    """The second factors that a half ticket offers: `PVE:!tfa!{"totp"%3Atrue}:...`."""
    data = ticket.removeprefix("PVE:!tfa!").partition(":")[0].replace("%3A", ":").replace("%2C", ",")
    try:
        offered = json.loads(data)
    except ValueError:
        return []
    return sorted(kind for kind, there in offered.items() if there) if isinstance(offered, dict) else []
