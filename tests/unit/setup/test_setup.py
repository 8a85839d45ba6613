"""`setup` on a stand-in for a node: what it makes, that a second run changes nothing, and that --remove leaves nothing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from prs.cli import exits
from prs.config.load import load_settings
from prs.setup.tools import SetupError, Tools
from unit.setup_lab import SHIPPED, Lab, changes


def kept(lab: Lab) -> Path:
    """The file that setup writes on a machine without /etc/pve/priv."""
    return lab.conf.with_name("prs.conf.d") / "account.conf"


def test_makes_the_least_account_and_writes_it_down(lab: Lab) -> None:
    code, output = lab.setup()
    assert code == exits.DONE
    assert sorted(lab.node.roles["PRS"].split(",")) == ["Datastore.Audit", "SDN.Audit", "Sys.Audit", "VM.Audit", "VM.Migrate"]
    assert lab.node.grants == [("user", "prs@pve", "PRS"), ("token", "prs@pve!node-pve1", "PRS")]
    endpoint = load_settings(lab.conf).require_endpoint()
    assert endpoint.hosts == ("10.0.0.1", "10.0.0.2", "10.0.0.3")
    assert endpoint.token_value == lab.node.tokens["prs@pve!node-pve1"]
    assert endpoint.token_value not in output
    assert not any(endpoint.token_value in word for call in lab.node.calls for word in call)
    assert lab.conf.read_text() == SHIPPED.read_text()
    assert kept(lab).stat().st_mode & 0o777 == 0o640
    assert "created role PRS" in output
    assert "Nothing has been moved" in output


def test_a_second_run_changes_nothing(lab: Lab) -> None:
    lab.setup()
    lab.node.calls.clear()
    before = kept(lab).read_bytes()
    code, output = lab.setup()
    assert (code, output) == (exits.DONE, "Everything is as it should be: nothing was changed.\n")
    assert changes(lab.node) == []
    assert kept(lab).read_bytes() == before


def test_remove_leaves_nothing(lab: Lab) -> None:
    before = lab.conf.read_bytes()
    lab.node.firewall = 1
    lab.setup("--firewall")
    assert lab.setup("--remove")[0] == exits.DONE
    assert lab.conf.read_bytes() == before
    assert not kept(lab).parent.exists()
    assert (lab.node.tokens, lab.node.grants, lab.node.rules, lab.node.sets) == ({}, [], [], {})
    assert set(lab.node.roles) == {"PVEAuditor"}
    assert set(lab.node.users) == {"root@pam"}
    assert lab.setup("--remove") == (exits.DONE, "Everything is as it should be: nothing was changed.\n")


def test_remove_keeps_what_another_node_uses(lab: Lab) -> None:
    lab.setup()
    lab.node.tokens["prs@pve!node-pve2"] = "x"
    _, output = lab.setup("--remove")
    assert set(lab.node.tokens) == {"prs@pve!node-pve2"}
    assert "in use by node-pve2" in output
    assert "PRS" in lab.node.roles


def test_a_lost_secret_is_replaced(lab: Lab) -> None:
    lab.setup()
    old = lab.node.tokens["prs@pve!node-pve1"]
    kept(lab).unlink()
    code, output = lab.setup()
    assert code == exits.DONE
    assert lab.node.tokens["prs@pve!node-pve1"] != old
    assert "removed the old token" in output
    assert load_settings(lab.conf).require_endpoint().token_value == lab.node.tokens["prs@pve!node-pve1"]


def test_levelling_disks_needs_one_more_privilege(lab: Lab) -> None:
    lab.setup()
    lab.conf.write_text(lab.conf.read_text().replace("#method: memory", "method: disk"))
    _, output = lab.setup()
    assert "VM.Config.Disk" in lab.node.roles["PRS"]
    assert output.startswith("- set the privileges of role PRS")


def test_maps_of_storages_need_two_more_privileges(lab: Lab) -> None:
    lab.setup()
    assert "Datastore.AllocateSpace" not in lab.node.roles["PRS"]
    lab.conf.write_text(lab.conf.read_text() + "\n[storages]\nlocal-zfs: local-lvm\n")
    lab.setup()
    assert {"VM.Config.Disk", "Datastore.AllocateSpace"} <= set(lab.node.roles["PRS"].split(","))


def test_rebooting_nodes_is_a_right_to_be_asked_for_and_kept(lab: Lab) -> None:
    lab.setup()
    assert "PowerMgmt" not in lab.node.roles["PRS"]
    _, output = lab.setup("--reboot")
    assert {"Sys.PowerMgmt", "VM.PowerMgmt"} <= set(lab.node.roles["PRS"].split(","))
    assert output.startswith("- set the privileges of role PRS")
    lab.node.calls.clear()
    assert lab.setup()[1] == "Everything is as it should be: nothing was changed.\n"
    assert changes(lab.node) == []
    lab.setup("--remove")
    assert "PRS" not in lab.node.roles


def test_an_account_of_the_administrator_stays(lab: Lab) -> None:
    text = SHIPPED.read_text().replace("[proxmox]\n", "[proxmox]\napi_host: pve1\napi_user: root@pam\napi_pass: secret\n", 1)
    lab.conf.write_text(text)
    with pytest.raises(SetupError, match=r"prs.conf line \d+ names the account root@pam, which is not from setup"):
        lab.setup()
    assert changes(lab.node) == []
    assert lab.conf.read_text() == text


def test_a_certificate_from_elsewhere_is_checked_by_the_names_in_it(lab: Lab) -> None:
    lab.node.certificates.append({"filename": "pveproxy-ssl.pem", "san": ["*.example.org", "pve1.example.org"]})
    lab.setup()
    endpoint = load_settings(lab.conf).require_endpoint()
    assert (endpoint.hosts, endpoint.ca_file) == (("pve1.example.org",), "")


def test_an_api_out_of_reach_is_told(lab: Lab) -> None:
    lab.down = True
    code, output = lab.setup()
    assert code == exits.FOUND
    assert "! the account could not be tried: refuses the connection" in output
    assert load_settings(lab.conf).endpoint is not None


def test_the_firewall_is_only_touched_when_asked(lab: Lab) -> None:
    lab.node.firewall = 1
    _, output = lab.setup()
    assert lab.node.rules == []
    assert "setup --firewall" in output
    lab.setup("--firewall")
    (rule,) = lab.node.rules
    assert (rule["type"], rule["action"], rule["proto"], rule["dport"], rule["source"]) == ("in", "ACCEPT", "tcp", "8017", "+management")
    lab.node.calls.clear()
    lab.setup("--firewall")
    assert changes(lab.node) == []


def test_a_firewall_that_is_off_needs_no_rule(lab: Lab) -> None:
    _, output = lab.setup("--firewall")
    assert lab.node.rules == []
    assert "firewall rule" not in output


def test_without_root_or_without_the_tools_it_says_so(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SetupError, match="setup runs on a node of the cluster"):
        Tools().do("pveum-that-is-not-here")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(SetupError, match="run it as root"):
        lab.setup()
