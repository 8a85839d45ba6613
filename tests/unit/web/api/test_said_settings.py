"""What the settings window tells of the policy is coded: what each option means and allows, and every mistake in an entry."""

from __future__ import annotations

import pytest

from prs.config.options import DOMAIN, GUEST, OPTIONS, POOL_OPTIONS, STORAGE, Option
from prs.config.policy_edit import edit, wrong_lines
from prs.config.resolve import of_the_cluster
from prs.errors import ConfigError
from prs.web.api.said import code_of, said

OF_THE_POLICY = [option for option in OPTIONS if of_the_cluster(option.section, option.name)]
# Values that no option of that name allows, each for another reason.
WRONG = {
    "balancing.spread": ("500", "x", "5 # why"), "balancing.method": ("memry", "zzz"), "balancing.ignore_nodes": ("a b", "!pve1", "ä"),
    "balancing.weights": ("memory x", "memory 1, memory 2", "memory 500", "memory 0, cpu 0, disk 0"),
    "balancing.ignore_vms": ("200-100", "ä ö", "!5"), "balancing.only_over": ("300", "foo 3", "memory 200"),
    "service.schedule": ("foo", "25:99", "mon..xyz 03:00", "fri..mon 1:00", "2-30 03:00", "*:0/0", "1..70:00", "sat 03:00 more", "400d"),
    "service.quiet": ("xyz", "25:00-26:00", "mon..sun", "mon 08:00-08:00", "mon;" * 60), "service.after_return": ("30h", "x"),
    "service.paused_until": ("tomorrow",), "balancing.max_moves": ("0", "1.5"), "balancing.memory_reserve": ("-1",),
    "service.automation": ("of", "maybe"), "service.notify": ("loud",), "pool.web.keep": ("apartt",), "domains.r1": ("ä",),
    "guests.101": ("nver",), "guests.abc": ("ask",), "storages.local": ("a b",), "balancing.spraed": ("5",), "service.spread": ("5",),
    "service.log_level": ("info",), "proxmox.api_user": ("x",), "x": ("1",),
}  # fmt: skip


@pytest.mark.parametrize("option", OF_THE_POLICY, ids=lambda option: option.name)
def test_what_an_option_means_and_allows(option: Option) -> None:
    assert code_of(option.doc)
    assert code_of(option.allowed)


def test_what_a_named_section_allows() -> None:
    assert [one.allowed for one in (*POOL_OPTIONS, DOMAIN, STORAGE, GUEST) if not code_of(one.allowed)] == []


@pytest.mark.parametrize("key", WRONG)
def test_a_value_that_is_not_allowed(key: str) -> None:
    for value in WRONG[key]:
        with pytest.raises(ConfigError) as caught:
            edit("", {key: value})
        assert [words for words in caught.value.mistakes if not code_of(words)] == []


@pytest.mark.parametrize("text", [
    "[balancing]\nspraed: 5\nspread: 5\nspread: 6\n", "[foo]\nx: 1\n", "[servic]\nx: 1\n", "[service]\ndaemon: 1\n", "spread: 5\n",
    "y: 5\n", "[pool web]\nstrict: 1\n", "[pool web]\n", "[balancing]\nfoo\n",
])  # fmt: skip
def test_a_line_of_a_policy_that_was_edited_by_hand(text: str) -> None:
    found = wrong_lines(text)
    assert found
    for line, words in found.items():
        sentence = f"/etc/pve/proxmox-rebalancing-service/policy.conf line {line}: {words}"
        assert said({"mistakes": [sentence], "words": words}).keys() == {sentence, words}
