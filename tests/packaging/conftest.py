"""These tests need root and some minutes: `make test-packages` runs them, `make test` does not."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from debianlab.debs import Packages, build

if "PRS_PACKAGES" not in os.environ:
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(scope="session")
def folder() -> Iterator[Path]:
    """A place for the whole run; not pytest's own, which would keep root file systems."""
    with tempfile.TemporaryDirectory(prefix="prs-packages-") as name:
        yield Path(name)


@pytest.fixture(scope="session")
def packages(folder: Path) -> Packages:
    """All variants of the packages."""
    return build(folder / "debs")
