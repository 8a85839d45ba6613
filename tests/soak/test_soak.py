"""Fifty seeds of the soak; `python -m soak --seeds 1000` plays more."""

from __future__ import annotations

import pytest

from soak.run import play


@pytest.mark.parametrize("seed", range(50))
def test_seed(seed: int) -> None:
    """No promise is broken."""
    breaches, log = play(seed)
    assert not breaches, "\n".join(log)
