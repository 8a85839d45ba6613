"""Progress from task logs: every line form that PVE 8 and 9 write, in pieces, and without trusting PVE's percentages."""

from __future__ import annotations

import pytest

from prs.pve.act.task_log import Log, amount, read

GiB, MiB = 2**30, 2**20
STAMP = "2026-11-22 16:00:01 "


def log_of(*lines: str, known: Log | None = None, first: int = 1) -> Log:
    return read(enumerate(lines, first), known)


def test_memory_counts_what_is_in_use_not_what_is_configured() -> None:
    log = log_of(f"{STAMP}migration active, transferred 1.0 GiB of 16.0 GiB VM-state, 512.0 MiB/s")
    found = amount(log, 4 * GiB, 0)
    assert (found.done, found.total, found.speed) == (GiB, 4 * GiB, 512 * MiB)
    assert found.seconds_left == 6


def test_pages_sent_again_never_exceed_the_total() -> None:
    log = log_of(f"{STAMP}migration active, transferred 9.0 GiB of 16.0 GiB VM-state, 1.0 GiB/s, VM dirties lots of memory: 2.0 GiB/s")
    found = amount(log, 4 * GiB, 0)
    assert found.done == found.total == 4 * GiB
    assert found.seconds_left is None


@pytest.mark.parametrize("prefix", ["drive", "mirror"])
def test_disks_are_mirrored_one_after_the_other(prefix: str) -> None:
    log = log_of(
        f"{prefix}-scsi0: transferred 32.0 GiB of 32.0 GiB (100.00%) in 1m 4s, ready",
        f"{prefix}-scsi1: transferred 10.0 GiB of 80.0 GiB (12.50%) in 20s",
    )
    found = amount(log, 8 * GiB, 112 * GiB)
    assert found.done == 42 * GiB
    assert found.total == 120 * GiB
    assert found.speed == 512 * MiB
    assert found.seconds_left == 156


def test_a_long_duration_is_understood() -> None:
    log = log_of("mirror-virtio0: transferred 3.6 TiB of 4.0 TiB (90.00%) in 1d 2h 3m 4s")
    assert log.speed == pytest.approx(3.6 * 2**40 / 93784)


def test_offline_copies_add_up_and_redrawn_lines_are_read() -> None:
    log = log_of(
        "1073741824 bytes (1.1 GB, 1.0 GiB) copied, 3 s, 358 MB/s\r2147483648 bytes (2.1 GB, 2.0 GiB) copied, 4 s, 537 MB/s",
        f"{STAMP}volume 'local:1' is 'local:1' on the target",
        f"{STAMP}536870912 bytes (537 MB, 512 MiB) copied, 1 s, 537 MB/s",
    )
    found = amount(log, 0, 4 * GiB)
    assert found.done == 2.5 * GiB
    assert found.speed == 512 * MiB


def test_zfs_send_tells_its_size_first() -> None:
    log = log_of(f"{STAMP}total estimated size is 4.00G", "16:00:02   1.00G   rpool/data/vm-100-disk-0@__migration__")
    found = amount(log, 0, 2 * GiB)
    assert (found.done, found.total) == (GiB, 4 * GiB)


def test_pieces_that_overlap_give_the_same_as_the_whole() -> None:
    lines = (
        "total estimated size is 4.00G",
        "16:00:02   1.00G   rpool/data/vm-100-disk-0@__migration__",
        "16:00:03   2.00G   rpool/data/vm-100-disk-0@__migration__",
        "drive-scsi0: transferred 1.0 GiB of 2.0 GiB (50.00%) in 2s",
        f"{STAMP}migration active, transferred 1.0 GiB of 4.0 GiB VM-state, 1.0 GiB/s",
    )
    whole = log_of(*lines)
    for cut in range(1, 5):
        piece = log_of(*lines[:cut])
        assert log_of(*lines[cut - 1 :], known=piece, first=cut) == whole
    assert log_of(*lines, known=whole) == whole


def test_the_end_is_the_total_whatever_was_counted() -> None:
    log = log_of(
        f"{STAMP}migration active, transferred 300.0 MiB of 4.0 GiB VM-state, 100.0 MiB/s", f"{STAMP}migration status: completed", ""
    )
    found = amount(log, 4 * GiB, 0)
    assert (found.done, found.total, found.seconds_left) == (4 * GiB, 4 * GiB, 0.0)
    assert log.line == f"{STAMP}migration status: completed"


def test_a_log_without_progress_says_nothing() -> None:
    found = amount(log_of(f"{STAMP}starting migration of VM 100 to node 'n2' (10.0.0.2)"), GiB, GiB)
    assert (found.done, found.total, found.speed, found.seconds_left) == (0, 2 * GiB, 0.0, None)
