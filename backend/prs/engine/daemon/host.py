"""What the daemon is given from outside: its settings, its way to PVE, this host's name, and what needs root."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from prs.config.load import Settings
from prs.endpoint import Endpoint
from prs.engine.daemon.notices import Send
from prs.engine.drain.ha_maintenance import Switch
from prs.engine.drain.shared_holds import SharedHolds
from prs.engine.rolling.hooks import RunHook, no_hooks
from prs.engine.rolling.shared_round import SharedRound
from prs.pve.api import Api


@dataclass(frozen=True, slots=True)
class Host:
    """What the daemon is given from outside: how to load the settings, how to log in, the name of this host, and what needs root."""

    load: Callable[[], Settings]
    connect: Callable[[Endpoint], Api]
    name: str
    switch: Switch | None = None  # changes HA maintenance mode; None where there is no helper
    shared_holds: SharedHolds | None = None  # the cluster's list of nodes that are kept empty; None outside the cluster
    written: Callable[[], object] = lambda: None  # changes when a program has written settings, so that they are read again
    alive: Callable[[float], Collection[str]] = lambda now: ()  # the nodes whose service is alive, at a Unix time
    tell_alive: Callable[[bool], None] = lambda alive: None  # tells the other nodes of this service; HelperError
    shared_round: SharedRound | None = None  # the cluster's round of rolling maintenance; None outside the cluster
    notify: Send = lambda notice, wanted: None  # tells the administrator
    hook: RunHook = no_hooks  # runs the site's hooks around a node's maintenance
