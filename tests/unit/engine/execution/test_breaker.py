"""A job whose migrations fail alike starts nothing more by itself; failures of different kinds, or old ones, do not stop it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from prs.engine.execution.breaker import tripped
from prs.engine.journal.jobs import Job, Step
from prs.model import Plan, Policy

SSH = "migration aborted: can't connect to migration tunnel of {name}: root@10.0.0.{vmid}: Permission denied (publickey), took 00:00:0{seq}"


def job(*messages: str, planned: int = 2) -> Job:
    """A job whose steps ended so, one a second; "" is done, and so many are still planned."""
    steps = [
        Step(seq, 100 + seq, f"web{seq}", "qemu", "pve1", f"pve{2 + seq % 2}", state="failed" if text else "done", ended=float(seq),
             message=text.format(name=f"web{seq}", vmid=100 + seq, seq=seq))
        for seq, text in enumerate(messages, 1)
    ]
    left = [Step(len(steps) + seq, 200 + seq, "", "qemu", "pve1", "pve2") for seq in range(1, planned + 1)]
    return Job("x", "balance", "running", Plan("balance", "memory"), Policy(), steps=(*steps, *left))


def test_three_of_a_kind_are_told_with_what_they_share() -> None:
    words = tripped(job(SSH, SSH, SSH))
    assert words.startswith("3 migrations in a row failed alike from pve1: migration aborted: can't connect to migration tunnel of web3")


@pytest.mark.parametrize(
    "messages",
    [(), (SSH, SSH), (SSH, SSH, ""), (SSH, "", SSH, SSH), (SSH, "storage 'x' is not available", SSH), ("", "", "")],
    ids=["none", "two", "one done after", "one done between", "another kind between", "all done"],
)
def test_what_does_not_stop_a_job(messages: tuple[str, ...]) -> None:
    assert tripped(job(*messages)) == ""


def test_it_also_stops_one_that_went_well_at_first() -> None:
    assert tripped(job("", "", SSH, SSH, SSH))


def test_nothing_is_stopped_where_nothing_is_left() -> None:
    assert tripped(job(SSH, SSH, SSH, planned=0)) == ""


def test_failures_that_somebody_went_on_after_do_not_count_again() -> None:
    assert tripped(job(SSH, SSH, SSH, SSH, SSH), judged={1, 2, 3}) == ""
    assert tripped(job(SSH, SSH, SSH, SSH, SSH, SSH), judged={1, 2, 3})


def test_one_bad_target_leaves_the_others_to_be_tried() -> None:
    """All three failed on their way to one node, and some of what is planned goes elsewhere; else it is the same for all."""
    found = job(SSH, SSH, SSH)
    to_one = replace(found, steps=tuple(replace(step, target="pve9") if step.state == "failed" else step for step in found.steps))
    assert tripped(to_one) == ""
    assert tripped(replace(to_one, steps=tuple(replace(step, target="pve9") for step in to_one.steps))).startswith(
        "3 migrations in a row failed alike from pve1 to pve9: ")


def test_names_numbers_and_tasks_do_not_tell_kinds_apart() -> None:
    alike = ("no space on {name}: 12.5 GiB", "no space on {name}: 7 GiB", "no space on {name}: 9 GiB")
    assert tripped(job(*alike))
    assert tripped(job("UPID:pve1:0001:x failed", "UPID:pve1:0002:y failed", "UPID:pve1:0003:z failed"))
