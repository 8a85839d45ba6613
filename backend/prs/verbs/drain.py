"""`drain NODE`: empty a node and prove it."""

from __future__ import annotations

from prs.verbs.call import Call
from prs.verbs.plan import wish_of
from prs.verbs.work import plan_and_do


def act(call: Call) -> int:
    """Plan, show, carry out; the exit code tells a drain that cannot succeed from one that was only partly done."""
    return plan_and_do(call, wish_of(call))
