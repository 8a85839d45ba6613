"""From PVE's answers to a placement: read the cluster, look closer at the guest that is asked about, rank the nodes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from prs.engine.planning import MEANS, PlanRequest, narrowed, read_to_plan
from prs.model import Cluster, Guest, NewGuest, Placement, Policy
from prs.planner.place import place_better, place_new
from prs.planner.problem.locations import located
from prs.pve.api import Api
from prs.pve.read.candidates import inspect_guests
from prs.pve.roster import Roster


def make_placement(
    api: Api, policy: Policy, now: float, asked: int | Sequence[NewGuest], restrict: Callable[[Cluster], Cluster] | None = None,
    roster: Roster | None = None,
) -> tuple[Cluster, Placement]:
    """Where guests to be should go, or where the guest of that vmid would be better; PlanError, PveError. `restrict` as in make_plan."""
    cluster = narrowed(api, read_to_plan(api, policy, now, PlanRequest(), roster), policy, restrict)
    models = {asked} if isinstance(asked, int) else {one.like for one in asked if one.like}
    known = [guest for guest in cluster.guests if guest.vmid in models and not (guest.template and isinstance(asked, int))]
    if known:
        cluster = _inspected(api, cluster, known, policy.method in MEANS)
    return cluster, place(cluster, policy, asked, now)


def _inspected(api: Api, cluster: Cluster, models: Sequence[Guest], means: bool) -> Cluster:
    """The cluster with those guests inspected, templates among them: they are never moved, and guests are made like them."""
    templates = {guest.vmid for guest in models if guest.template}
    plain = tuple(replace(guest, template=False) if guest.vmid in templates else guest for guest in cluster.guests)
    found = inspect_guests(api, replace(cluster, guests=plain), [guest.vmid for guest in models], means=means)
    return replace(found, guests=tuple(replace(guest, template=True) if guest.vmid in templates else guest for guest in found.guests))


def place(cluster: Cluster, policy: Policy, asked: int | Sequence[NewGuest], now: float) -> Placement:
    """The same for a cluster as it was read."""
    policy = located(cluster, policy)
    return place_better(cluster, policy, asked, now) if isinstance(asked, int) else place_new(cluster, policy, asked, now)
