"""Calls through pveproxy: how many of whom at once. All users whose page another node serves come from that node's address."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from prs.web.api.refusal import Refusal
from prs.web.server.bridge import ALL, EACH, Shares

NODE = "192.0.2.1"


def ticket(user: str) -> str:
    """An Authorization header as the plugin sends it."""
    return f"PVEAuthCookie=PVE:{user}:FFFFFFFF::c2VjcmV0"


def test_a_user_takes_no_share_of_another_who_comes_from_the_same_address() -> None:
    shares = Shares()
    with ExitStack() as stack:
        for _ in range(EACH):
            stack.enter_context(shares.share(NODE, ticket("low@pve")))
        for authorization in (ticket("low@pve"), "PVEAPIToken=low@pve!x=00000000-0000-0000-0000-000000000000"):
            with pytest.raises(Refusal) as refused, shares.share(NODE, authorization):
                pytest.fail("one more of the same user")
            assert (refused.value.status, refused.value.retry) == (429, 3)
        with shares.share(NODE, ticket("root@pam")), shares.share("192.0.2.2", ticket("low@pve")):
            pass
    with shares.share(NODE, ticket("low@pve")):
        assert shares._inside.total() == 1


def test_what_is_no_login_has_one_share_for_all_of_it_and_some_are_left_whoever_asks() -> None:
    shares = Shares()
    with ExitStack() as stack:
        for _ in range(EACH):
            stack.enter_context(shares.share(NODE, ""))
        with pytest.raises(Refusal), shares.share(NODE, "Basic eA=="):
            pytest.fail("no login either")
        for user in range(ALL):
            for _ in range(EACH):
                try:
                    stack.enter_context(shares.share(NODE, ticket(f"user{user}@pve")))
                except Refusal:
                    break
            if shares._inside.total() < ALL:
                assert shares._inside[NODE, f"user{user}@pve"] > 0, "whoever has none gets one as long as there is one"
        assert shares._inside.total() == ALL
