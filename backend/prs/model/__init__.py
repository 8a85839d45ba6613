"""The nouns of the product as immutable values: what a cluster looks like, what is wanted of a plan, and what a plan says."""

from prs.model.cluster import (
    CUT_OFF_LOCK,
    LOCK_PATIENCE,
    PASSING_LOCKS,
    RESOURCES,
    Cluster,
    Guest,
    Kind,
    Method,
    Node,
    Replication,
    Resource,
    Rule,
    Storage,
    Volume,
    unlocking,
)
from prs.model.forecast import HALF_HOUR, Forecast, Outlook, Reading
from prs.model.placement import Candidate, Disk, NewGuest, Placed, Placement
from prs.model.plan import Headroom, Move, NodeLoad, Plan, Stay, Term
from prs.model.policy import Policy, Pool

__all__ = [
    "CUT_OFF_LOCK",
    "HALF_HOUR",
    "LOCK_PATIENCE",
    "PASSING_LOCKS",
    "RESOURCES",
    "Candidate",
    "Cluster",
    "Disk",
    "Forecast",
    "Guest",
    "Headroom",
    "Kind",
    "Method",
    "Move",
    "NewGuest",
    "Node",
    "NodeLoad",
    "Outlook",
    "Placed",
    "Placement",
    "Plan",
    "Policy",
    "Pool",
    "Reading",
    "Replication",
    "Resource",
    "Rule",
    "Stay",
    "Storage",
    "Term",
    "Volume",
    "unlocking",
]
