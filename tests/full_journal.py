"""Fills a journal with jobs that have ended: years of them within a second."""

from __future__ import annotations

import time

from prs.engine.journal.journal import Journal
from prs.model import Move, Plan, Policy


def fill(journal: Journal, count: int) -> None:
    """So many ended jobs, one a minute until now, each with a step and with a plan of its own, as large as one of 100 guests."""
    plan = Plan("balance", "memory", warnings=("w" * 100,) * 100, moves=(Move(101, "web", "qemu", "pve1", "pve2"),))
    first = journal.add_job(journal.add_plan(plan, Policy(), "root@pam"), "root@pam", "web", 0.0)
    journal.update_step(first, 1, state="done", ended=1.0)
    journal.update_job(first, state="done", ended=1.0)
    moment = f"{time.time()} - 60.0 * n"
    made = {**dict.fromkeys(("id", "plan", "job"), "printf('%012x', n)"), **dict.fromkeys(("created", "ended"), moment)}
    with journal.transaction() as db:
        for table, which in (("plans", "id = (SELECT plan FROM jobs WHERE id = :job)"), ("jobs", "id = :job"), ("steps", "job = :job")):
            values = ", ".join(made.get(row["name"], row["name"]) for row in db.execute(f"PRAGMA table_info({table})"))
            db.execute(
                f"""WITH RECURSIVE many (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM many WHERE n < :count)
                INSERT INTO {table} SELECT {values} FROM {table}, many WHERE {which}""", {"job": first, "count": count}
            )  # fmt: skip
