"""Where PVE's API is for calls with a caller's own login: as prs.conf says, else this node's own pveproxy."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from prs.config.load import Web
from prs.endpoint import Endpoint
from prs.web import certificate


def own_api(web: Web, local: Path, authority: Path, node: str) -> Endpoint:
    """The API in prs.conf, or that of this node, trusted by the very certificate that it shows.

    `local` is the folder of the node's certificate, `authority` the cluster's own.
    """
    if web.api.hosts:
        return replace(web.api, renew=False)
    pair = certificate.choose(local)
    if pair.certificate.name == "pve-ssl.pem":
        return replace(web.api, hosts=("127.0.0.1",), ca_file=web.api.ca_file or str(authority), renew=False)
    # A certificate of the administrator's own is not made for 127.0.0.1.
    name = next((name for name in sorted(certificate.names(pair.certificate)) if "*" not in name), node)
    return replace(web.api, hosts=(name,), ca_file=str(pair.certificate), renew=False)
