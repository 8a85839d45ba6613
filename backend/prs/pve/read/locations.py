"""Where each node stands, by PVE's own configuration (since pve-manager 9.1.13, PVE/NodeConfig.pm): asked only where a rule needs it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from prs.errors import ApiError, Unreachable
from prs.model import Cluster
from prs.pve.api import Api, quote
from prs.pve.read.values import digits, properties, table, text

SINCE = (9, 1, 13)
DEGREES = 6  # digits of a coordinate that tell a place from another: a tenth of a metre


def with_locations(api: Api, cluster: Cluster) -> Cluster:
    """The cluster with the location of each online node: its own, else that of the datacenter's options; LoginFailed passes through.

    One call for the datacenter and one for each node; none where PVE is too old to know locations.
    """
    if _numbers(cluster.version) < SINCE:
        return cluster
    missing = dict[str, str]()
    common = _location(api, "/cluster/options", "Datacenter", missing)
    found = {node.name: _location(api, f"/nodes/{quote(node.name)}/config", node.name, missing) for node in cluster.nodes if node.online}
    nodes = tuple(replace(node, location="" if node.name in missing else found.get(node.name) or common) for node in cluster.nodes)
    if not missing:
        return replace(cluster, nodes=nodes)
    words = f"The location of {', '.join(missing)} is not known, so it counts as a place of its own: {next(iter(missing.values()))}"
    return replace(cluster, nodes=nodes, problems=(*cluster.problems, words))


def _location(api: Api, path: str, what: str, missing: dict[str, str]) -> str:
    """Its name as PVE has it, else its coordinates; "" when there is none or it cannot be read."""
    try:
        data = table(api.get(path))
    except (ApiError, Unreachable) as error:
        missing[what] = str(error)
        return ""
    place = properties(data.get("location"))
    return text(place, "name").strip() or _coordinates(place)


def _coordinates(place: Mapping[str, object]) -> str:
    try:
        return ", ".join(f"{round(float(str(place[name])), DEGREES):g}" for name in ("latitude", "longitude"))
    except (KeyError, ValueError):
        return ""


def _numbers(version: str) -> tuple[int, ...]:
    found = (digits(part) for part in version.split("-")[0].split("."))
    return tuple(part for part in found if part is not None)
