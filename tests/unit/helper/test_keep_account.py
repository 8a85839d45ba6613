"""A first account is kept for all nodes exactly as `setup` writes it; nothing else, and none in the place of another."""

from __future__ import annotations

import base64
import errno
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from prs.errors import HelperError
from prs.helper import client, root_account
from unit.helper.test_account import Helper, helper

__all__ = ["helper"]
TEXT = "# Written by `proxmox-rebalancing-service setup`\n[proxmox]\napi_host: 10.0.0.1,[fd00::1]\napi_token: prs@pve!cluster=0f1e-2d3c\n"
WITH_CA = f"{TEXT}ca_file: /etc/pve/pve-root-ca.pem\n"


def test_it_is_kept_by_node_with_a_mark_and_never_replaced(helper: Helper) -> None:
    client.keep_account(helper.socket, {"account": TEXT, "pve1": WITH_CA})
    assert {path.name: path.read_text() for path in helper.private.iterdir()} == {"account.conf": TEXT, "pve1.conf": WITH_CA}
    mark = helper.pve / "proxmox-rebalancing-service" / "account"
    told = mark.read_text()
    with pytest.raises(HelperError, match="there is an account already"):
        client.keep_account(helper.socket, {"account": TEXT.replace("0f1e", "ffff")})
    assert (client.account("pve1", helper.pve, helper.socket), mark.read_text()) == (WITH_CA, told)


@pytest.mark.parametrize("texts", [
    {"pve1": TEXT},
    {"account": TEXT, "elsewhere": TEXT},
    {"account": TEXT, "../../shadow": TEXT},
    {"account": TEXT.replace("prs@pve!cluster", "root@pam!x")},
    {"account": TEXT.replace("10.0.0.1", "10.0.0.1\ndry_run: 0")},
    {"account": f"{TEXT}verify: 0\n"},
    {"account": f"{TEXT}ca_file: /tmp/mine.pem\n"},
    {"account": f"{TEXT}[service]\nautomation: on\n"},
    {"account": 7},
])  # fmt: skip
def test_nothing_else_gets_to_the_nodes(helper: Helper, texts: dict[str, str]) -> None:
    with pytest.raises(HelperError, match="an account as setup writes it is expected"):
        client.keep_account(helper.socket, texts)
    assert list(helper.private.iterdir()) == []


def test_without_quorum_nothing_stays(helper: Helper, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, calls = Path.rename, list[Path]()

    def fails(path: Path, target: Path) -> Path:
        calls.append(path)
        if len(calls) == 2:
            raise OSError(errno.EACCES, "Permission denied")
        return whole(path, target)

    monkeypatch.setattr(Path, "rename", fails)
    with pytest.raises(HelperError, match="has the cluster quorum"):
        client.keep_account(helper.socket, {"account": TEXT, "pve1": WITH_CA})
    assert list(helper.private.iterdir()) == []
    assert not (helper.pve / "proxmox-rebalancing-service" / "account").exists()


def test_of_two_that_are_kept_at_once_one_is_whole_and_the_other_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On two nodes: between the look for another account and the last file of one, the other one waits."""
    met, whole = threading.Barrier(2), Path.rename
    for node in ("pve1", "pve2"):
        (tmp_path / "nodes" / node).mkdir(parents=True)

    def late(path: Path, target: Path) -> Path:
        with suppress(threading.BrokenBarrierError):  # alone, as it should be
            met.wait(0.3)
        return whole(path, target)

    def keep(name: str) -> str:
        texts = json.dumps(dict.fromkeys(("account", "pve1", "pve2"), TEXT.replace("0f1e", name)))
        line = b"keep %b\n" % base64.b64encode(texts.encode())
        return root_account.keep(line, tmp_path / "priv", tmp_path / "held" / "account", tmp_path / "nodes", tmp_path / "lock")

    monkeypatch.setattr(Path, "rename", late)
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(keep, ("aaaa", "bbbb")))
    assert sorted(answers) == ["ok keep", "refused: there is an account already"]
    kept = {path.name: path.read_text() for path in (tmp_path / "priv").iterdir()}
    mine = TEXT.replace("0f1e", ("aaaa", "bbbb")[answers.index("ok keep")])
    assert kept == dict.fromkeys(("account.conf", "pve1.conf", "pve2.conf"), mine)
    assert list((tmp_path / "lock").iterdir()) == []
