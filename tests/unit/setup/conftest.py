"""Nodes that `setup` is run on."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from prs.setup import shared
from unit.setup_lab import Lab


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """A node of a cluster of three, seen by root; the CA file of a node is in a place that exists here."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    authority = tmp_path / "pve-root-ca.pem"
    authority.write_text("")
    monkeypatch.setattr("prs.setup.places.CLUSTER_CA", authority)
    monkeypatch.setattr(shared, "PVE", tmp_path / "pve")
    return Lab(tmp_path)


@pytest.fixture
def member(lab: Lab) -> Lab:
    """The same with /etc/pve, where the account of all nodes is kept."""
    (shared.PVE / "priv").mkdir(parents=True)
    return lab
