"""The certificate follows pveproxy's, access rules are honoured, and a reload keeps connections served."""

from __future__ import annotations

import signal
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from integration.web_house import House, house
from simcluster.scenes import small


@pytest.fixture
def home(tmp_path: Path) -> Iterator[House]:
    with house(tmp_path / "home", small(start=time.time())) as found:
        yield found


def shown(home: House) -> str:
    """The certificate that the service shows now."""
    return ssl.get_server_certificate((home.address, home.port), timeout=5)


def expected(home: House, stem: str) -> str:
    return (home.pve / "local" / f"{stem}.pem").read_text()


def test_a_renewed_certificate_is_shown_at_once_and_a_custom_one_wins(home: House) -> None:
    home.start_web()
    root = home.log_in("root@pam")
    assert shown(home) == expected(home, "pve-ssl")
    home.renew_certificate()
    assert shown(home) == expected(home, "pve-ssl")
    home.renew_certificate("pveproxy-ssl")
    assert shown(home) == expected(home, "pveproxy-ssl")
    (home.pve / "local" / "pveproxy-ssl.key").write_text("half written")
    custom = expected(home, "pveproxy-ssl")
    assert shown(home) == custom  # the old one, while the new one is incomplete
    (home.pve / "local" / "pveproxy-ssl.key").unlink()
    (home.pve / "local" / "pveproxy-ssl.pem").unlink()
    assert shown(home) == expected(home, "pve-ssl")
    assert root.get("/status")["user"] == "root@pam"


def test_a_reload_reads_the_configuration_again_and_a_mistake_changes_nothing(home: House) -> None:
    home.start_web()
    root = home.log_in("root@pam")
    origin = {"Origin": "https://panel.example.org"}
    assert root.call("GET", "/status", **origin).status_code == 403
    home.configure("origins: https://panel.example.org\n")
    home.processes["web"].send_signal(signal.SIGHUP)
    home.wait(lambda: root.call("GET", "/status", **origin).status_code == 200)
    home.configure("orgins: https://panel.example.org\n")
    home.processes["web"].send_signal(signal.SIGHUP)
    home.wait(lambda: "the old settings stay in force" in home.log("web"))
    assert "did you mean 'origins'?" in home.log("web")
    home.wait(lambda: root.call("GET", "/status", **origin).status_code == 200)


def test_it_waits_in_words_until_etc_pve_is_mounted(home: House) -> None:
    local, away = home.pve / "local", home.pve / "away"
    local.rename(away)
    home._start("web", home.web_command())
    home.wait(lambda: f"waiting: {home.pve} is not mounted (systemctl status pve-cluster)" in home.log("web"))
    local.mkdir()
    home.wait(lambda: "waiting: the node's certificate cannot be read" in home.log("web"))
    local.rmdir()
    away.rename(local)
    home.wait(lambda: home.anyone().call("GET", "/healthz").status_code == 200)
    assert "Traceback" not in home.log("web")


def test_a_configuration_with_mistakes_ends_the_start(home: House) -> None:
    home.configure("origins: http://plain.example.org\n")
    with pytest.raises(AssertionError, match=r"\[web\] origins = .* a comma list of https://host or https://host:port"):
        home.start_web()


@pytest.mark.parametrize(("rules", "admitted"), [
    ("ALLOW_FROM=\"10.0.0.0/8,192.168.1.1-192.168.1.9\"\nDENY_FROM=\"all\"\nPOLICY=\"allow\"\n", False),
    ("ALLOW_FROM=\"127.0.0.0/8\"\nDENY_FROM=\"all\"\nPOLICY=\"allow\"\n", True),
    ("POLICY=\"deny\"\n", False),
    ("DENY_FROM='127.0.0.1-127.255.255.254' # nobody\n", False),
])  # fmt: skip
def test_the_access_rules_of_pveproxy_hold_here_too(home: House, rules: str, admitted: bool) -> None:
    home.start_web()
    assert home.anyone().get("/healthz")
    (home.folder / "pveproxy").write_text(rules)
    home.processes["web"].send_signal(signal.SIGHUP)

    def refused() -> bool:
        try:
            return bool(home.anyone().call("GET", "/healthz").status_code != 200)
        except requests.ConnectionError:
            return True

    if admitted:
        end = time.monotonic() + 3
        while time.monotonic() < end:  # across the change of workers
            assert not refused()
    else:
        home.wait(refused)


def test_master_and_worker_stay_small(home: House) -> None:
    """After real work, proportional set size of all processes together (memory shared by them is counted once)."""
    home.start_web()
    root = home.log_in("root@pam")
    for _ in range(5):
        root.post("/plans", {"kind": "balance"})
        root.get("/cluster")
    assert memory(home) < 80 * 2**20


def memory(home: House) -> int:
    """Bytes of memory that the web service's processes use together."""
    master = home.processes["web"].pid
    children = Path(f"/proc/{master}/task/{master}/children").read_text().split()
    total = 0
    for pid in [str(master), *children]:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        total += next(int(line.split()[1]) * 1024 for line in rollup.splitlines() if line.startswith("Pss:"))
    return total
