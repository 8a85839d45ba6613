"""What `status` says of automatic balancing."""

from __future__ import annotations

import time

from prs.cli.balancing_view import balancing_text
from prs.engine.journal.automation import Automation, Balancing, Suggestion

NOW = time.mktime((2026, 11, 28, 12, 0, 0, 0, 0, -1))
STATE = Automation("pve1", "pve1 is the HA manager's master", "its time", NOW + 3600, NOW - 82_800, "2 moves.", "c0ffee")


def of(level: str = "on", host: str = "pve1", state: Automation = STATE) -> str:
    return balancing_text(Balancing(host, level, "memory", 0.05, True, 3, 10 * 2**30, 86_400.0, state, "job c0ffee is done."), NOW)


def test_the_node_that_leads_tells_all() -> None:
    assert of() == (
        "Automatic balancing: on; memory, spread 5 points, 3 migrations, 10 GiB, containers too, every 24 h\n"
        "  pve1 leads (this node); pve1 is the HA manager's master\n"
        "  last run 2026-11-27 13:00: 2 moves. job c0ffee is done.\n"
        "  the next run waits for its time, 2026-11-28 13:00\n"
    )


def test_the_others_say_who_does_and_nothing_of_an_hour_that_is_over() -> None:
    assert "  pve1 leads: ask there for the last and the next run; pve1 is" in of(host="pve2")
    assert of(state=Automation(waiting="an account", next_run=NOW - 1)).splitlines()[1:] == ["  the next run waits for an account"]
    assert of("off").splitlines()[-1].startswith("  last run")
    assert "suggests plans, and starts none" in of("suggest")


def test_a_suggestion_in_figures_and_why_the_last_one_has_gone() -> None:
    plan = Suggestion("c0ffeec0ffee", NOW - 36_000, 4, 61 * 2**30, 0.18, 0.06, True, "")
    shown = balancing_text(Balancing("pve1", "suggest", "memory", 0.05, True, 3, None, 86_400.0, STATE, suggestion=plan), NOW)
    words = "suggested at 2026-11-28 02:00: 4 migrations, 61.0 GiB, widest spread of the day 18 -> 6; `run --suggested apply` starts it"
    assert words in shown
    assert "the last suggested plan is gone: dismissed by root@pam" in of(state=Automation("pve1", withdrawn="dismissed by root@pam"))


def test_what_others_wrote_cannot_act_on_the_terminal() -> None:
    assert "\x1b" not in of(state=Automation("pve1", "\x1b[2J", "\x1b]0;x\x07"))
