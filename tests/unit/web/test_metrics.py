"""The text of the figures: what prometheus_client's strict parser reads from it, and that rules and dashboard name nothing else."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from prs.engine.journal.automation import Automation, Balancing
from prs.engine.journal.totals import Totals
from prs.model import Move, Plan
from prs.web.metrics import Known, families
from prs.web.openmetrics import of, text

DOCS = Path(__file__).parents[3] / "docs/monitoring"
STATE = Automation("pve1", next_run=2e9, last_run=1.9e9, plan="0123456789ab")
BALANCING = Balancing("pve1", "suggest", "memory", 0.05, False, None, None, 86400.0, STATE)
PLAN = Plan("balance", "memory", created=1.9e9, moves=(Move(101, "web", "qemu", "pve1", "pve2"),), spread_before=0.3, spread_after=0.1,
            spread_reachable=0.05)  # fmt: skip
TOTALS = Totals({("balance", "done"): 2}, {"done": 3, "failed": 1}, {"done": 2**33}, {"drain": 1})


def node(name: str, **more: Any) -> dict[str, Any]:
    loads = {kind: {"load": 0.25, "total": 8} for kind in ("memory", "cpu", "disk")}
    return {"name": name, "online": True, "problem": "", "active": True, "held": None, **loads, **more}


def cluster(*nodes: dict[str, Any]) -> dict[str, Any]:
    guests = [{"problem": ""}, {"problem": "no reading"}]
    return {"taken": 1990.0, "quorate": True, "spread": {"memory": 0.5, "cpu": 0.0, "disk": 0.0}, "nodes": list(nodes), "guests": guests}


def read(known: Known) -> dict[str, float]:
    """sample{labels} -> value, as the parser reads it."""
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(text(families(known))):
        for sample in family.samples:
            found[sample.name + "".join(f"|{value}" for value in sample.labels.values())] = sample.value
    return found


FULL = Known(2000.0, True, cluster(node("pve1", held={"node": "pve1"}), node("pve2", problem="no figures")), BALANCING, TOTALS, PLAN,
             {"service": {"answered": 7}, "web": {"failed": 1}})  # fmt: skip


def test_the_parser_reads_what_is_known() -> None:
    found = read(FULL)
    assert found["prs_spread_ratio|memory"] == 0.5
    assert (found["prs_node_load_ratio|pve1|cpu"], found["prs_node_held|pve1"], found["prs_node_held|pve2"]) == (0.25, 1, 0)
    assert "prs_node_load_ratio|pve2|cpu" not in found, "a load that is not known is no zero"
    assert (found["prs_guests|unknown"], found["prs_readings_age_seconds"]) == (1, 10)
    assert (found["prs_migrations_total|failed"], found["prs_migrated_bytes_total|done"]) == (1, 2**33)
    assert (found["prs_jobs_ended_total|balance|done"], found["prs_jobs_open|drain"], found["prs_jobs_open|balance"]) == (2, 1, 0)
    assert (found["prs_plan_spread_ratio|memory|reachable"], found["prs_plan_moves"]) == (0.05, 1)
    assert (found["prs_balancing_info|suggest|memory|pve1"], found["prs_balancing_suggested"]) == (1, 1)
    assert found["prs_pve_requests_total|service|answered"] == 7


def test_what_is_not_known_is_left_out() -> None:
    found = read(Known(2000.0, False, None, None, Totals()))
    assert (found["prs_service_up"], found["prs_readings_usable"]) == (0, 0)
    assert not [name for name in found if name.startswith(("prs_spread", "prs_node", "prs_guests", "prs_plan", "prs_balancing"))]


@pytest.mark.parametrize("name", ['a"b', "back\\slash", "two\nlines", "ümlaut 😀", "", "a} 1\n# EOF"])
def test_a_label_is_read_back_as_it_was(name: str) -> None:
    (family,) = text_string_to_metric_families(text([of("prs_x", "gauge", f"Help {name}", [({"node": name}, 1.5)])]))
    assert [(sample.labels, sample.value) for sample in family.samples] == [({"node": name}, 1.5)]


def test_rules_dashboard_and_page_name_just_what_there_is() -> None:
    told = {name.partition("|")[0] for name in read(FULL)}
    files = ("alerts.yml", "grafana-dashboard.json", "README.md")
    used = {name: set(re.findall(r"\bprs_[a-z_]+", (DOCS / name).read_text())) for name in files}
    assert used["README.md"] == told
    assert used["alerts.yml"] | used["grafana-dashboard.json"] <= told
    assert len(json.loads((DOCS / "grafana-dashboard.json").read_text())["panels"]) > 10
