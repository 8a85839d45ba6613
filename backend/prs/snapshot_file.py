"""A cluster as it was read, in a file: to plan offline, and to tell others what the planner saw."""

from __future__ import annotations

import json
import os
import tempfile
from collections import Counter
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from prs.codec import from_json, to_json
from prs.errors import ModelError, UsageError
from prs.model import Cluster

FORMAT = "prs-snapshot"
VERSION = 1
# A cluster without guests is rare; an account that sees none, or a file that somebody has shortened, is not.
NO_GUESTS = "The snapshot holds no guest: its cluster has none, or the account that it was read with sees none (VM.Audit)."
_LEAST_CORES = 0.01  # of a node that has any; the square of a load by fewer may leave what a float holds
_LARGEST = 2**28  # bytes; 64 nodes with 8000 guests take about 5 MiB


def dump(cluster: Cluster, users: tuple[str, ...] = ()) -> str:
    """Give the cluster as JSON text in which the given user names are replaced; a Cluster holds no secret."""
    text = json.dumps({"format": FORMAT, "version": VERSION, "cluster": to_json(cluster)}, indent=1, sort_keys=True) + "\n"
    for user in sorted(filter(None, users), key=len, reverse=True):
        text = text.replace(json.dumps(user)[1:-1], "USER")
    return text


def parse(text: str) -> Cluster:
    """Turn JSON text back into a cluster; ModelError in words for anything else."""
    try:
        data: Any = json.loads(text)
    except (ValueError, RecursionError):
        raise ModelError("this is not a snapshot: it is not JSON") from None
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise ModelError("this is not a snapshot of proxmox-rebalancing-service")
    if data.get("version") != VERSION:
        raise ModelError(f"this snapshot has version {data.get('version')!r:.20}, this program reads version {VERSION}")
    cluster = from_json(Cluster, data.get("cluster"), "cluster")
    for name in ("nodes", "guests"):
        if name not in data["cluster"]:
            raise ModelError(f"cluster: field {name} is missing")
    return _sound(cluster)


def _sound(cluster: Cluster) -> Cluster:
    """The cluster, if it could be one: names once, guests on its nodes, no figure that cannot be; ModelError naming the field."""
    lists: dict[str, tuple[Any, ...]] = {"nodes": cluster.nodes, "guests": cluster.guests, "storages": cluster.storages}
    for kind, things in lists.items():
        for index, one in enumerate(things):
            for item in fields(one):
                value = getattr(one, item.name)
                if isinstance(value, (int, float)) and value < 0:
                    raise ModelError(f"cluster.{kind}[{index}].{item.name}: {value} is below zero")
    for index, node in enumerate(cluster.nodes):
        if 0 < node.cpu < _LEAST_CORES:
            raise ModelError(f"cluster.nodes[{index}].cpu: {node.cpu} is less than any node has")
    for kind, keys in (("nodes", [one.name for one in cluster.nodes]), ("guests", [one.vmid for one in cluster.guests])):
        if double := next((key for key, times in Counter(keys).items() if times > 1), None):
            raise ModelError(f"cluster.{kind}: {double!r:.60} is there twice")
    names = {node.name for node in cluster.nodes}
    for index, guest in enumerate(cluster.guests):
        if guest.node not in names:
            raise ModelError(f"cluster.guests[{index}].node: the snapshot has no node {guest.node!r:.60}")
    if not cluster.nodes:
        raise ModelError("cluster.nodes: the list is empty, and a cluster has at least one node")
    return cluster if cluster.guests else replace(cluster, problems=tuple(dict.fromkeys((*cluster.problems, NO_GUESTS))))


def read(path: Path) -> Cluster:
    """Read the file at `path`, which somebody named; UsageError naming the file."""
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST + 1)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None
    if len(data) > _LARGEST:
        raise UsageError(f"{path} is too long for a snapshot")
    try:
        return parse(data.decode())
    except (UnicodeDecodeError, ModelError) as error:
        words = "this is not a snapshot: it is not text" if isinstance(error, UnicodeDecodeError) else str(error)
        raise UsageError(f"{path}: {words}") from None


def save(path: Path, text: str) -> None:
    """Write the file readable by its owner only, whole or not at all; ModelError naming the file."""
    try:
        number, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(number, "w", encoding="utf-8") as file:
                file.write(text)
            Path(name).replace(path)
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise ModelError(f"{path} cannot be written: {error.strerror}") from None
