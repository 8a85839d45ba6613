"""The files of the shared list of held nodes: their names say which node is held, and what is in them does no harm."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from prs.engine.drain.keep_out import merged
from prs.engine.drain.shared_holds import SharedHolds
from prs.engine.journal.hold import Hold

HOSTILE = [
    b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 900, b'{"user": 7, "host": ["x"], "since": "now", "maintenance": 1}', b"x" * 5000,
    b'{"user": "a\\nb", "host": "../x", "since": -1, "maintenance": "yes"}', b'{"since": NaN}', b'{"since": 1e999}',
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_what_is_written_in_the_file_does_no_harm(tmp_path: Path, text: bytes) -> None:
    """Its name says which node is held; whatever cannot be used of the rest is left out, and the node stays held."""
    shared_holds = SharedHolds(tmp_path, "pve1", put=lambda held: None, take=lambda held: None)
    (tmp_path / "pve3.0123456789ab.held").write_bytes(text)
    assert shared_holds.read() == {("pve3", "0123456789ab"): Hold("pve3", "0123456789ab", "", 0.0)}
    held = merged({}, shared_holds.read() or {})
    assert held["pve3"].reason == "kept empty since its drain (job 0123456789ab) until it is released"


@pytest.mark.parametrize("name", [
    "pve3.held", "pve3.0123456789ab", "pve3.0123456789ab.held.tmp", ".pve3.0123456789ab.held", "pve3.0123456789ABC.held",
    "pve 3.0123456789ab.held", "-pve.0123456789ab.held", "pve3.0123456789ab.held\n", "a" * 64 + ".0123456789ab.held",
])  # fmt: skip
def test_other_files_are_no_holds(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(json.dumps({"user": "root@pam"}))
    assert SharedHolds(tmp_path, "pve1", put=lambda held: None, take=lambda held: None).read() == {}


def test_a_list_that_may_not_be_read_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Once, not at every look."""
    (tmp_path / "file").write_text("")
    shared_holds = SharedHolds(tmp_path / "file", "pve1", put=lambda held: None, take=lambda held: None)
    assert shared_holds.read() is None
    assert shared_holds.read() is None
    assert caplog.text.count("which nodes other hosts keep empty is not known") == 1


def test_merged_prefers_this_hosts_own_and_leaves_out_what_ended() -> None:
    mine = Hold("pve1", "a" * 12, "x", 5.0, host="pve1")
    cases = (("pve1", "b", 1.0), ("pve2", "c", 9.0), ("pve2", "d", 3.0))
    told = [Hold(node, job * 12, "y", since, host="pve2") for node, job, since in cases]
    all_told = {one.key: one for one in told}
    assert merged({"pve1": mine}, all_told) == {"pve1": mine, "pve2": told[2]}
    assert merged({}, all_told, [told[2].key, told[0].key]) == {"pve2": told[1]}
