"""The rolling run of the command, where no service carries it."""

from __future__ import annotations

import socket
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from drive import Drive
from prs.cli import exits
from prs.cli.verbs import rolling
from prs.config.load import Settings
from prs.errors import PlanError
from prs.model import Policy
from prs.terminal import Style
from simcluster.scenes import small


def test_a_round_of_this_very_host_may_be_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command would end with its host's reboot; a look ends nothing. What a plan warns of is told, once."""
    monkeypatch.setattr(socket, "gethostname", lambda: "pve1.example.com")
    world = small("9", start=time.time() - 1800)
    world.clock.sleep(1800)
    policy, said = Policy(containers=True, relax=("pool nosuch",)), list[str]()
    drive = Drive(world, tmp_path, policy, "root@pam")
    call: Any = SimpleNamespace(json=False, style=Style(), print=said.append, options=SimpleNamespace(verb="drain"))
    worker: Any = SimpleNamespace(journal=drive.journal, api=drive.api, holds=drive.holds, begin=lambda lock: None, say=said.append)

    def asked(dry_run: bool) -> int:
        settings = Settings(tmp_path / "prs.conf", state_dir=tmp_path, policy=policy, dry_run=dry_run)
        return rolling.go_on(call, settings, worker, ["pve1", "pve3"])

    with pytest.raises(PlanError, match="this command runs on pve1 and would end with its reboot"):
        asked(dry_run=False)
    assert asked(dry_run=True) in (exits.DONE, exits.INFEASIBLE)
    text = " ".join("".join(said).split())
    assert "Dry run: pve1, pve3 would be emptied" in text
    assert text.count("There is no rule of a tag or pool named 'pool nosuch' to relax") == 1
    assert not world.started
