"""`run`: one balancing pass now."""

from __future__ import annotations

from prs.cli.call import Call
from prs.cli.carry_out import plan_and_do
from prs.cli.planned import plan_request_of


def act(call: Call) -> int:
    """Plan, show, carry out; the exit code says how it ended."""
    return plan_and_do(call, plan_request_of(call))
