"""What all tests share."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from prs import audit
from simcluster.world import Flavour

# How fast an example is says how busy the machine is, and nothing of the product.
settings.register_profile("any speed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any speed")

# Under nohup all programs that the tests start would ignore it, also where a test is about how they end by it.
signal.signal(signal.SIGHUP, signal.SIG_DFL)


# Under Debian 13's Python there is no PVE 8.
FLAVOURS = os.environ.get("PRS_TEST_FLAVOURS", "8 9").split()


@pytest.fixture(params=FLAVOURS, ids=[f"PVE {release}" for release in FLAVOURS])
def flavour(request: pytest.FixtureRequest) -> Flavour:
    """The release of Proxmox VE that the simulated cluster plays: a test that asks for it runs on both."""
    release: Flavour = request.param
    return release


@pytest.fixture(autouse=True)
def audit_as_it_was() -> Iterator[None]:
    """The command sends its audit lines elsewhere for the rest of its process, which here has other tests to run."""
    handlers, propagate = list(audit.log.handlers), audit.log.propagate
    yield
    audit.log.handlers[:], audit.log.propagate = handlers, propagate


@pytest.fixture
def ram() -> Iterator[Path]:
    """A folder in memory: the journal's many flushes would otherwise measure this machine's disk."""
    shm = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shm if shm.is_dir() else None) as folder:
        yield Path(folder)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show why a test needed its second try: pytest tells the reason of the last one only."""
    for report in terminalreporter.stats.get("rerun", []):
        terminalreporter.section(f"first try of {report.nodeid}")
        terminalreporter.write_line(report.longreprtext)
