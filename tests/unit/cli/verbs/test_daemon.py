"""When the daemon reads its settings again by itself."""

from __future__ import annotations

from pathlib import Path

from prs.cli.verbs.daemon import AGAIN, signs
from prs.config.layers import ACCOUNT_MARK
from prs.config.load import Settings
from prs.endpoint import Endpoint


def test_an_account_that_could_not_be_had_is_asked_for_again(tmp_path: Path) -> None:
    """At boot the helper may not be up yet; a machine without an account has nothing to ask for."""
    without, having = Settings(tmp_path / "prs.conf"), Settings(tmp_path / "prs.conf", endpoint=Endpoint(("n1",)))
    assert signs(without, tmp_path, 0.0) == signs(without, tmp_path, 10 * AGAIN)
    (tmp_path / ACCOUNT_MARK).parent.mkdir()
    (tmp_path / ACCOUNT_MARK).write_text("1")
    assert signs(without, tmp_path, 0.0) == signs(without, tmp_path, AGAIN - 1)
    assert signs(without, tmp_path, 0.0) != signs(without, tmp_path, AGAIN)
    assert signs(having, tmp_path, 0.0) == signs(having, tmp_path, 10 * AGAIN)
