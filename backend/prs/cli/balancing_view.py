"""How automatic balancing stands, in a few lines for people."""

from __future__ import annotations

import time

from prs.engine.journal.automation import Balancing, Suggestion
from prs.terminal import clean

_LEVELS = {"off": "off", "suggest": "suggests plans, and starts none", "on": "on"}


def balancing_text(found: Balancing, now: float) -> str:
    """The lines, at Unix time `now`."""
    state = found.state
    limits = [f"spread {found.spread * 100:g} points"]
    limits += [f"{found.max_moves} migrations"] if found.max_moves else []
    limits += [f"{found.max_bytes / 2**30:g} GiB"] if found.max_bytes else []
    limits += ["containers too"] if found.containers else []
    lines = [f"Automatic balancing: {_LEVELS[found.level]}; {found.method}, {', '.join(limits)}, {_schedule(found)}"]
    if state.leader:
        here = " (this node)" if state.leader == found.host else ": ask there for the last and the next run"
        lines.append(f"{state.leader} leads{here}; {state.why}")
    if state.last_run:
        lines.append(f"last run {_when(state.last_run)}: {state.result}{f' {found.outcome}' if found.outcome else ''}")
    if found.level != "off" and found.paused_until:
        lines.append(f"paused until {_when(found.paused_until)}")
    if found.level != "off" and state.waiting:
        due = f", {_when(state.next_run)}" if state.next_run > now else ""
        lines.append(f"the next run waits for {state.waiting}{due}")
    if found.suggestion is not None:
        lines.append(_suggested(found.suggestion))
    elif state.withdrawn:
        lines.append(f"the last suggested plan is gone: {state.withdrawn}")
    return "\n  ".join(map(clean, lines)) + "\n"


def _schedule(found: Balancing) -> str:
    return f"at {found.calendar}" if found.calendar else f"every {found.schedule / 3600:g} h"


def _suggested(plan: Suggestion) -> str:
    moves, spread = f"{plan.moves} migration{'s' if plan.moves > 1 else ''}", "widest spread of the day" if plan.day else "spread"
    words = f"suggested at {_when(plan.created)}: {moves}, {plan.bytes / 2**30:.1f} GiB, {spread} "
    words += f"{plan.spread_before * 100:.0f} -> {plan.spread_after * 100:.0f}"
    return f"{words}; `run --suggested apply` starts it, `run --suggested dismiss` drops it"


def _when(moment: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(moment))
