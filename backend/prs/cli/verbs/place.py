"""`place`: say where guests to be should go, or where one that exists would be better; moves nothing."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from prs import snapshot_file
from prs.cli import exits
from prs.cli.call import Call
from prs.cli.journal_of import held_of
from prs.cli.placement_view import placement_page
from prs.codec import from_json, to_json
from prs.config.load import Settings
from prs.engine.drain.keep_out import keep_out
from prs.engine.placing import make_placement, place
from prs.errors import ModelError, PlanError, UsageError
from prs.helper import client
from prs.model import Disk, NewGuest, Placement
from prs.pve.roster import roster_in

_LARGEST = 2**20  # bytes of an order; one guest takes about 200
_NEEDS = ("name", "memory", "cores", "disk", "tag", "pool", "rule", "like", "container")


def act(call: Call) -> int:
    """Rank the nodes and show them; the exit code tells that a guest has no place."""
    options, asked = call.options, asked_of(call.options)
    settings = call.settings(offline=options.snapshot is not None)
    try:
        found = _found(call, settings, asked)
    except PlanError as error:
        raise PlanError(_in_options(str(error), options)) from None
    if options.nodes:
        return _nodes(call, found)
    if call.json:
        call.print_json({"placement": to_json(found), "feasible": found.feasible})
    else:
        call.print(placement_page(found, call.style))
    return exits.DONE if found.feasible else exits.INFEASIBLE


def _found(call: Call, settings: Settings, asked: int | Sequence[NewGuest]) -> Placement:
    """The placement in the saved cluster, or in the one that is there; PlanError with the mistakes of the question."""
    if call.options.snapshot is not None:
        cluster = snapshot_file.read(call.options.snapshot)
        return place(cluster, settings.policy, asked, cluster.taken)
    held, api = held_of(settings), call.connect(settings.require_endpoint())
    roster = roster_in(client.PVE)
    return make_placement(api, settings.policy, time.time(), asked, lambda one: keep_out(one, held), roster)[1]


def _in_options(mistakes: str, options: Any) -> str:
    """Mistakes of the one guest that options ask about, by the names of the options instead of the fields of an order."""

    def option(field: re.Match[str]) -> str:
        if field["disk"] is None:
            return f"--{field['name'].removesuffix('s') if field['name'] == 'rules' else field['name']}"
        storage, size = options.disk[int(field["disk"])]
        return f"--disk {storage}:{size / 2**30:g}"

    return mistakes if options.order else re.sub(r"\bguests\[0\]\.(?:disks\[(?P<disk>\d+)\]\.)?(?P<name>\w+)", option, mistakes)


def _nodes(call: Call, found: Placement) -> int:
    """Print where each guest goes, or why not all have a place: half an answer is none for who creates guests by it."""
    if not found.feasible:
        call.err.write(f"error: {found.summary}\n")
        return exits.INFEASIBLE
    call.print_json({guest.name or str(guest.vmid): guest.node for guest in found.guests})
    return exits.DONE


def asked_of(options: Any) -> int | Sequence[NewGuest]:
    """What the options ask about; UsageError for what does not go together and for an order that cannot be read."""
    given = [name for name in _NEEDS if getattr(options, name)]
    if options.vmid is not None:
        if given or options.order:
            raise UsageError(f"VMID asks about a guest that exists: leave --{given[0] if given else 'order'} away")
        return int(options.vmid)
    if options.order:
        if given:
            raise UsageError(f"--order says all about its guests: leave --{given[0]} away")
        return _order(options.order)
    if not options.memory and not options.like:
        raise UsageError("name a guest (VMID), or say what one to be needs: --memory GIB or --like VMID, or --order FILE")
    disks = tuple(Disk(storage, size) for storage, size in options.disk or ())
    new = NewGuest(options.name, "lxc" if options.container else "", options.memory or 0, options.cores or 0, disks,
                   tuple(options.tag or ()), options.pool, tuple(options.rule or ()), options.like or 0)  # fmt: skip
    return [new]


def _order(name: str) -> list[NewGuest]:
    """The guests of an order."""
    try:
        with Path("/dev/stdin" if name == "-" else name).open("rb") as file:
            text = file.read(_LARGEST + 1)
    except OSError as error:
        raise UsageError(f"{name} cannot be read: {error.strerror}") from None
    if len(text) > _LARGEST:
        raise UsageError(f"{name} is too long for an order")
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        raise UsageError(f"{name} is no JSON") from None
    if not isinstance(data, list):
        raise UsageError(f"{name}: a list of guests is expected, found {type(data).__name__}")
    try:
        return [from_json(NewGuest, item, f"guests[{number}]") for number, item in enumerate(data)]
    except ModelError as error:
        raise UsageError(f"{name}: {error}") from None
