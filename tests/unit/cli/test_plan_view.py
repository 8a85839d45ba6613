"""What people read: plans, nodes, findings, jobs and steps."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from prs.cli.job_view import fraction, job_end, job_page, jobs_page, step_event
from prs.cli.plan_view import finding_text, findings_summary, loads_table, plan_page
from prs.engine.journal.jobs import StepState
from prs.model import Node, NodeLoad, Plan, Stay, Term
from prs.pve.check.findings import Finding
from prs.terminal import Style, columns
from unit import samples

RICH = Style(100, 30, unicode=True)
HOSTILE = "db\x1b[2J\u202e01\r\n"
SAFE = "db\\x1b[2J\\u202e01"


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.localtime", __import__("time").gmtime)


def test_a_plan() -> None:
    page = plan_page(samples.CLUSTER, replace(samples.PLAN, warnings=("one\nwarning",)), RICH)
    assert page == """Level memory: 3 migrations, 29.5 GiB to copy, about 1:21
Levels memory from 65 to 3 points.
! one warning

Nodes, now and after the plan
  NODE  GUESTS  MEMORY NOW       AFTER            CPU
  pve1  8 → 5   █████████░  86%  ██████░░░░  55%  62% → 40%
  pve2  3 → 4   █████░░░░░  52%  █████░░░░░  54%  31% → 33%
  pve3  1 → 3   ██░░░░░░░░  21%  █████░░░░░  52%  12% → 32%
  Spread 65 points, 3.0 after the plan. Best reachable with any number of migrations: 2.1.

Planned migrations, in this order
  #  GUEST          FROM  TO        COPY  TIME  WHY
  1  102 (db01)     pve1  pve3  16.0 GiB  0:41  takes pve1 from 86% to 68%; the largest gain per GiB
  2  104 (mail)     pve1  pve3   9.5 GiB  0:26  levels pve1 and pve3; through the HA manager
  3  106 (ct-dns1)  pve1  pve2   4.0 GiB  0:14  last 4 points of spread; restarts the container

Guests that stay, and why (2)
  GUEST        NODE  WHY
  100 (web01)  pve1  must stay with 101 (web02): HA resource affinity
  103 (db02)   pve1  uses PCI device hostpci0
"""


def test_what_a_plan_changes_beside_the_spread() -> None:
    terms = (Term("spread over the aim", 1.0, 0.5, 0.0), Term("deviation", 0.0, 0.271, 0.012), Term("moving", 1.0, 0.0, 81.0),
             Term("guests off the nodes that rules prefer", 60.0, 1, 1), Term("largest free memory", 0.0, 90 * 2.0**30, 60.5 * 2.0**30))
    page = plan_page(samples.CLUSTER, replace(samples.PLAN, terms=terms, cost=90.0), RICH)
    text = page.replace("\n  ", " ")
    assert " Moving takes 1:30 one after the other; deviation 0.271 → 0.012; largest free memory 90.0 GiB → 60.5 GiB." in text


def test_a_plan_without_moves_says_why() -> None:
    calm = replace(samples.PLAN, moves=(), stays=(), after=(), summary="the nodes differ by 3 points, no more than the 5 that are allowed")
    page = plan_page(samples.CLUSTER, calm, RICH)
    assert page.startswith("Level memory: the nodes differ by 3 points, no more than the 5 that are allowed\n")
    assert "AFTER" not in page
    assert "Planned" not in page


def test_a_drain_that_cannot_succeed_names_each_guest() -> None:
    blockers = (Stay(103, "db02", "pve1", "uses PCI device hostpci0"), Stay(110, "", "pve1", "locked: backup"))
    summary = "pve1 cannot be emptied, so nothing is moved"
    plan = Plan("drain", "memory", "pve1", blockers=blockers, before=samples.PLAN.before, summary=summary)
    page = plan_page(samples.CLUSTER, plan, RICH)
    assert page.startswith("Drain pve1: pve1 cannot be emptied, so nothing is moved\n")
    assert page.endswith("""What keeps pve1 from being emptied (2 guests)
  GUEST       NODE  WHY
  103 (db02)  pve1  uses PCI device hostpci0
  110         pve1  locked: backup
""")


def test_many_guests_that_stay_are_shown_by_reason() -> None:
    stays = tuple(Stay(number, f"g{number}", "pve1", "balanced" if number < 150 else f"reason {number}") for number in range(100, 200))
    page = plan_page(samples.CLUSTER, replace(samples.PLAN, stays=stays), RICH)
    lines = page.partition("Guests that stay, and why (100)\n")[2].splitlines()
    assert lines[0].split() == ["COUNT", "WHY", "GUESTS"]
    assert lines[1].split(maxsplit=2) == ["50", "balanced", "100 (g100), 101 (g101), 102 (g102), 103 (g103), 104 (g104), 105 (g105) and 44"]
    assert lines[2].split() == ["more"]
    assert lines[3].split() == ["1", "reason", "150", "150", "(g150)"]
    assert lines[-1] == "  31 guests more for 31 other reasons; --json lists all."


def test_notes_beside_nodes() -> None:
    names = ("drained", "gone", "sick", "kept", "left", "fine")
    loads = tuple(NodeLoad(name, 0.5, 0, 0, 1, active=name == "fine") for name in names)
    nodes = (Node("drained"), Node("gone", online=False), Node("sick", problem="no metrics\nfor 5 minutes"), Node("kept", ha="maintenance"))
    found = loads_table(replace(samples.CLUSTER, nodes=nodes), loads, (), "memory", Style(), "drained")
    notes = [line.partition("50%")[2].strip() for line in found.splitlines()[1:]]
    assert notes == ["is drained", "offline", "no metrics for 5 minutes", "in HA maintenance", "left alone", ""]


@pytest.mark.parametrize(("method", "first"), [("memory", "MEMORY"), ("cpu", "CPU"), ("disk", "DISK"), ("all", "MEMORY")])
def test_the_method_leads_the_table_of_nodes(method: str, first: str) -> None:
    loads = (NodeLoad("a", 0.1, 0.2, 0.3, 1),)
    heads = loads_table(samples.CLUSTER, loads, (), method, Style()).splitlines()[0].split()
    assert heads[2:4] == [first, "NOW"]
    assert {*heads[4:], first} == {"MEMORY", "CPU", "DISK"}


@pytest.mark.parametrize("width", [80, 100, 200])
def test_pages_fit_the_terminal(width: int) -> None:
    style = Style(width, 24)
    pages = [plan_page(samples.CLUSTER, samples.PLAN, style), jobs_page([samples.running(), samples.ended()], samples.NOW, style)]
    assert max(columns(line) for page in pages for line in page.splitlines()) <= width


def test_hostile_names_are_harmless_on_every_page() -> None:
    plan = replace(
        samples.PLAN, node=HOSTILE, summary=HOSTILE, warnings=(HOSTILE,),
        moves=tuple(replace(move, name=HOSTILE, source=HOSTILE, target=HOSTILE, reason=HOSTILE) for move in samples.PLAN.moves),
        stays=(Stay(1, HOSTILE, HOSTILE, HOSTILE),) * 30, blockers=(Stay(1, HOSTILE, HOSTILE, HOSTILE),),
        before=(NodeLoad(HOSTILE, 0.5, 0.5, 0.5, 1),),
    )  # fmt: skip
    cluster = replace(samples.CLUSTER, problems=(HOSTILE,), nodes=(Node(HOSTILE, problem=HOSTILE),))
    job = samples.ended()
    steps = tuple(replace(step, name=HOSTILE, source=HOSTILE, target=HOSTILE, message=HOSTILE, upid=HOSTILE) for step in job.steps)
    job = replace(job, id=HOSTILE, user=HOSTILE, message=HOSTILE, kind="drain", node=HOSTILE, plan=plan, steps=steps)
    pages = [
        plan_page(cluster, plan, RICH), plan_page(cluster, replace(plan, kind="drain"), RICH), job_page(job, samples.NOW, RICH),
        jobs_page([job], samples.NOW, RICH), job_end(job, RICH), finding_text(Finding(HOSTILE, False, HOSTILE, HOSTILE), RICH),
        *(step_event(step, RICH) + "\n" for step in steps),
    ]  # fmt: skip
    for page in pages:
        assert SAFE in page.replace("\n", " ")
        assert "\x1b" not in page
        assert "\r" not in page
        assert "\u202e" not in page


def test_a_running_job() -> None:
    page = job_page(samples.running(), samples.NOW + 50, RICH)
    assert page == """Job 7: level memory, running (by root@pam, created 2026-11-18 11:06, running for 0:50)

Migrations (1 of 3 done)
  #  GUEST          FROM  TO    STATE    TIME  DETAIL
  1  102 (db01)     pve1  pve3  done     0:39
  2  104 (mail)     pve1  pve3  running  0:11  31%, 2.9 of 9.5 GiB, 391 MiB/s, 0:17 left
  3  106 (ct-dns1)  pve1  pve2  planned
"""


def test_the_list_of_jobs() -> None:
    drain = replace(samples.QUEUED, id="8", kind="drain", node="pve2")
    assert jobs_page([samples.ended(), drain], samples.NOW + 50, RICH) == (
        "JOB  WHAT          STATE    BY        CREATED       TOOK  MOVED  MESSAGE\n"
        "7    level memory  partial  root@pam  Nov 18 11:06  1:10    1/3  2 guests were not moved\n"
        "8    drain pve2    queued   root@pam  Nov 18 11:06          0/3\n"
    )
    assert jobs_page([], samples.NOW, RICH) == "No jobs yet.\n"


def test_the_end_of_a_job_names_what_was_not_moved() -> None:
    assert job_end(samples.ended(), Style()) == f"""Partial: 1 of 3 migrations done, 16.0 GiB copied in 1:10.
2 guests were not moved

Not moved (2 guests)
  #  GUEST          FROM  TO    STATE    TIME  DETAIL
  2  104 (mail)     pve1  pve3  failed   0:21  migration aborted; look at task {samples.UPID}
  3  106 (ct-dns1)  pve1  pve2  skipped        locked: backup is running
"""


def test_a_task_stays_in_one_piece_for_copying() -> None:
    assert samples.UPID in job_end(samples.ended(), Style(72, 24))


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        ("starting", "is starting"),
        ("running", f"is migrating as {samples.UPID}"),
        ("verifying", "task ended, waiting to see it on pve3"),
        ("done", "seen on pve3 after 0:21"),
        ("failed", f"failed after 0:21: migration aborted (look at task {samples.UPID})"),
        ("skipped", "skipped: migration aborted"),
        ("cancelled", "cancelled after 0:21: migration aborted"),
        ("unknown", f"outcome unknown: migration aborted (look at task {samples.UPID})"),
    ],
)
def test_a_sentence_for_each_state_of_a_step(state: StepState, sentence: str) -> None:
    step = replace(samples.ended().steps[1], state=state)
    assert step_event(step, Style(unicode=True)) == f"104 (mail) pve1 → pve3: {sentence}"


def test_a_step_is_full_only_when_it_is_done() -> None:
    step = samples.running().steps[1]
    assert fraction(replace(step, done=step.total)) == 0.99
    assert fraction(replace(step, state="done", done=0)) == 1.0
    assert fraction(replace(step, total=0)) == 0.0


def test_findings() -> None:
    finding = Finding("TLS", False, "the certificate is not trusted", "set ca_file")
    assert finding_text(finding, RICH) == "✗ TLS: the certificate is not trusted\n    → set ca_file\n"
    assert finding_text(finding, Style()) == "XX TLS: the certificate is not trusted\n    -> set ca_file\n"
    assert finding_text(finding, replace(RICH, colour=True)).startswith("\x1b[31m✗\x1b[0m TLS")
    assert [finding_text(Finding("x", ok, "y"), RICH) for ok in (True, None)] == ["✓ x: y\n", "! x: y\n"]
    assert [findings_summary(count) for count in (0, 1, 2)] == ["No problem found.", "1 problem found.", "2 problems found."]


def test_rules_without_which_a_drain_could_be_done_are_named() -> None:
    refused = replace(samples.PLAN, moves=(), blockers=samples.PLAN.stays[:1], relaxable=("tag plb_a", "pool db"))
    assert "It could be emptied while tag plb_a, pool db may be broken: --relax" in plan_page(samples.CLUSTER, refused, RICH)
    assert "--relax" not in plan_page(samples.CLUSTER, replace(refused, relaxable=()), RICH)


def test_what_a_drain_saw_at_its_end_is_told_with_the_time_of_that() -> None:
    """Its node may have guests again since; what a job that runs says is of now."""
    over = replace(samples.ended(), kind="drain", node="pve1", ended=samples.NOW, message="pve1 is empty: the cluster shows no guest on it")
    at = time.strftime("%b %d %H:%M", time.localtime(samples.NOW))
    for page in (jobs_page([over], samples.NOW, RICH), job_page(over, samples.NOW, RICH)):
        assert f"at {at}: pve1 is empty" in page
    waits = replace(over, ended=0.0, state="running", message="waiting for quorum")
    assert " at " not in jobs_page([waits], samples.NOW, RICH)
