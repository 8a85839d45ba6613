"""The shipped prs.conf shows every option with its default, as the table of options has it, and changes nothing."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from prs.config.options import SECTIONS
from unit.config.prs_conf import ALL, SHIPPED, load


def shipped_examples() -> dict[tuple[str, str], tuple[str, bool]]:
    """Give (section, option) -> (value shown, is it an example instead of the default) from the commented lines of the shipped file."""
    found: dict[tuple[str, str], tuple[str, bool]] = {}
    section, example = "", False
    for line in SHIPPED.read_text(encoding="utf-8").splitlines():
        if heading := re.fullmatch(r"#?\[([\w ]+)\]", line):
            section = heading[1]
        elif shown := re.fullmatch(r"#(\w+): (.*)", line):
            assert (section, shown[1]) not in found
            found[section, shown[1]], example = (shown[2], example), False
        elif line.startswith("# Not set by default"):
            example = True
    return found


def test_the_shipped_file_changes_nothing(tmp_path: Path) -> None:
    shipped = load(tmp_path, SHIPPED.read_bytes())
    assert shipped == replace(load(tmp_path, ""), missing=shipped.missing)


def test_the_shipped_file_shows_every_option_and_no_other() -> None:
    assert list(shipped_examples()) == [(option.section, option.name) for option in ALL]
    assert SECTIONS == ("proxmox", "balancing", "service", "web")


def test_the_shipped_file_shows_the_defaults_of_the_code() -> None:
    options = {(option.section, option.name): option for option in ALL}
    for key, (value, example) in shipped_examples().items():
        option = options[key]
        assert example == (option.default == "")
        assert value == (option.example if example else option.default)


def test_the_shipped_file_documents_every_option_as_the_table_does() -> None:
    words = " ".join(line.lstrip("# ") for line in SHIPPED.read_text(encoding="utf-8").splitlines())
    for option in ALL:
        assert option.doc in words
        assert f"Allowed: {option.allowed}." in words


def test_each_example_in_the_shipped_file_is_allowed(tmp_path: Path) -> None:
    # The certificate of the example exists on cluster nodes only, and a password and a token exclude each other.
    for left_out in ("api_pass", "api_token"):
        lines = [line for line in SHIPPED.read_text().splitlines() if not line.startswith(("#ca_file", f"#{left_out}"))]
        text = "\n".join(re.sub(r"^#(\w+: |\[)", r"\1", line) for line in lines)
        settings = load(tmp_path, text.replace("root@pam", "prs@pve").replace("VMID: ", "101: "))
        assert settings.endpoint is not None
        assert settings.warnings == ()
