"""Which function answers which path of PVE's API."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simcluster.world import World

MODULES = (
    "access_api", "account_api", "backup_api", "ceph", "cluster_api", "guest_api", "ha_api", "migrate_api", "node_api", "power_api",
    "storage_api", "task_api",
)  # fmt: skip


@dataclass
class Call:
    """A request on its way: `values` are its parameters and those of the path, `local` the node that was asked."""

    user: str
    method: str
    path: str
    template: str
    values: dict[str, Any]
    local: str

    @property
    def node(self) -> str:
        """The node named in the path."""
        name = str(self.values["node"])
        return self.local if name == "localhost" else name


class Page(list[Any]):
    """A list of which there is more; `total` is sent beside the data."""

    total = 0


Handler = Callable[["World", Call], Any]
_HANDLERS: dict[tuple[str, str], Handler] = {}


def route(method: str, *templates: str) -> Callable[[Handler], Handler]:
    """Register the function that answers these paths."""

    def register(handler: Handler) -> Handler:
        for template in templates:
            _HANDLERS[method, template] = handler
        return handler

    return register


@cache
def _load() -> None:
    for module in MODULES:
        import_module(f"simcluster.{module}")


def find(method: str, template: str) -> Handler | None:
    """Give the function that answers a path, None when the simulation does not know it."""
    _load()
    return _HANDLERS.get((method, template))
