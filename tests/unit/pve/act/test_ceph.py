"""Ceph's health judged check by check, as PVE's own rolling restart does (pve-manager PVE/Ceph/Services.pm)."""

from __future__ import annotations

import pytest

from prs.errors import ApiError
from prs.pve.act import ceph
from unit.fakeapi import FakeApi


def health(status: str, **checks: str) -> dict[str, object]:
    """What Ceph reports; an empty message stands for none."""
    return {"status": status, "checks": {name: {"summary": {"message": words}} if words else {} for name, words in checks.items()}}


@pytest.mark.parametrize(
    ("found", "flags", "words"),
    [
        (health("HEALTH_OK"), [], ""),
        (health("HEALTH_WARN", MON_CLOCK_SKEW="skew", RECENT_CRASH="1 crash"), [], ""),
        (health("HEALTH_WARN", OSDMAP_FLAGS="noout flag(s) set"), ["noout", "noscrub"], ""),
        (health("HEALTH_WARN", OSDMAP_FLAGS="norebalance,noout flag(s) set"), ["noout", "norebalance"],
         "Ceph reports HEALTH_WARN: the flags norebalance are set"),
        (health("HEALTH_WARN", OSDMAP_FLAGS="x flag(s) set"), [], "Ceph reports HEALTH_WARN: OSDMAP_FLAGS (x flag(s) set)"),
        (health("HEALTH_WARN", OSD_DOWN="1 osds down", PG_NOT_SCRUBBED="late"), [], "Ceph reports HEALTH_WARN: OSD_DOWN (1 osds down)"),
        (health("HEALTH_WARN", A="", B="", C="", D=""), [], "Ceph reports HEALTH_WARN: A; B; C and 1 more"),
        (health("HEALTH_WARN"), [], "Ceph reports HEALTH_WARN"),
        (health("HEALTH_ERR", RECENT_CRASH="1 crash"), [], "Ceph reports HEALTH_ERR"),
        ({}, [], "Ceph reports no health"),
    ],
)  # fmt: skip
def test_what_stands_against_a_node_going_down(found: dict[str, object], flags: list[str], words: str) -> None:
    assert ceph.unhealthy(found, flags) == words


def test_the_daemons_of_a_node() -> None:
    """OSDs are a list, monitors and metadata servers are named after their host or not."""
    api = FakeApi({"/cluster/ceph/metadata": {
        "osd": [{"id": 0, "hostname": "pve1"}, {"id": 3, "hostname": "pve2"}], "mon": {"pve1@pve1": {}, "b@pve2": {}},
        "mds": {"fs-a@pve1": {}}, "mgr": {"pve1@pve1": {}},
    }})  # fmt: skip
    assert ceph.daemons(api, "pve1") == [("osd", "0"), ("mon", "pve1"), ("mds", "fs-a")]
    assert ceph.daemons(api, "pve3") == []


@pytest.mark.parametrize("words", ["binary not installed: /usr/bin/ceph-mon", "pveceph configuration not initialized"])
def test_without_ceph_there_are_no_daemons_and_nothing_to_wait_for(words: str) -> None:
    api = FakeApi({path: ApiError(500, words) for path in ("/cluster/ceph/metadata", "/cluster/ceph/status")})
    assert ceph.daemons(api, "pve1") == []
    assert ceph.trouble(api) == ""


@pytest.mark.parametrize(("status", "said"), [(403, "may not be read"), (500, "is not known")])
def test_a_ceph_that_does_not_answer_is_not_taken_for_none(status: int, said: str) -> None:
    """As while its monitors have no quorum: PVE answers with 500, too (librados: got timeout)."""
    api = FakeApi({path: ApiError(status, "got timeout") for path in ("/cluster/ceph/metadata", "/cluster/ceph/status")})
    with pytest.raises(ApiError):
        ceph.daemons(api, "pve1")
    assert ceph.trouble(api) == f"Ceph's health {said}: got timeout"


def test_what_ceph_cannot_do_without_is_named() -> None:
    api = FakeApi({
        "/cluster/ceph/metadata": {"osd": [{"id": 0, "hostname": "pve1"}], "mon": {"pve1@pve1": {}}},
        "/nodes/pve1/ceph/cmd-safety": {"safe": 0, "status": "too few replicas"},
    })  # fmt: skip
    assert ceph.unsafe(api, "pve1") == "Ceph cannot do without osd.0 (too few replicas), mon.pve1 (too few replicas) of pve1 now"
    assert ("GET", "/nodes/pve1/ceph/cmd-safety", {"service": "osd", "id": "0", "action": "stop"}) in api.asked
