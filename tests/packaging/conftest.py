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


@pytest.hookimpl(tryfirst=True)  # xdist's own reads the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep on one worker (--dist loadgroup), in order, what shares a booted machine; each other test makes its own, wherever it runs."""
    for item in items:
        if isinstance(item, pytest.Function) and {"node", "cluster"} & set(item.fixturenames):
            release = item.callspec.params.get("node", "") if hasattr(item, "callspec") else ""
            item.add_marker(pytest.mark.xdist_group(f"{item.path.stem} {release}".strip()))


@pytest.fixture(scope="session")
def folder() -> Iterator[Path]:
    """A place for the whole run; not pytest's own, which would keep root file systems."""
    with tempfile.TemporaryDirectory(prefix="prs-packages-") as name:
        yield Path(name)


@pytest.fixture(scope="session")
def packages(folder: Path) -> Packages:
    """All variants of the packages."""
    return build(folder / "debs")
