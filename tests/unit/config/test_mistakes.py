"""What an administrator reads about mistakes in prs.conf: all at once, in the order of the file, with what may have been meant."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prs.config.load import load_settings
from prs.errors import ConfigError
from unit.config.prs_conf import LOGIN, WORDS, load, mistakes


def test_all_mistakes_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = """stray: 1
[proxmox
api_user: root
[proxmox]
api_hots: x
api_user: root
api_pass: a
verify_ssl: maybe
api_pass: b
[balencing]
spread: 1000
[balancing]
method: ram
daemon: 1
method: cpu # why
ignore_nodes: a b, c
only words
spread:
[service]
schedule: 1w
[proxmox]
"""
    assert mistakes(tmp_path, text) == [
        "FILE line 1: option 'stray' stands before the first [section].",
        "FILE line 2: a section is written [name], on a line of its own.",
        "FILE line 5: [proxmox] has no option 'api_hots' (did you mean 'api_host'?); allowed are api_host, api_user, api_pass, api_token, "
        "verify_ssl, ca_file, timeout.",
        "FILE line 6: [proxmox] api_user = 'root' (the realm is missing: root@pam is a user of the system, name@pve one of Proxmox VE): "
        "allowed: user@realm.",
        "FILE line 8: [proxmox] verify_ssl = 'maybe': allowed: 1 (yes) or 0 (no).",
        "FILE line 9: [proxmox] api_pass is given a second time (first on line 7).",
        "FILE line 10: unknown section [balencing] (did you mean 'balancing'?); allowed are [proxmox], [balancing], [service], [web], "
        "[pool NAME], [domains], [storages], [guests].",
        "FILE line 13: [balancing] method = 'ram': allowed: memory, disk, cpu, all or pressure.",
        "FILE line 14: [balancing] has no option 'daemon'; it belongs under [service].",
        "FILE line 15: [balancing] method is given a second time (first on line 13).",
        "FILE line 16: [balancing] ignore_nodes = 'a b, c' ('a b' is no node name): "
        "allowed: a comma list of node names, * and ? allowed, ! before an exception.",
        "FILE line 17: is not written as 'option: value' (a value, also a list, has one line; a comment begins with # or ;).",
        "FILE line 18: [balancing] spread = '': allowed: percentage points from 0 to 100.",
        "FILE line 20: [service] schedule = '1w': allowed: hours (24), a time from 1m to 366d (30m, 12h, 1d), or a calendar event of "
        "Proxmox VE (02:30, sat 03:00, mon..fri 0/6:00, daily).",
        "FILE line 21: section [proxmox] begins a second time (first on line 4).",
    ]


def test_mistakes_in_pools_and_domains(tmp_path: Path) -> None:
    text = """[pool web]
kep: apart
keep: near
keep: apart
strict: 0
[pool]
ignore: 1
[pool a b]
[pool web]
[domains]
r1: pve1,pve2
r2: PVE2
r1: pve3
r3:
r4: a b
r5: pve4 # the new one
"""
    assert mistakes(tmp_path, text) == [
        "FILE line 2: [pool web] has no option 'kep' (did you mean 'keep'?); allowed are ignore, keep, apart_from, nodes, strict.",
        "FILE line 3: [pool web] keep = 'near': allowed: together or apart.",
        "FILE line 4: [pool web] keep is given a second time (first on line 3).",
        "FILE line 5: [pool web] strict says how nodes are meant, and there are no nodes.",
        "FILE line 6: [pool] names no pool: write [pool NAME], with letters, digits and . _ - in the name.",
        "FILE line 8: [pool a b] names no pool: write [pool NAME], with letters, digits and . _ - in the name.",
        "FILE line 8: [pool a b] says nothing: give it ignore, keep, apart_from, nodes.",
        "FILE line 9: section [pool web] begins a second time (first on line 1).",
        "FILE line 12: [domains] r2: PVE2 is in domain r1 already (line 11).",
        "FILE line 13: [domains] r1 is given a second time (first on line 11).",
        "FILE line 14: [domains] r3 = '': allowed: a comma list of node names.",
        "FILE line 15: [domains] r4 = 'a b' ('a b' is no node name): allowed: a comma list of node names.",
        "FILE line 16: [domains] r5 = 'pve4 # the new one' ('pve4 # the new one' is no node name) (a comment needs a line of its own): "
        "allowed: a comma list of node names.",
    ]


def test_a_comment_behind_a_value_is_named_as_the_cause(tmp_path: Path) -> None:
    found = mistakes(tmp_path, "[balancing]\nmethod: cpu ; the busiest\n")
    assert found == [
        "FILE line 2: [balancing] method = 'cpu ; the busiest' (a comment needs a line of its own): allowed: memory, disk, cpu, "
        "all or pressure."
    ]


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("[balancing]\nmethod: memroy", "(did you mean 'memory'?): allowed: memory, disk, cpu, all or pressure"),
        ("[balancing]\nunlike_cpus: exlude", "(did you mean 'exclude'?)"),
        ("[balancing]\nspare: requier", "(did you mean 'require'?)"),
        ("[service]\nlog_level: warn", "(did you mean 'warning'?)"),
        ("[pool web]\nkeep: appart", "(did you mean 'apart'?)"),
    ],
)
def test_a_misspelt_word_is_asked_about(tmp_path: Path, line: str, hint: str) -> None:
    assert hint in mistakes(tmp_path, f"{line}\n")[0]


def test_an_empty_host_is_told_beside_other_mistakes(tmp_path: Path) -> None:
    found = mistakes(tmp_path, "[proxmox]\napi_host:\n[balancing]\nspread: x\n[pool web]\n")
    assert [sentence.split(": ", 1)[0] for sentence in found] == ["FILE line 2", "FILE line 4", "FILE line 5"]
    assert "api_host is empty: name at least one host" in found[0]


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (LOGIN.encode() + b"# caf\xe9\n", "FILE line 5: byte 0xe9 is not UTF-8; save the file as UTF-8."),
        (LOGIN.encode("utf-16"), "FILE line 1: byte 0xff is not UTF-8; save the file as UTF-8."),
        (b"#" * (2**20 + 1), "FILE: is longer than 1 MiB, so it is not a configuration."),
        (b"[proxmox]\napi_pass: a\x1b[2Jb\n", "FILE line 2: holds the control character 0x1b."),
        (b"[proxmox]\napi_pass: a\x00b\n", "FILE line 2: holds the control character 0x00."),
    ],
)
def test_what_is_not_a_text_file(tmp_path: Path, data: bytes, sentence: str) -> None:
    assert mistakes(tmp_path, data) == [sentence]


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    no_file = "there is no such file (-c FILE names another one)."
    for path, words in ((tmp_path / "none", no_file), (tmp_path, "cannot be read: Is a directory.")):
        with pytest.raises(ConfigError) as caught:
            load_settings(path)
        assert caught.value.mistakes == [f"{path}: {words}"]


def test_a_value_from_outside_is_shown_short_and_harmless(tmp_path: Path) -> None:
    found = mistakes(tmp_path, f"[balancing]\nmethod: \u202e{'x' * 500}\n")
    assert found == [f"FILE line 2: [balancing] method = '\\u202e{'x' * 51}...': allowed: memory, disk, cpu, all or pressure."]


@given(st.binary(max_size=300) | WORDS.map(str.encode))
def test_any_file_is_read_or_refused_in_words(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    directory = tmp_path_factory.getbasetemp()
    found: list[str] = []
    try:
        load(directory, b"[proxmox]\n" + data)
    except ConfigError as error:
        found = error.mistakes
    assert all(mistake.startswith(str(directory)) and mistake.endswith(".") for mistake in found)


def test_mistakes_in_what_is_said_of_single_guests(tmp_path: Path) -> None:
    assert mistakes(tmp_path, "[guests]\n101: drain\ndb: ask\n0: ask\n102: ask\n102: never\n") == [
        "FILE line 2: [guests] 101 = 'drain' (did you mean 'drains'?): allowed: automatic, ask, drains or never.",
        "FILE line 3: [guests] 'db' is no VMID: write 101: ask.",
        "FILE line 4: [guests] '0' is no VMID: write 101: ask.",
        "FILE line 6: [guests] 102 is given a second time (first on line 5).",
    ]
