"""One `setup` for all nodes of a cluster: where the account is kept, what a second one takes in, and what it must not break."""

from __future__ import annotations

import base64
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from prs.cli import exits
from prs.config.load import load_settings
from prs.engine.journal.journal import Journal
from prs.helper import root_account
from prs.model import Policy
from prs.setup import alone, shared
from prs.setup.tools import SetupError
from unit import samples
from unit.cli.json_schema import document
from unit.setup_lab import SHIPPED, Api, Lab


def test_one_setup_is_for_all_nodes(member: Lab) -> None:
    """Each node finds itself first; nodes that join later find the common file; no secret is outside of priv."""
    code, output = member.setup()
    assert code == exits.DONE, output
    assert set(member.node.tokens) == {"prs@pve!cluster"}
    folder = shared.PVE / "priv" / "proxmox-rebalancing-service"
    assert {path.name for path in folder.iterdir()} == {"account.conf", "pve1.conf", "pve2.conf", "pve3.conf"}
    hosts = {node: load_settings(member.conf, shared.read(node)).require_endpoint().hosts for node in ("pve1", "pve3", "pve9")}
    assert hosts["pve1"] == hosts["pve9"] == ("10.0.0.1", "10.0.0.2", "10.0.0.3")
    assert hosts["pve3"] == ("10.0.0.3", "10.0.0.1", "10.0.0.2")
    secret = member.node.tokens["prs@pve!cluster"]
    assert load_settings(member.conf, shared.read("pve2")).require_endpoint().token_value == secret
    assert secret not in output
    assert not [path for path in shared.PVE.parent.rglob("*") if path.is_file() and secret in path.read_text() and "priv" not in path.parts]
    assert member.conf.read_text() == SHIPPED.read_text()
    mark = (shared.PVE / "proxmox-rebalancing-service" / "account").read_text()
    assert member.setup() == (exits.DONE, "Everything is as it should be: nothing was changed.\n")
    assert (shared.PVE / "proxmox-rebalancing-service" / "account").read_text() == mark
    assert member.setup("--remove")[0] == exits.DONE
    assert (member.node.tokens, folder.exists(), shared.read("pve2")) == ({}, False, "")


def test_a_node_whose_certificate_cannot_be_read_gets_the_common_way(member: Lab) -> None:
    """An offline node's certificates cannot be asked for; its account is written all the same."""
    member.node.broken = "/nodes/pve3/"
    member.setup()
    assert load_settings(member.conf, shared.read("pve3")).require_endpoint().hosts == ("10.0.0.3", "10.0.0.1", "10.0.0.2")


def test_a_firewall_that_cannot_be_read_does_not_end_setup(member: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """PVE 9.2.7 to 9.2.11: pvesh dies at the firewall's options; the API answers, or setup says what it cannot see."""
    member.node.firewall, member.node.broken = 1, "/cluster/firewall/options"
    code, output = member.setup()
    assert code == exits.DONE
    assert "setup --firewall" in output
    assert "Nothing has been moved" in output
    member.setup("--remove")
    member.node.broken = "/cluster/firewall"
    monkeypatch.setattr(Api, "firewall", None)
    code, output = member.setup()
    assert code == exits.DONE
    assert "firewall lets browsers reach port 8017 of the Rebalancing tab cannot be seen: no answer" in output
    assert "Nothing has been moved" in output
    code, output = member.setup("--remove")
    assert "the firewall's rules could not be looked at" in output
    assert member.node.tokens == {}


def test_the_account_is_not_taken_from_a_running_job(member: Lab, tmp_path: Path) -> None:
    member.setup()
    member.node.tasks = [{"type": "qmigrate", "id": "104", "user": "prs@pve!cluster", "upid": "UPID:x"}]
    with pytest.raises(SetupError, match=r"the account is moving guests \(104\)"):
        member.setup("--remove")
    member.node.tasks = []
    member.conf.write_text(member.conf.read_text().replace("#state_dir: /var/lib/prs", f"state_dir: {tmp_path}/state"))
    journal = Journal(tmp_path / "state" / "journal.sqlite")
    job = journal.add_job(journal.add_plan(samples.PLAN, Policy(), "prs@pve"), "prs@pve", "cli", 0.0)
    with pytest.raises(SetupError, match="a job of this host is not at its end"):
        member.setup("--remove")
    assert member.node.tokens
    journal.update_job(job, state="done")
    assert member.setup("--remove")[0] == exits.DONE


def test_setup_for_programs(member: Lab) -> None:
    code, output = member.setup("--json")
    told = json.loads(output)
    Draft202012Validator(document()["$defs"]["setup"]).validate(told)
    assert (code, told["problems"]) == (exits.DONE, [])
    assert "created API token prs@pve!cluster" in told["changes"]


def test_the_account_of_an_earlier_setup_is_no_strangers(member: Lab) -> None:
    """After an upgrade setup goes on; it says which lines of prs.conf still name the old account and go before the new one."""
    old = "[proxmox]\napi_host: pve1\napi_token: prs@pve!node-pve1=6a4f2d1c-0b9e-4c77-9d38-5e21c0aa7f10\n"
    member.conf.write_text(SHIPPED.read_text().replace("[proxmox]\n", old, 1))
    code, text = member.setup()
    assert code == exits.FOUND
    assert "still names the account prs@pve!node-pve1, which setup of an earlier version made: it goes before the new one" in text
    secret = member.node.tokens["prs@pve!cluster"]
    code, text = member.setup()
    assert (code, "still names" in text, "API token" in text) == (exits.FOUND, True, False)
    assert text.endswith("\nNothing was changed.\n"), "not all is as it should be"
    assert member.node.tokens["prs@pve!cluster"] == secret, "the token that stands is good: a new one would be one more at each run"
    member.conf.write_text(SHIPPED.read_text())
    assert member.setup() == (exits.DONE, "Everything is as it should be: nothing was changed.\n")


def test_two_setups_on_a_node_work_one_after_the_other(member: Lab) -> None:
    """The second one waits, and then finds all as it should be."""
    ends = list[tuple[int, str]]()
    other = threading.Thread(target=lambda: ends.append(member.setup()))
    with alone.alone(member.conf, pytest.fail):
        other.start()
        other.join(0.2)
        assert (ends, member.node.calls) == ([], [])
    other.join()
    assert ends[0][0] == exits.DONE
    assert member.setup()[1] == "Everything is as it should be: nothing was changed.\n"


def test_a_setup_on_another_node_is_waited_for(member: Lab, tmp_path: Path) -> None:
    """PVE's own lock of the cluster, a folder; one that never goes ends setup before it has changed anything."""
    told, lock = list[str](), shared.PVE / "priv/lock/prs-setup"
    lock.mkdir(parents=True)
    with pytest.raises(SetupError, match="another setup is at work"), alone.alone(tmp_path / "none", told.append, lambda _: None):
        pytest.fail("two at once")
    assert (lock.stat().st_mtime, len(told)) == (0, 1)  # by that pmxcfs gives up a lock whose holder is dead
    with alone.alone(tmp_path / "none", told.append, lambda _: lock.rmdir()):
        assert lock.is_dir()
    assert not lock.exists()


def test_an_account_that_the_tab_has_kept_meanwhile_does_not_mix_with_that_of_setup(member: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root's helper of another node writes one file after the other, and so does setup: each waits for the other's last one."""
    met, rename, replace = threading.Barrier(2), Path.rename, Path.replace
    for node in ("pve1", "pve2", "pve3"):
        (shared.PVE / "nodes" / node).mkdir(parents=True)
    text = "# Written by `proxmox-rebalancing-service setup`\n[proxmox]\napi_host: 10.0.0.1\napi_token: prs@pve!cluster=aaaa\n"
    line = b"keep %b\n" % base64.b64encode(json.dumps(dict.fromkeys(("account", "pve1", "pve2", "pve3"), text)).encode())
    folder, mark = shared.PVE / "priv" / shared.FOLDER, shared.PVE / shared.FOLDER / "account"

    def late(path: Path, target: Path, move: Any) -> Any:
        with suppress(threading.BrokenBarrierError):  # alone, as it should be
            met.wait(0.3)
        return move(path, target)

    monkeypatch.setattr(Path, "rename", lambda path, target: late(path, target, rename))
    monkeypatch.setattr(Path, "replace", lambda path, target: late(path, target, replace))
    with ThreadPoolExecutor(2) as pool:
        kept = pool.submit(root_account.keep, line, folder, mark, shared.PVE / "nodes", shared.PVE / "priv/lock")
        done = pool.submit(member.setup)
        assert kept.result() in ("ok keep", "refused: there is an account already")
        assert done.result()[0] == exits.DONE
    assert {path.name for path in folder.iterdir()} == {"account.conf", "pve1.conf", "pve2.conf", "pve3.conf"}
    assert all(member.node.tokens["prs@pve!cluster"] in words for words in shared.texts().values())
    assert list((shared.PVE / "priv/lock").iterdir()) == []


def accounts() -> dict[str, str]:
    """The line of hosts that each node's service reads."""
    return {name: text.splitlines()[2] for name, text in shared.texts().items()}


def test_another_setup_takes_in_what_has_changed_in_the_cluster(member: Lab) -> None:
    """A node that has come, one that has gone, and another address; the secret stays."""
    member.setup()
    assert member.setup()[1] == "Everything is as it should be: nothing was changed.\n"
    secret = member.node.tokens["prs@pve!cluster"]
    del member.node.addresses["pve3"]
    member.node.addresses |= {"pve2": "10.0.0.22", "PVE4": "10.0.0.4"}
    code, output = member.setup()
    assert (code, output.count("wrote the account for all nodes")) == (exits.DONE, 1)
    assert "API token" not in output
    assert accounts() == {
        "account": "api_host: 10.0.0.4,10.0.0.1,10.0.0.22",
        "pve1": "api_host: 10.0.0.1,10.0.0.4,10.0.0.22",
        "pve2": "api_host: 10.0.0.22,10.0.0.4,10.0.0.1",
        "PVE4": "api_host: 10.0.0.4,10.0.0.1,10.0.0.22",
    }
    assert all(secret in text for text in shared.texts().values())
    assert member.setup()[1] == "Everything is as it should be: nothing was changed.\n"


def test_a_node_that_is_silent_keeps_what_it_has(member: Lab) -> None:
    """Its own certificate is not known just now, and was known before."""
    member.node.certificates.append({"filename": "pveproxy-ssl.pem", "san": ["pve1.example.org"]})
    member.setup()
    assert accounts()["pve1"] == "api_host: pve1.example.org"
    member.node.broken = "/nodes/pve1/certificates"
    assert member.setup()[1] == "Everything is as it should be: nothing was changed.\n"


@pytest.mark.parametrize("lost", ["user", "token", "secret", "files"])
def test_setup_after_an_old_backup_of_etc_pve(member: Lab, lost: str) -> None:
    """Whatever of it has gone back to an older state, afterwards one token holds and all nodes have it."""
    member.setup()
    if lost == "user":
        member.node.users.pop("prs@pve")
        member.node.grants.clear()
    if lost in ("user", "token"):
        member.node.tokens.clear()
    elif lost == "secret":
        member.node.tokens["prs@pve!cluster"] = "00000000-0000-0000-0000-0000000000ff"
    else:
        shared.remove()
    code, output = member.setup()
    assert code == exits.DONE, output
    assert all(member.node.tokens["prs@pve!cluster"] in text for text in shared.texts().values())
    assert len(shared.texts()) == 4
    assert member.setup()[1] == "Everything is as it should be: nothing was changed.\n"


@pytest.mark.parametrize("what", ["mkdir", "write_text"])
def test_setup_without_quorum_can_be_done_again(member: Lab, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    """Neither where nothing can be begun, nor where the token was made and could not be written down."""

    def refuse(self: Path, *_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    with monkeypatch.context() as patch:
        patch.setattr(Path, what, refuse)
        with pytest.raises(SetupError, match="has the cluster quorum"):
            member.setup()
    assert member.setup()[0] == exits.DONE
    assert all(member.node.tokens["prs@pve!cluster"] in text for text in shared.texts().values())
