"""Whether the web interface's user can read the journal, as `check` tells of it."""

from __future__ import annotations

import os
import pwd
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from prs.cli.verbs import check

NOBODY = pwd.struct_passwd(("prs-test-web", "x", 61_234, 61_234, "", "/", "/usr/sbin/nologin"))


@pytest.fixture
def state(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A journal's folder that only its owner and one other group get into."""
    monkeypatch.setattr(check, "HIDDEN", ())
    monkeypatch.setattr(os, "getgrouplist", lambda name, group: [group])
    above = Path(tempfile.mkdtemp())
    above.chmod(0o755)
    found = above / "prs"
    found.mkdir(mode=0o750)
    (found / "journal.sqlite").touch(0o640)
    yield found
    shutil.rmtree(above)


def told(state: Path, group: int = 61_234) -> list[tuple[str, str]]:
    user = pwd.struct_passwd((*NOBODY[:3], group, *NOBODY[4:]))
    return [(finding.text, finding.remedy) for finding in check.web_reads(state, user)]


def test_a_journal_that_the_group_reads_is_no_finding(state: Path) -> None:
    assert told(state, state.stat().st_gid) == []
    assert told(state / "not-there-yet", state.stat().st_gid) == []


def test_the_first_thing_in_the_way_is_named_with_its_remedy(state: Path) -> None:
    words = "prs-test-web, as which the web interface runs, may not read"
    assert told(state) == [(f"{words} {state}", f"chgrp prs-journal {state} && chmod 750 {state}")]
    state.chmod(0o755)
    journal = state / "journal.sqlite"
    assert told(state) == [(f"{words} {journal}", f"chgrp prs-journal {journal} && chmod 640 {journal}")]
    state.parent.chmod(0o700)
    assert told(state) == [(f"{words} {state.parent}", f"chmod o+x {state.parent}, or set state_dir elsewhere")]


def test_what_the_units_hide_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    for place in ("/home/prs/state", "/root/prs", "/tmp/prs"):
        ((words, remedy),) = told(Path(place))
        assert words == f"{place} is hidden from the services by their units"
        assert "set state_dir elsewhere" in remedy
