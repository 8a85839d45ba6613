"""Whether everything between this machine and the cluster is as the service needs it: for people, so every finding has words."""

from __future__ import annotations

from prs.endpoint import Endpoint
from prs.errors import LoginFailed, PveError
from prs.pve.check.cluster import check_cluster
from prs.pve.check.findings import Finding
from prs.pve.check.host import check_host
from prs.pve.check.web import check_web
from prs.pve.http.client import Client
from prs.pve.http.hosts import caller
from prs.pve.read.values import rows, text

CLOCK_LIMIT = 60.0  # seconds; PVE itself refuses tickets from more than 300 s in the future (access-control AccessControl.pm)

__all__ = ["Finding", "check"]


def check(endpoint: Endpoint, web_port: int | None = None, maps: bool = False) -> list[Finding]:
    """Look at the hosts, the login, the cluster and (by its port, 0 = none) the web interface; changes nothing, raises nothing of PveError.

    With `maps` also at what maps of storages need. Takes some seconds.
    """
    findings = [finding for host in endpoint.hosts for finding in check_host(host, endpoint)]
    try:
        client = Client(endpoint)
    except PveError as error:
        return [*findings, Finding("login", False, str(error), "correct the configuration")]
    with client:
        try:
            client.get("/version")
        except LoginFailed as error:
            return [*findings, Finding("login", False, str(error), _login_remedy(endpoint))]
        except PveError as error:
            return [*findings, Finding("login", False, str(error), "mend the connection first")]
        findings.append(Finding("login", True, f"{caller(endpoint)} is logged in at {client.place}"))
        findings.append(_clock(client.skew))
        web = [] if web_port is None else check_web(client, client.place, web_port)
        return [*findings, *check_cluster(client, maps), *web]


def node_names(endpoint: Endpoint) -> frozenset[str]:
    """The cluster's nodes; none where they cannot be read, of which `check` tells."""
    try:
        with Client(endpoint) as client:
            return frozenset(text(row, "name") for row in rows(client.get("/cluster/status")) if row.get("type") == "node")
    except PveError:
        return frozenset()


def _login_remedy(endpoint: Endpoint) -> str:
    if endpoint.token_name:
        return f"check the token's id and value; list tokens with: pveum user token list {endpoint.user}"
    return "check the user (with its realm, such as root@pam), the password, and that the user is enabled and has no second factor"


def _clock(skew: float | None) -> Finding:
    if skew is None:
        return Finding("clock", None, "the API host does not tell its time")
    if abs(skew) > CLOCK_LIMIT:
        side = "ahead of" if skew > 0 else "behind"
        return Finding("clock", False, f"the API host's clock is {abs(skew):.0f} s {side} this machine's", "set the clocks by NTP (chrony)")
    return Finding("clock", True, f"this machine and the API host agree on the time ({abs(skew):.0f} s apart)")
