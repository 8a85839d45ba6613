"""The served description is true: schemathesis sends what it allows, and what it does not, and holds every answer against it."""

from __future__ import annotations

import os
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)

from integration.web_house import House, house
from simcluster.scenes import small

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
EXAMPLES = int(os.environ.get("PRS_FUZZ_EXAMPLES", "6"))
# Of a call without a body, where only an id, a name or a word of a query can be another one: most are a process of the inbox each.
WITHOUT_BODY = min(EXAMPLES, 30)
SECONDS = float(os.environ.get("PRS_FUZZ_SECONDS", "inf"))  # after which no more is sent to a call; at its end the run tells what was
SEED = os.environ.get("PRS_FUZZ_SEED", "")  # none: the same each time
LIMITS = settings(
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
Case = Any  # schemathesis.Case takes type arguments that say nothing here
# Calls that can succeed with nothing but the right form, no job and no helper.
REACHABLE = {"GET /healthz", "GET /realms", "GET /status", "GET /cluster", "POST /plans", "GET /plans/{id}", "GET /jobs",
             "POST /placements"}  # fmt: skip


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("home"), small(start=time.time())) as found:
        found.start_web()
        found.start_daemon()
        yield found


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_every_answer_is_as_described(home: House, mode: GenerationMode) -> None:
    root = home.log_in("root@pam")
    plan = ""
    seen: defaultdict[str, set[int]] = defaultdict(set)
    sent, end = Counter[str](), 0.0

    def check(case: Case) -> None:
        nonlocal plan
        if time.monotonic() > end:
            return
        sent[case.operation.label] += 1
        if mode is GenerationMode.POSITIVE and case.path == "/plans/{id}":
            # Made as late as this: of a user's plans the oldest ones go, and the calls before have made many.
            plan = plan or root.post("/plans", {"kind": "balance"})["id"]
            case.path_parameters["id"] = plan  # a random one never exists
        if mode is GenerationMode.POSITIVE and case.operation.label == "POST /placements" and case.operation.label not in seen:
            case.body = {"guests": [{"memory": 2**30}]}  # random ones ask for both kinds, or neither, or a guest that does not exist
        response = case.call(base_url=f"{home.url}/api/v1", headers=root.headers, verify=home.ca_file, timeout=120)
        if response.status_code == 429 and "More than" in response.text:  # only `make fuzz` asks for so much
            time.sleep(int(response.headers["retry-after"][0]))
            response = case.call(base_url=f"{home.url}/api/v1", headers=root.headers, verify=home.ca_file, timeout=120)
        seen[case.operation.label].add(response.status_code)
        # Query parameters that nobody knows are let pass, as PVE lets pass the `_dc` of its own pages; bodies are not.
        body = case.operation.method == "post" and case.operation.body and response.status_code < 300
        case.validate_response(response, checks=[*CHECKS, negative_data_rejection] if body else CHECKS)

    schema = schemathesis.openapi.from_dict(home.anyone().call("GET", "/openapi.json").json())
    found: list[Any] = list(schema.get_all_operations())
    operations = [result.ok() for result in found]
    for operation in operations:
        end = time.monotonic() + SECONDS
        explore(operation.as_strategy(generation_mode=mode), check, EXAMPLES if operation.body else WITHOUT_BODY)
    print(f"sent of {mode.value}, seed {SEED}: {dict(sent)}")
    if mode is GenerationMode.POSITIVE:
        assert {operation.label for operation in operations} == set(seen)
        assert {label for label, codes in seen.items() if codes & {200, 201}} >= REACHABLE
    else:
        assert len(seen) >= 8
        assert any(400 in codes for codes in seen.values())


def explore(strategy: Any, check: Callable[[Case], None], examples: int) -> None:
    """Send so much of what the strategy makes up; a call without parameters has no wrong form."""
    try:
        wrap: Any = given(strategy)
        test: Any = settings(LIMITS, max_examples=examples, derandomize=not SEED)(wrap(check))
        (seed(int(SEED))(test) if SEED else test)()
    except Unsatisfiable:
        return
