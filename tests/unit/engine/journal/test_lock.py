"""A process that carries rolling maintenance out is known by its signature in the journal, also when its lock's file is gone."""

from __future__ import annotations

import os
import subprocess

from prs.engine.journal.lock import other_at_work, signature


def test_another_process_is_at_work_until_it_has_ended() -> None:
    with subprocess.Popen(["sleep", "60"]) as other:
        noted = signature(other.pid)
        assert other_at_work(noted) == other.pid
        other.kill()
    assert other_at_work(noted) == 0


def test_who_has_only_the_same_number_and_oneself_are_not_another() -> None:
    mine = signature(os.getpid())
    assert mine
    assert other_at_work(mine) == 0
    assert other_at_work(f"{os.getppid()} 1") == 0
    assert other_at_work("") == other_at_work("no number") == 0
