"""The examples of docs/placement.md run as they stand there, against the simulated cluster, with what the command really prints."""

from __future__ import annotations

import json
import re
import shlex
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]  # it comes with schemathesis
from jinja2 import Environment

from integration.command_site import ROOT, Site
from simcluster.world import Flavour

PAGE = (ROOT / "docs" / "placement.md").read_text(encoding="utf-8")
BLOCKS = dict(re.findall(r"```(\w+)\n(.*?)```", PAGE, re.DOTALL))
COMMAND = "proxmox-rebalancing-service"


@pytest.fixture
def site(ram: Path, flavour: Flavour) -> Iterator[Site]:
    """A running site with its configuration written."""
    found = Site(ram, flavour)
    with found.server:
        found.origin = time.time()
        found.write()
        yield found


def ask(site: Site, words: list[str]) -> tuple[int, str, str]:
    """Run the command line of an example; its exit code, output and complaints."""
    assert words[0] == COMMAND
    process = site.start(*words[1:])
    out, err = process.communicate(timeout=100)
    return process.returncode, out, err


def program(folder: Path) -> list[str]:
    """The program of the external data source, as Terraform calls it."""
    (found,) = re.findall(r"program\s*=\s*(\[.*\])", BLOCKS["hcl"])
    words: list[str] = json.loads(found.replace("${path.module}", str(folder)))
    return words


def test_terraforms_data_source_gets_its_map_of_strings(site: Site, tmp_path: Path) -> None:
    """The external data source wants one JSON object of strings (hashicorp/terraform-provider-external docs, Processing JSON)."""
    (tmp_path / "order.json").write_text(BLOCKS["json"])
    code, out, err = ask(site, program(tmp_path))
    assert code == 0, err
    result = json.loads(out)
    names = [guest["name"] for guest in json.loads(BLOCKS["json"])]
    assert list(result) == names
    assert set(result.values()) <= set(site.world.nodes)
    assert len(set(result.values())) == len(names), "the tag keeps them apart"
    for keys in re.findall(r"each\.value\.(\w+)", BLOCKS["hcl"]):
        assert all(keys in guest for guest in json.loads(BLOCKS["json"])), keys


def test_terraform_is_told_when_there_is_no_place(site: Site, tmp_path: Path) -> None:
    order = json.loads(BLOCKS["json"])
    order[1]["memory"] = 2**50
    (tmp_path / "order.json").write_text(json.dumps(order))
    code, out, err = ask(site, program(tmp_path))
    assert (code, out) == (4, "")
    assert "There is no place" in err


def test_ansible_creates_the_guest_on_the_node_that_was_said(site: Site) -> None:
    first, second = yaml.safe_load(BLOCKS["yaml"])
    code, out, err = ask(site, first["ansible.builtin.command"]["argv"])
    assert code == 0, err
    environment = Environment(autoescape=False)
    environment.filters["from_json"] = json.loads
    node = second["community.proxmox.proxmox_kvm"]["node"]
    assert environment.from_string(node).render({first["register"]: {"stdout": out}}) in site.world.nodes


def test_the_first_command_of_the_page_explains_each_node(site: Site) -> None:
    (line,) = re.findall(rf"^    ({COMMAND} place .*)$", PAGE, re.MULTILINE)
    code, out, err = ask(site, shlex.split(line.replace("local-lvm", "local-zfs").replace("--memory 8", "--memory 2")))
    assert code == 0, err
    assert out.startswith("Best: web01 on pve")
    assert all(re.search(rf"^ +\S+ +{node} ", out, re.MULTILINE) for node in site.world.nodes), out
