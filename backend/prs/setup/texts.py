"""The account as each node's service reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from prs.endpoint import Endpoint
from prs.setup import conf, places, shared
from prs.setup.tools import Tools


def text(endpoint: Endpoint) -> str:
    """The account as a file of settings."""
    token = f"{endpoint.user}!{endpoint.token_name}={endpoint.token_value}"
    values = {"api_host": ",".join(endpoint.hosts), "api_token": token}
    return conf.text_of(values | ({"ca_file": endpoint.ca_file} if endpoint.ca_file else {}))


def at(endpoint: Endpoint, place: places.Place) -> Endpoint:
    """The account, reached there."""
    return replace(endpoint, hosts=place.hosts, ca_file=place.ca_file)


def texts(tools: Tools, endpoint: Endpoint, kept: Mapping[str, str]) -> dict[str, str]:
    """Its text by node, and for nodes that join later; a node that does not tell its certificate just now keeps what it has."""
    found = {shared.EVERY: text(at(endpoint, places.common(tools)))}
    for node in places.nodes(tools):
        place = places.places(tools, node)
        found[node] = kept[node] if place.guessed and node in kept else text(at(endpoint, place))
    return found
