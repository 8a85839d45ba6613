"""`run`: one balancing pass now."""

from __future__ import annotations

from prs.verbs.call import Call
from prs.verbs.plan import wish_of
from prs.verbs.work import plan_and_do


def act(call: Call) -> int:
    """Plan, show, carry out; the exit code says how it ended."""
    return plan_and_do(call, wish_of(call))
