"""Calls of the command line for tests, which write to a screen of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from prs.cli import main as cli
from prs.cli.call import Call
from prs.endpoint import Endpoint
from unit.screen import Screen


def call_of(*arguments: str, out: Screen | None = None, connect: Callable[[Endpoint], Any] | None = None) -> Call:
    """Parse arguments into a call that writes to the given stream and connects to nothing."""
    options = cli.parser().parse_args(list(arguments))
    return Call(options, out or Screen(tty=False), Screen(tty=False), connect or (lambda endpoint: pytest.fail("connected")))
