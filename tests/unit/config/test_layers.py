"""Settings in layers: which one wins, who may say what, and where each value comes from."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from prs.config.layers import signature
from prs.config.load import keep_good, load_settings
from prs.config.policy_edit import digest
from prs.config.policy_view import view
from prs.errors import ConfigError

ACCOUNT = "[proxmox]\napi_host: 10.0.0.1\napi_token: prs@pve!cluster=hunter2\n"


BROKEN = {
    "a value": "[balancing]\nspread: x\n",
    "a section": "[balancing]\nspread: 7\n[balacing]\n",
    "half a line": "[balancing]\nspread: 7\nmeth",
    "no text": b"\xff\xfe\x00",
}


class Machine:
    """A node with /etc/pve and prs.conf."""

    def __init__(self, folder: Path) -> None:
        self.conf, self.pve = folder / "prs.conf", folder / "pve"
        (self.pve / "proxmox-rebalancing-service").mkdir(parents=True)
        self.policy = self.pve / "proxmox-rebalancing-service" / "policy.conf"
        self.conf.write_text("")
        self.conf.chmod(0o640)

    def more(self, name: str, text: str) -> Path:
        """A file of prs.conf.d."""
        path = self.conf.with_name("prs.conf.d") / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        path.chmod(0o640)
        return path

    def origin(self, section: str, name: str, account: str = "") -> tuple[str, str]:
        """Text and source of an option."""
        origins = load_settings(self.conf, account, self.pve).origins
        return next((one.text, one.source) for one in origins if (one.section, one.name) == (section, name))


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_the_node_wins_over_the_cluster_and_the_folder_over_the_file(machine: Machine) -> None:
    assert machine.origin("balancing", "spread") == ("5", "default")
    machine.policy.write_text("[balancing]\nspread: 7\nmethod: cpu\n[service]\nschedule: 12\n")
    assert machine.origin("balancing", "spread") == ("7", f"{machine.policy} line 2")
    machine.conf.write_text("[balancing]\nspread: 8\n")
    assert machine.origin("balancing", "spread") == ("8", f"{machine.conf} line 2")
    first, second = machine.more("10-a.conf", "[balancing]\nspread: 9\n"), machine.more("20-b.conf", "[balancing]\nspread: 10\n")
    machine.more("notes.txt", "nothing of ours")
    assert machine.origin("balancing", "spread") == ("10", f"{second} line 2")
    second.unlink()
    assert machine.origin("balancing", "spread") == ("9", f"{first} line 2")
    settings = load_settings(machine.conf, pve=machine.pve)
    assert settings.policy.spread == pytest.approx(0.09)
    assert (settings.policy.method, settings.schedule) == ("cpu", 43200.0)


def test_the_account_of_the_cluster_is_below_the_nodes_own(machine: Machine) -> None:
    assert load_settings(machine.conf, ACCOUNT, machine.pve).require_endpoint().token_name == "cluster"
    assert machine.origin("proxmox", "api_token", ACCOUNT) == ("(not shown)", "the account of the cluster line 3")
    machine.more("account.conf", "[proxmox]\napi_host: other\napi_token: prs@pve!mine=x\n")
    endpoint = load_settings(machine.conf, ACCOUNT, machine.pve).require_endpoint()
    assert (endpoint.hosts, endpoint.token_name) == (("other",), "mine")


def test_pools_are_replaced_one_by_one_and_domains_as_a_whole(machine: Machine) -> None:
    machine.policy.write_text("[pool a]\nkeep: apart\n[pool b]\nkeep: apart\n[domains]\nrack1: pve1\nrack2: pve2\n")
    machine.conf.write_text("[pool b]\nkeep: together\n[domains]\nroom: pve1,pve2\n")
    policy = load_settings(machine.conf, pve=machine.pve).policy
    assert {pool.name: pool.keep for pool in policy.pools} == {"a": "apart", "b": "together"}
    assert policy.domains == (("room", ("pve1", "pve2")),)


def test_what_is_said_of_single_guests_is_replaced_one_by_one(machine: Machine) -> None:
    machine.policy.write_text("[guests]\n101: ask\n102: never\n")
    machine.conf.write_text("[guests]\n102: drains\n")
    assert load_settings(machine.conf, pve=machine.pve).policy.guests == ((101, "ask"), (102, "drains"))
    told = {one.name: (one.value, one.overruled) for one in view(machine.conf, machine.pve).options if one.name.startswith("guests.")}
    assert told == {"guests.101": ("ask", False), "guests.102": ("drains", True)}


def test_mistakes_of_all_layers_at_once_with_their_file(machine: Machine) -> None:
    machine.policy.write_text("[proxmox]\napi_host: x\n[service]\nlog_level: debug\n[balancing]\nspread: x\n")
    machine.conf.write_text("[balancing]\nmethod: ram\n")
    more = machine.more("a.conf", "[balancing]\nspread: 5\nspread: 6\n")
    with pytest.raises(ConfigError) as caught:
        load_settings(machine.conf, pve=machine.pve)
    found = caught.value.mistakes
    assert [sentence.partition(": ")[0] for sentence in found] == [
        f"{machine.policy} line 2", f"{machine.policy} line 4", f"{machine.policy} line 6", f"{machine.conf} line 2", f"{more} line 3",
    ]  # fmt: skip
    assert "[proxmox] api_host is each node's own: write it into prs.conf" in found[0]
    assert "given a second time (first on line 2)" in found[4]


def test_a_secret_that_others_can_read_is_told_with_its_file(machine: Machine) -> None:
    path = machine.more("account.conf", ACCOUNT)
    path.chmod(0o644)
    assert load_settings(machine.conf, pve=machine.pve).warnings == (
        f"{path} holds a secret and every user of this machine can read it: chmod 640 {path}",
    )


def test_without_etc_pve_nothing_is_scheduled(machine: Machine) -> None:
    """The policy might forbid what the defaults allow, so nothing is done until it can be read."""
    (machine.pve / "proxmox-rebalancing-service").rmdir()
    settings = load_settings(machine.conf, ACCOUNT, machine.pve)
    assert settings.endpoint is None
    assert settings.missing[0] == f"{machine.pve} is not mounted: what the cluster wants is not known."
    assert not settings.lacks_account, "whether there is one is not known"
    machine.pve.rmdir()
    assert load_settings(machine.conf, ACCOUNT, machine.pve).endpoint is not None


def test_what_a_program_writes_is_seen(machine: Machine) -> None:
    seen = [signature(machine.conf, machine.pve)]
    machine.policy.write_text("[balancing]\n")
    seen.append(signature(machine.conf, machine.pve))
    (machine.pve / "proxmox-rebalancing-service" / "account").write_text("1")
    seen.append(signature(machine.conf, machine.pve))
    before = machine.policy.stat()
    machine.policy.write_text("[gnicnalab]\n")
    os.utime(machine.policy, ns=(before.st_atime_ns, before.st_mtime_ns))  # twice in a second, and no longer than before
    seen.append(signature(machine.conf, machine.pve))
    path = machine.more("account.conf", ACCOUNT)
    seen.append(signature(machine.conf, machine.pve))
    os.utime(path, (1, 1))
    seen.append(signature(machine.conf, machine.pve))
    assert len(set(seen)) == len(seen)
    machine.conf.write_text("[balancing]\n")
    assert signature(machine.conf, machine.pve) == seen[-1]


@pytest.fixture
def kept(machine: Machine, tmp_path: Path) -> Machine:
    """Its service has seen a policy and a file of prs.conf.d that were good."""
    machine.conf.write_text(f"[service]\nstate_dir: {tmp_path / 'state'}\n")
    (tmp_path / "state").mkdir()
    machine.policy.write_text("[balancing]\nspread: 7\nignore_vms: 100\n")
    machine.more("10-a.conf", "[balancing]\nmax_moves: 3\n")
    keep_good(load_settings(machine.conf, ACCOUNT, machine.pve), machine.pve)
    return machine


@pytest.mark.parametrize("text", BROKEN.values(), ids=list(BROKEN))
@pytest.mark.parametrize("name", ["policy", "10-a.conf"])
def test_a_mistake_in_what_others_write_leaves_the_last_good_version_in_force(kept: Machine, text: str | bytes, name: str) -> None:
    file = kept.policy if name == "policy" else kept.more("10-a.conf", "")
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    settings = load_settings(kept.conf, ACCOUNT, kept.pve)
    assert settings.policy.spread == pytest.approx(0.07)
    assert (settings.policy.ignore_guests, settings.policy.max_moves) == (("100",), 3)
    assert settings.endpoint is not None
    assert settings.mistakes[0].startswith(f"{file} line ")
    assert settings.mistakes[-1].startswith(f"{file} is not in force: until it is mended, what it said on ")
    keep_good(settings, kept.pve)
    assert load_settings(kept.conf, ACCOUNT, kept.pve).policy.spread == pytest.approx(0.07), "what is broken is never kept"
    file.write_text("[balancing]\nspread: 9\nmax_moves: 9\n")
    settings = load_settings(kept.conf, ACCOUNT, kept.pve)
    assert settings.policy.spread == pytest.approx(0.09)
    assert (settings.policy.max_moves, settings.mistakes) == (3 if name == "policy" else 9, ())


def test_a_file_that_cannot_be_read_counts_as_it_last_was(kept: Machine) -> None:
    path = kept.more("10-a.conf", "")
    path.unlink()
    path.symlink_to(path.parent)  # a folder: reading it fails also for root
    settings = load_settings(kept.conf, ACCOUNT, kept.pve)
    assert settings.policy.max_moves == 3
    assert settings.mistakes[0].startswith(f"{path}: cannot be read")


def test_below_a_pmxcfs_that_has_died_the_last_good_version_counts(kept: Machine) -> None:
    """Every look there fails, also at whether there is a file: here because the name is too long."""
    dead = kept.pve.with_name("x" * 300)
    settings = load_settings(kept.conf, ACCOUNT, dead)
    assert (settings.policy.max_moves, settings.policy.ignore_guests, settings.endpoint is not None) == (3, ("100",), True)
    assert settings.mistakes[0].endswith("policy.conf: cannot be read: File name too long.")
    seen = view(kept.conf, dead)
    assert (seen.digest, seen.mistakes) == (digest(b""), settings.mistakes)


def test_without_a_good_version_nothing_is_scheduled(machine: Machine) -> None:
    """The defaults may allow what the policy forbids."""
    machine.policy.write_text("[balancing]\nspread: x\n")
    settings = load_settings(machine.conf, ACCOUNT, machine.pve)
    assert settings.endpoint is None
    assert settings.missing[0].startswith(f"{machine.policy} line 2: [balancing] spread = 'x'")
    assert settings.missing[1] == f"{machine.policy} cannot be used, and no good version of it is known."
    assert not settings.lacks_account


def test_a_version_written_between_reading_and_keeping_takes_no_good_ones_place(kept: Machine) -> None:
    """An administrator saves while the service is still at it: the last good version would be a broken one."""
    settings = load_settings(kept.conf, ACCOUNT, kept.pve)
    for text in (b"[balancing]\nspread: x\n", b"[balacing]\n", b"[balancing]\nmeth", b"\xff\xfe\x00"):
        kept.policy.write_bytes(text)
        keep_good(settings, kept.pve)
        assert load_settings(kept.conf, ACCOUNT, kept.pve).policy.ignore_guests == ("100",)


def test_what_is_gone_is_not_kept(kept: Machine) -> None:
    more = kept.more("10-a.conf", "")
    more.unlink()
    keep_good(load_settings(kept.conf, ACCOUNT, kept.pve), kept.pve)
    more.write_text("[balancing]\nmax_moves: x\n")
    assert load_settings(kept.conf, ACCOUNT, kept.pve).endpoint is None


def test_a_mistake_in_the_nodes_own_file_stops_all(kept: Machine) -> None:
    kept.policy.write_text("[balancing]\nspread: x\n")
    kept.conf.write_text("[balancing]\nmethod: ram\n")
    with pytest.raises(ConfigError) as caught:
        load_settings(kept.conf, ACCOUNT, kept.pve)
    assert len(caught.value.mistakes) == 2


def test_kept_copies_are_the_services_alone(kept: Machine, tmp_path: Path) -> None:
    """They may hold the account."""
    folder = tmp_path / "state" / "last-good-settings"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
