"""What is configured in prs.conf is what the settings say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from prs.config.load import Settings
from prs.config.options import BY_NAME
from prs.endpoint import Endpoint
from prs.errors import ConfigError
from prs.model import Policy, Pool
from unit.config.prs_conf import LOGIN, SHIPPED, load, mistakes


def test_pressure_is_a_method_with_a_limit_of_its_own(tmp_path: Path) -> None:
    policy = load(tmp_path, LOGIN + "[balancing]\nmethod: pressure\npressure_over: 12.5%\n").policy
    assert (policy.method, policy.by_pressure, policy.pressure_over) == ("memory", True, 0.125)
    assert policy.asked == "pressure"


def test_the_example_of_the_issue(tmp_path: Path) -> None:
    text = """
[proxmox]
api_host: hypervisor01.example.org
api_user: root@pam
api_pass: FooBar
verify_ssl: 1
[balancing]
method: memory
ignore_nodes: node01,node02
ignore_vms: testvm01,testvm02
[service]
daemon: 1
schedule: 24
"""
    settings = load(tmp_path, text)
    assert settings.require_endpoint() == Endpoint(("hypervisor01.example.org",), "root@pam", "FooBar", timeout=40.0)
    wanted = Policy(ignore_nodes=("node01", "node02"), ignore_guests=("testvm01", "testvm02"), memory_reserve=2**30)
    assert settings.policy == wanted
    assert (settings.daemon, settings.schedule, settings.dry_run) == (True, 86400.0, False)
    assert settings.warnings == ()
    assert settings.source == tmp_path / "prs.conf"


def test_every_option_reaches_its_setting(tmp_path: Path) -> None:
    text = f"""
[proxmox]
api_host = a.example, [fd00::1]:8007 ,10.0.0.1:99, fd00::2
api_token = prs@pve!service=0123-4567
verify_ssl = 0
ca_file = {SHIPPED}
timeout = 12.5
[BALANCING]
Method = CPU
ignore_nodes =
ignore_vms = web*, 10?, web*
spread = 2.5%
max_moves = 7
max_gib = 1.5TiB
containers = yes
memory_reserve = 512 MiB
memory = Assigned
overcommit = 150%
unlike_cpus = warn
parallel = 6
parallel_node = 3
[service]
daemon = off
schedule = 90m
dry_run = 1
log_level = Debug
state_dir = /srv/prs
"""
    settings = load(tmp_path, text)
    assert settings.endpoint == Endpoint(
        ("a.example", "[fd00::1]:8007", "10.0.0.1:99", "[fd00::2]"), "prs@pve", "", "service", "0123-4567",
        verify=False, ca_file=str(SHIPPED), timeout=12.5,
    )  # fmt: skip
    counts = Policy(memory="assigned", overcommit=1.5)
    assert settings.policy == replace(counts, method="cpu", ignore_guests=("web*", "10?"), spread=0.025, max_moves=7, max_bytes=3 * 2**39,
                                      containers=True, memory_reserve=2**29, parallel_total=6, parallel_node=3, unlike_cpus="warn")
    assert not settings.daemon
    assert settings.schedule == 5400.0
    assert settings.dry_run
    assert settings.log_level == "debug"
    assert settings.state_dir == Path("/srv/prs")
    assert [warning.partition(": ")[2][:20] for warning in settings.warnings] == ["with verify_ssl: 0 a", "ca_file has no effec"]


def test_an_empty_file_gives_the_defaults_and_no_endpoint(tmp_path: Path) -> None:
    settings = load(tmp_path, "")
    assert settings.policy == replace(Policy(), memory_reserve=2**30)
    assert settings == Settings(settings.source, settings.policy, web=settings.web, missing=settings.missing)
    with pytest.raises(ConfigError) as caught:
        settings.require_endpoint()
    assert [mistake.partition(": ")[2] for mistake in caught.value.mistakes] == [
        "[proxmox] api_host is not set.",
        "[proxmox] api_user and api_pass, or api_token, are not set.",
    ]


def test_a_host_alone_is_not_a_mistake_yet(tmp_path: Path) -> None:
    settings = load(tmp_path, "[proxmox]\napi_host: pve1\napi_pass:\n")
    assert settings.endpoint is None
    assert [text.partition(": ")[2] for text in settings.missing] == ["[proxmox] api_user and api_pass, or api_token, are not set."]


def test_pools_and_domains(tmp_path: Path) -> None:
    text = """
[pool web/Front]
keep: apart
nodes: pve1, pve2
strict: 0
[POOL db]
ignore: 1
[pool db/main]
ignore: 0
[balancing]
tags: 0
[Domains]
Rack1: pve1,pve2
rack2: pve3
"""
    policy = load(tmp_path, text).policy
    assert policy.pools == (Pool("web/Front", keep="apart", nodes=("pve1", "pve2"), strict=False), Pool("db", ignore=True),
                            Pool("db/main", included=True))
    assert policy.domains == (("rack1", ("pve1", "pve2")), ("rack2", ("pve3",)))
    assert not policy.tags
    assert load(tmp_path, "").policy.tags


@pytest.mark.parametrize("end", ["\r\n", "\r", "\n"])
def test_a_byte_order_mark_and_any_line_end(tmp_path: Path, end: str) -> None:
    settings = load(tmp_path, b"\xef\xbb\xbf" + LOGIN.replace("\n", end).encode())
    assert settings.require_endpoint().password == "FooBar"


def test_the_ca_file_must_be_there(tmp_path: Path) -> None:
    found = mistakes(tmp_path, f"{LOGIN}ca_file: /nowhere/ca.pem\n")
    allowed = BY_NAME["proxmox", "ca_file"].allowed
    assert found == [f"FILE line 5: [proxmox] ca_file = '/nowhere/ca.pem' (there is no such file): allowed: {allowed}."]
