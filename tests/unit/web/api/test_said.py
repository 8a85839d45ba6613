"""The service's sentences as codes: found as a whole or not at all, with nothing lost, and a table without what nobody says."""

from __future__ import annotations

import ast
import re
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any, get_args

import pytest

from prs.engine.execution.breaker import HELD_UP
from prs.engine.journal.jobs import JobState
from prs.engine.rolling.hooks import Hook
from prs.errors import JobConflict
from prs.model import Plan, Policy
from prs.planner.plan import plan_balance, plan_day, plan_drain
from prs.planner.supposed import Suppose, supposed
from prs.pve.read.resources import UNLISTED, UNTRUE
from prs.web.api.said import FIELDS, KINDS, code_of, said
from prs.web.api.sentences import SENTENCES
from prs.web.api.validate import mistakes
from prs.web.server import unread
from unit.planner.test_coming_day import scene

ROOT = Path(__file__).parents[4]
STORIES = sorted((ROOT / "tests" / "scenarios").glob("*/expected.log"))
TOLD = re.compile(
    r"(?:plan|note): (.+)|(?:blocker: .*?\)|move: .*? -> \S+|stay: .*?\) on \S+): (.+)|step .*?: [a-z]+ \((.+)\)|job [a-z]+: (.+)"
)
# Whole sentences that stay English: PVE's own words, and what an administrator has written or has to mend by hand.
ENGLISH = re.compile(r"migration problems: ")


def told() -> set[str]:
    """Every sentence of the stories' logs."""
    lines = {line for story in STORIES for line in story.read_text(encoding="utf-8").splitlines()}
    return {next(filter(None, match.groups())) for line in lines if (match := TOLD.fullmatch(line))}


def worded(code: Any) -> str:
    """A code in English again."""
    if isinstance(code, (str, list)):
        return str(code) if isinstance(code, str) else ", ".join(map(worded, code))
    text = str(code["by"]).join(map(worded, code["all"])) if "all" in code else str(code["code"])
    for name, value in code.get("with", {}).items():
        text = text.replace("{" + name + "}", worded(value))
    return text + str(code.get("end", ""))


def test_what_the_stories_say_is_coded_but_for_the_words_of_others() -> None:
    sentences = told()
    assert len(sentences) > 130
    assert {text for text in sentences if not ENGLISH.search(text) and code_of(text) is None} == set()


def test_a_code_says_all_that_the_sentence_says() -> None:
    for text in told():
        if code := code_of(text):
            again, plain = (one.replace(" and ", ", ") for one in (worded(code), text))
            assert again.lower() == plain.lower()


def words_of(plan: Plan) -> list[str]:
    """All sentences of a plan."""
    reasons = [*(move.reason for move in plan.moves), *(stay.reason for stay in (*plan.stays, *plan.blockers))]
    return [plan.summary, *plan.warnings, *reasons, *([plan.headroom.sentence] if plan.headroom else [])]


@pytest.mark.parametrize("seed", range(6))
def test_plans_of_every_kind_say_nothing_that_is_not_coded(seed: int) -> None:
    """By every resource and kind of memory, in a budget, by thresholds, by pressure, for the coming day, and of what is only supposed."""
    cluster, forecast = scene(seed)
    chance = Random(seed)
    pick = chance.choice
    nodes = [replace(node, pressure_memory=pick((None, 0.0, 0.3)), pressure_cpu=pick((0.0, 0.2))) for node in cluster.nodes]
    cluster = replace(cluster, nodes=tuple(nodes))
    policy = Policy(method=pick(("memory", "cpu", "disk", "all")), memory=pick(("used", "assigned", "reserved")),
                    max_moves=pick((None, 1, 3)), spread=pick((0.02, 0.1, 0.4)))
    policies = (policy, replace(policy, memory="used"), replace(policy, only_over=(("memory", 0.9), ("cpu", 0.9))),
                replace(policy, idle_under=0.9), policy.levelling("pressure"))
    plans = [plan for one in policies for plan in (plan_balance(cluster, one, 0.0), plan_day(cluster, one, 0.0, forecast))]
    plans += [plan_drain(cluster, policy, "n1", 0.0, leave=leave) for leave in (False, True)]
    then = supposed(cluster, Suppose(((64 * 2**30, 16.0),), 1.5, "n1")).problems
    said_there = [text for plan in plans for text in words_of(plan) if text]
    assert [text for text in (*said_there, *then) if code_of(text) is None] == []


@pytest.mark.parametrize("way", ["", " from pve1", " to pve2", " from pve1 to pve2"])
def test_why_a_job_has_stopped_by_itself_is_coded(way: str) -> None:
    for how, meanwhile in (("Resume", HELD_UP), ("`resume 7f3a`", "else the next scheduled run of this host takes its place")):
        failed = f"3 migrations in a row failed alike{way}: migration failed: storage 'a' is not available"
        assert code_of(f"{failed}; once that is mended, {how} goes on with the other 5; {meanwhile}")


def test_what_the_clusters_own_list_shows_is_coded() -> None:
    for text in ("1 guest is still on pve1 by the cluster's own list, hidden from a@pve; all others that ran have left it",
                 "2 guests are still on pve1 by the cluster's own list, hidden from a@pve; 1 guest is still on pve1: 101 (db)"):
        assert code_of(text), text


@pytest.mark.parametrize("problem", [UNLISTED, UNTRUE, "PVE shows no load of it (reading it needs Sys.Audit on the node)"])
def test_why_a_node_or_a_guest_is_not_used_is_coded(problem: str) -> None:
    for text in (f"Node pve2: {problem}.", f"pve2 is excluded: {problem}", f"its node pve2 is left alone: {problem}",
                 f"its load is not known: {problem}", f"its state is not known: {problem}",
                 f"Nothing can be levelled: fewer than two nodes can take part. Left out: pve2 ({problem})."):
        assert code_of(text), text


@pytest.mark.parametrize("also", ["", " 102 (b) cannot leave (is locked (backup))."])
@pytest.mark.parametrize("why", [
    "No way was found to empty pve1: no place was found for 100 (a), 101.",
    "pve1 cannot be emptied, which is proven impossible: there is no place for 100 (a): all that have to leave need 9.0 cores of CPU, "
    "and 8.0 are free on the other nodes together.",
    "pve1 cannot be emptied, which is proven impossible with all rules kept: there is no place for 100 (a) and 101 (b): all that have to "
    "leave need 9.0 GiB of assigned memory, and 8.0 GiB are free on the other nodes together.",
])  # fmt: skip
def test_why_a_drain_is_refused_is_coded_whatever_else_is_said_with_it(why: str, also: str) -> None:
    assert code_of(f"{why}{also} Nothing is moved.")


@pytest.mark.parametrize("text", [
    "without pve2 only 1 of 3 votes are left, too few for a quorum; the QDevice is not connected",
    "without pve2 only 1 of 2 nodes are left, too few for a quorum; a QDevice would give the third vote (pvecm qdevice setup)",
    "pve3 is offline", "pve3 is in HA state fence", "guests are being migrated (101, 102)", "there is no replica of 101 to pve2 yet",
    "No service of another node is there to carry the round while pve1 reboots.", "a round of maintenance is under way",
    "Rolling maintenance is under way already: round 0123456789ab of root@pam, carried by pve2.",
    "needs VM.Migrate on /vms, with propagation, and on every guest", "2 of the guests of pve3 cannot be seen",
    "is shut down once all others have left, and started again when pve1 is released",
    "before pve2: the cluster has no quorum", "after the reboot of pve2: 101 (a), 102 should have started with pve2 and do not run",
    "before the reboot of pve2: on pve2 run a backup of 101, a clone of 102", "before pve2: replication runs of 101 to pve2, 102 to pve3",
    "before pve2: the replication of 101 to pve3 has failed once; there is no replica of 102 to pve3 yet", "pve2 reboots",
    "pve2 was told to reboot and is not back after 30 minutes", "the site's hook before-drain runs for pve2",
    "101 (a) is a template, which may stay as it is; there is no guest 4711 that could be shut down",
])  # fmt: skip
def test_what_speaks_against_a_round_is_coded(text: str) -> None:
    assert code_of(text)


@pytest.mark.parametrize("text", [
    "pool Prod and Test keeps it apart from 101 (t) on pve2, pve3 is excluded: ignored by the configuration",
    "Nothing is moved: 2 guests that cannot leave stay on pve1.",
    "pve1 cannot be emptied: 1 guest there is hidden from adm@pve (VM.Audit)",
    "1 guest of pve1 is hidden from team@pve",
    "storage src is not available on pve2; storage dst of pve2 does not take content type images",
    "has snapshots of local disk local-zfs:vm-100-disk-0, which cannot be moved while the VM runs; delete them or shut it down",
    "mounts directory /srv/data of its node (mp0); mark it as shared if every node has it",
    "HA group only wants it on pve1 only, where no guest can go now",
    "ignore_nodes names pve?0, but no node of this cluster is called that (did you mean 'pve2'?).",
    "is on pve1 with 101 (w1), from which tag plb_anti_affinity_w keeps it apart; "
    "no way was found to part them within the limits and the budget",
])  # fmt: skip
def test_reasons_and_warnings_of_odd_clusters_are_coded(text: str) -> None:
    assert code_of(text)


@pytest.mark.parametrize("text", [
    "waiting: pve2 is to enter HA maintenance mode, at most 90 seconds", "waiting: pve2 is to leave HA maintenance mode, at most 2 minutes",
    "2 of 2 migrations done; the HA manager did not put pve2 into maintenance mode",
    "the HA manager did not take pve2 out of maintenance mode",
    "only HA maintenance mode keeps it from being taken back to pve2: the HA manager is idle",
    "only HA maintenance mode keeps it from being taken back to pve2, and that stays off while others under HA stay",
    "Ceph's flag noout is not set (Permission check failed): if pve2 stays away for long, Ceph copies its data elsewhere.",
    "Ceph's flag noout is still set (timed out); the service takes it back, or: ceph osd unset noout",
    "no service of another node is there to carry the round while pve2 goes down",
    "no answer to the reboot request, which may have been carried out all the same: timed out",
])  # fmt: skip
def test_the_switching_of_ha_and_of_cephs_flag_is_coded(text: str) -> None:
    assert code_of(text)


def test_what_is_wrong_with_a_request_is_coded() -> None:
    limited = {
        "type": "object", "required": ["name"], "additionalProperties": False, "properties": {
            "name": {"type": "string", "minLength": 2, "maxLength": 3, "pattern": "^a"},
            "kind": {"enum": ["x", "y"]}, "on": {"type": "boolean"},
            "list": {"type": "array", "minItems": 1, "maxItems": 2, "uniqueItems": True, "items": {"minimum": 1, "maximum": 9}},
        },
    }  # fmt: skip
    values: tuple[object, ...] = ([], {}, {"name": "b"}, {"name": "abcd", "kind": 1}, {"name": "ab", "on": 1, "more": 1, "list": []},
                                  {"name": "ab", "list": [0, 0, 10]})  # fmt: skip
    found = [words for value in values for words in mistakes(limited, value)]
    assert len(found) >= 12
    assert [words for words in found if code_of(words) is None] == []


HOOK = "the site's hook after-drain"
OUTPUTS = ("", "E: no disk; none: at all")
HOOKS = [*(Hook("after-drain", "failed", code, said_there) for code in (3, None) for said_there in OUTPUTS),
         *(Hook("after-drain", "hung", None, said_there, seconds=1800.0) for said_there in OUTPUTS),
         *(Hook("after-drain", "stopped", None, said_there) for said_there in OUTPUTS)]  # fmt: skip


@pytest.mark.parametrize("text", [
    *(f"{hook.trouble} (resume runs it again)" for hook in HOOKS),
    Hook("after-drain", "unknown", host="pve2").trouble, f"{HOOK} could not be run: pve2, which carries the round, has no such hook",
    f"{HOOK} could not be run: no hook was run: /etc/h/after-drain is not executable: chmod +x /etc/h/after-drain, or remove it",
    "A hook of this site cannot be run: /etc/h/a belongs to user 33, and has to belong to root; the helper gave no answer.",
    f"pve2: {HOOK} ended with exit status 1: boom; skipped by the user",
    "waiting: 105 (gpu) and 106 are shut down, at most 7 minutes", "waiting: 105 (gpu) is started again, at most 10 minutes",
    "2 of 3 migrations done; 105 (gpu) did not shut down: it still runs after 5 minutes; 106 is shut down until pve2 is released",
    "105 (gpu) was off already", "105 (gpu) PVE does not shut it down: VM is locked (backup)",
    "pve2 is empty but for 105, 106, which are shut down until then: the cluster shows no other guest on it",
    "pve2 was not emptied: 105 (gpu) did not shut down: timeout", "pve2 is not rebooted: 105 (gpu), 107 are on it again",
    "not every guest is back on pve2: not home: 105 (gpu) is on pve3: is locked (backup), 106 is on pve1; 1 of 2 migrations done",
    "before pve2: Ceph reports HEALTH_ERR: OSD_DOWN (1 osds down)", "before pve2: Ceph cannot do without osd.1 (unsafe), mon.a of pve2 now",
    "before pve2: on pve2 services of PVE do not run: pvestatd (dead)", "before pve2: the HA manager is at work (101 (a): migrate)",
    "before pve2: PVE does not answer: timed out", "PVE does not reboot pve2: Permission check failed (/nodes/pve2, Sys.PowerMgmt)",
    "prs@pve!daemon may not reboot pve2: it needs Sys.PowerMgmt on /nodes/pve2 (setup --reboot grants it)",
    "the helper takes too long; pve2 is kept empty (release pve2), and until then shut down: 105, 106",
    "the other hosts could not be told that pve2 is kept empty: refused: there is no node pve2",
    "pve2 is kept empty: refused: only 'hold ...' are known", "pve2 is kept empty: the helper does not answer: Connection refused",
    "pve2 is empty, and waits until the round is resumed",
    "locked (migrate), but no task of it is to be found: look at the task list of pve1", "timed out; the guest is still on pve1",
    "pve1 no longer has it and PVE does not show where it is: no route", "101 (a) is locked (migrate) on pve1: qm unlock 101",
    "waiting: no place is known yet for 101 (a) and 102, which are still on pve1, at most 10 minutes",
    "waiting: guests are gone from PVE's list, which is looked at a second time, at most 10 seconds",
    "The request cannot be understood.", *unread._LIMITS.values(), unread._BROKEN,
    "Not possible: job 0123456789ab is still at work on pve2: wait for it or cancel it.", "pve2 takes guests.",
    "pve2 is kept empty since its drain (job 0123456789ab by root@pam on pve1, 2026-01-02 03:04 UTC) until it is released",
])  # fmt: skip
def test_hooks_rides_helpers_and_refusals_are_coded(text: str) -> None:
    code = code_of(text)
    assert code
    again, plain = (re.sub(" and |, |: ", " ", one) for one in (worded(code), text))
    assert again == plain


def test_what_the_helper_refuses_is_not_taken_for_the_name_of_a_node() -> None:
    code = code_of("pve2 is kept empty: refused: there is no node pve3")
    assert code
    assert code["with"]["words"]["code"] == "refused: {words}"


@pytest.mark.parametrize("deep", ["a: ", "1 ", "1 (a) ", "PVE does not answer: ", "before a: "])
def test_sentences_within_one_another_without_end_are_no_sentence_of_ours(deep: str) -> None:
    code_of(deep * (790 // len(deep)) + "offline")


def test_a_quotation_takes_nothing_along_that_is_not_part_of_it() -> None:
    code = code_of("before pve2: PVE does not answer: it is late; the cluster has no quorum")
    assert code
    assert code["with"]["words"] == {"by": "; ", "all": [{"code": "PVE does not answer: {told}", "with": {"told": "it is late"}},
                                                       {"code": "the cluster has no quorum", "with": {}}]}  # fmt: skip


@pytest.mark.parametrize("state", get_args(JobState))
def test_what_became_of_a_job_is_coded(state: str) -> None:
    outcome = f"job 0123456789ab is {state}: 2 of 3 migrations done"
    assert set(said({"outcome": outcome})) == {outcome}


PLACES = ("new guest on a", "new guest 1 on a and new guest 2 on b", "new guest on a, like 101 on b and like 7 on c")


@pytest.mark.parametrize("places", PLACES)
def test_where_new_guests_are_to_go_is_coded(places: str) -> None:
    assert code_of(f"Best: {places}")


@pytest.mark.parametrize("about", ["drain of pve2 by root@pam", "migrations by ann@pve!t"])
def test_that_a_run_was_not_started_is_coded(about: str) -> None:
    assert code_of(f"Nothing to do: fewer than two nodes can take part. Not started: {JobConflict('0123456789ab', (101, 102), about)}")


def test_what_kind_of_rule_it_is_is_worded_too() -> None:
    code = code_of("tag plb_affinity_x keeps it apart from 108 (web02) on pve2")
    assert code
    assert code["with"]["rule"] == {"code": "tag {name}", "with": {"name": "plb_affinity_x"}}
    code = code_of("pool a and b keeps it apart from 108 (web02) on pve2")
    assert code
    assert code["with"]["rule"] == {"code": "pool {name} and {name2}", "with": {"name": "a", "name2": "b"}}


@pytest.mark.parametrize("text", [
    "", "PVE refuses pve1: no such luck", "is locked (backup); and something that nobody knows", "waiting: " + "x; " * 400,
    "101 (a) cannot leave (is locked (x)) and more", "needs 1 GiB of memory, pve1 has <b>2</b> free", "Best: pve1; drop table",
])  # fmt: skip
def test_a_sentence_that_is_not_known_as_a_whole_has_no_code(text: str) -> None:
    assert code_of(text) is None


def test_only_sentences_of_an_answer_are_coded_and_each_once() -> None:
    answer = {"name": "offline", "stays": [{"reason": "is locked (backup)", "name": "it is here"}] * 2, "warnings": ["there is no node x"]}
    assert set(said(answer)) == {"is locked (backup)", "there is no node x"}


def test_the_panel_words_the_fields_that_the_service_codes() -> None:
    """One that the panel does not know would stay English, whatever the language."""
    text = (Path(__file__).parents[4] / "pve-ui/src/base/Said.js").read_text()
    listed = text.partition("fields: new Set([")[2].partition("])")[0]
    assert set(re.findall(r"'(\w+)'", listed)) == FIELDS


def test_parameters_are_of_a_known_kind_and_each_is_there_once() -> None:
    for template in SENTENCES:
        names = re.findall(r"\{([^}]*)\}", template)
        assert {name.rstrip("0123456789") for name in names} <= set(KINDS)
        assert len(names) == len(set(names))
    assert len(SENTENCES) == len(set(SENTENCES))


def texts() -> str:
    """All that the service's modules but the table may say, one constant a line."""
    found = list[str]()
    for path in sorted((ROOT / "backend" / "prs").rglob("*.py")):
        if path.parent.name != "sentences":
            nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            found += [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return "\n".join(found)


def put_together(words: str, known: str, pieces: int = 5) -> bool:
    """Whether the words are found in the modules, in at most so many pieces."""
    words = words.strip(" .,:;()")
    if not words or words in known:
        return True
    ends = [at for at, letter in enumerate(words) if letter == " " and words[:at].strip(" .,:;()") in known]
    return pieces > 1 and bool(ends) and put_together(words[ends[-1]:], known, pieces - 1)


def test_the_table_has_nothing_that_the_service_does_not_say() -> None:
    known = texts()
    assert not put_together("is locked by a backup on tuesdays in zagreb", known)
    parts = {template: re.split(r"\{\w+\}", template) for template in SENTENCES}
    assert [template for template, found in parts.items() if not all(put_together(part, known) for part in found)] == []
