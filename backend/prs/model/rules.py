"""How the rules that bind guests stand, as immutable values; units as in prs.model.cluster."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from prs.model.policy import Mode

RuleKind = Literal["together", "apart", "nodes", "domain", "alone"]
# missed: a mere preference that is not met; unmet: no plan can keep it; unknown: kept as far as its guests can be seen.
RuleState = Literal["kept", "missed", "broken", "unmet", "unknown"]


@dataclass(frozen=True, slots=True)
class BoundGuest:
    """A guest that a rule binds, and where it is; `kind` is qemu or lxc."""

    vmid: int
    name: str
    kind: str
    node: str


@dataclass(frozen=True, slots=True)
class BindingRule:
    """A rule with its guests and how it stands; of guests that cannot be seen only their number is told, in `hidden`.

    `kind` domain: a rack or room whose nodes `apart` rules count as one; alone: guests that are left where they are.
    """

    name: str
    kind: RuleKind
    source: str  # HA rule, HA group, tag, pool, configuration or location
    guests: tuple[BoundGuest, ...] = ()
    hidden: int = 0
    nodes: tuple[str, ...] = ()
    strict: bool = True
    avoid: bool = False  # `nodes` are those to keep away from
    wide: bool = False  # an `apart` rule that holds across racks and rooms
    state: RuleState = "kept"
    reason: str = ""  # what breaks it, or keeps it from being met, in words


@dataclass(frozen=True, slots=True)
class GuestMode:
    """How a guest may be moved, and what says so: guests (the settings of single guests), ignore_vms, tag NAME, pool NAME; "" = nothing."""

    vmid: int
    name: str
    kind: str
    node: str
    mode: Mode
    source: str
