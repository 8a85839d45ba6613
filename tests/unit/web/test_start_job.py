"""What the web service adds to the engine: waiting logins, and the way back."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from prs.endpoint import Endpoint
from prs.engine.drain.way_back import plan_back, way_back
from prs.engine.journal import credentials
from prs.engine.journal.jobs import Job
from prs.errors import CredentialError
from prs.model import Cluster, Guest, Policy
from unit.samples import CLUSTER, GIB, NOW, QUEUED

LOGIN = Endpoint(("127.0.0.1",), "root@pam", ticket="PVE:root@pam:6B02B9EC::c2VjcmV0", csrf="6B02B9EC:abc", ca_file="/ca.pem")


def test_a_login_waits_for_its_job_and_only_this_user_reads_it(tmp_path: Path) -> None:
    directory = tmp_path / "run" / "credentials"
    name = credentials.save(directory, LOGIN)
    assert credentials.open(directory, name) == LOGIN
    assert directory.stat().st_mode & 0o777 == 0o700
    assert [path.stat().st_mode & 0o777 for path in directory.iterdir()] == [0o600]
    credentials.renew(directory, name, "PVE:root@pam:6B02C000::bmV3", "6B02C000:new")
    assert credentials.open(directory, name).csrf == "6B02C000:new"
    credentials.renew(directory, name, "", "")  # a token has no ticket to renew
    assert credentials.open(directory, name).ticket == "PVE:root@pam:6B02C000::bmV3"
    credentials.delete(directory, name)
    credentials.delete(directory, name)
    assert list(directory.iterdir()) == []
    with pytest.raises(CredentialError, match="start the job again"):
        credentials.open(directory, name)


@pytest.mark.parametrize("name", ["../../etc/shadow", "", "x" * 32, "0" * 31, f"{'0' * 32}/.."])
def test_names_that_lead_elsewhere_are_refused(tmp_path: Path, name: str) -> None:
    for touch in (credentials.open, credentials.delete):
        with pytest.raises(CredentialError, match="not the name of a stored login"):
            touch(tmp_path, name)


def test_a_spoilt_file_is_said_to_be_no_login(tmp_path: Path) -> None:
    name = credentials.save(tmp_path, LOGIN)
    for text in ("", "{}", '{"hosts": 7}', "\xff"):
        (tmp_path / name).write_text(text)
        with pytest.raises(CredentialError, match="does not hold a login"):
            credentials.open(tmp_path, name)


def test_logins_nobody_needs_are_swept_away_but_not_fresh_ones(tmp_path: Path) -> None:
    needed, old, fresh = (credentials.save(tmp_path, LOGIN) for _ in range(3))
    for name in (needed, old):
        os.utime(tmp_path / name, (1, 1))
    assert credentials.sweep(tmp_path, {needed}) == [old]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([needed, fresh])
    assert credentials.sweep(tmp_path / "none", ()) == []


def test_a_directory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CredentialError, match="cannot be made"):
        credentials.save(tmp_path / "file" / "credentials", LOGIN)


def ended(*states: str) -> Job:
    """The sample job after its end, and the cluster that it left."""
    steps = tuple(replace(step, state=state) for step, state in zip(QUEUED.steps, states, strict=True))  # type: ignore[arg-type]
    return replace(QUEUED, state="done", steps=steps)


def left_by(job: Job) -> Cluster:
    where = {step.vmid: step.target for step in job.steps if step.state == "done"}
    return replace(CLUSTER, guests=tuple(replace(guest, node=where.get(guest.vmid, guest.node)) for guest in CLUSTER.guests))


def test_the_way_back_returns_what_was_moved_last_one_first() -> None:
    job = ended("done", "failed", "done")
    plan = plan_back(left_by(job), way_back(Policy()), job, NOW)
    assert [(move.vmid, move.source, move.target) for move in plan.moves] == [(106, "pve2", "pve1"), (102, "pve3", "pve1")]
    assert (plan.kind, plan.stays, plan.options) == ("balance", (), (("way back of job", "7"),))
    assert [load.guests for load in plan.before] == [1, 1, 1]
    assert [load.guests for load in plan.after] == [3, 0, 0]
    assert plan.summary.startswith("2 guests back to where they were (20.0 GiB to copy")


def test_guests_that_went_on_or_are_gone_stay_with_the_reason() -> None:
    job = ended("done", "done", "done")
    cluster = left_by(job)
    guests = {guest.vmid: guest for guest in cluster.guests}
    cluster = replace(cluster, guests=(replace(guests[102], node="pve2"), replace(guests[104], node="pve1")))
    plan = plan_back(cluster, way_back(Policy()), job, NOW)
    reasons = {stay.vmid: stay.reason for stay in plan.stays}
    assert plan.moves == ()
    assert reasons == {
        102: "has been moved to pve2 since", 104: "is already back on pve1", 106: "the guest no longer exists",
    }  # fmt: skip
    assert plan.summary == "Nothing to bring back; 3 stay where they are."


def test_a_guest_that_no_longer_fits_stays_with_the_numbers() -> None:
    job = ended("done", "failed", "failed")
    cluster = left_by(job)
    cluster = replace(cluster, guests=(*cluster.guests, Guest(200, "new", "qemu", "pve1", memory=50 * GIB)))
    plan = plan_back(cluster, way_back(Policy()), job, NOW)
    assert plan.moves == ()
    assert plan.stays[0].reason == "needs 16.0 GiB of memory, pve1 has 1.0 GiB free"


def test_stopped_guests_come_back_too() -> None:
    job = ended("done", "failed", "failed")
    cluster = left_by(job)
    cluster = replace(cluster, guests=tuple(replace(guest, status="stopped", memory=0) for guest in cluster.guests))
    assert [move.vmid for move in plan_back(cluster, way_back(Policy()), job, NOW).moves] == [102]


def test_a_guest_that_went_over_two_nodes_comes_back_in_one_move() -> None:
    job = ended("done", "failed", "failed")
    first = job.steps[0]
    job = replace(job, steps=(first, replace(first, seq=2, source="pve3", target="pve2")))
    cluster = replace(CLUSTER, guests=tuple(replace(guest, node="pve2") for guest in CLUSTER.guests if guest.vmid == 102))
    plan = plan_back(cluster, way_back(Policy()), job, NOW)
    assert [(move.source, move.target) for move in plan.moves] == [("pve2", "pve1")]
