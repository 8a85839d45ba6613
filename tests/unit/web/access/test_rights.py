"""What a caller may do, by PVE's list of their permissions."""

from __future__ import annotations

from typing import Any

import pytest

from prs.web.access.rights import Rights


@pytest.mark.parametrize(("listed", "throughout"), [
    ({"/": {"VM.Migrate": 1}}, True),
    ({"/": {"VM.Migrate": 0}, "/vms": {"VM.Migrate": 1}}, True),
    ({"/": {"VM.Migrate": 1}, "/vms": {"VM.Audit": 1}}, False),
    ({"/": {"VM.Migrate": 0}}, False),
    # A deeper role takes the place of those above it.
    ({"/": {"VM.Migrate": 1}, "/vms/105": {"VM.Audit": 1}}, False),
    ({"/": {"VM.Migrate": 1}, "/vms/105": {"VM.Migrate": 0}}, True),
    ({"/": {"VM.Migrate": 1}, "/nodes/pve1": {"Sys.Audit": 1}, "/vmsx/1": {}}, True),
    ({}, False),
])  # fmt: skip
def test_a_right_holds_everywhere_where_no_role_below_takes_it_away(listed: dict[str, Any], throughout: bool) -> None:
    assert Rights(listed).everywhere("VM.Migrate", "/vms") is throughout
