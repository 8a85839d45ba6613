"""Errors as answers: all mistakes of a question stand one by one, each with its field."""

from __future__ import annotations

from prs.errors import PlanError
from prs.web.api.refusal import refusal


def test_each_mistake_of_a_question_is_a_detail_of_its_own() -> None:
    mistakes = [f"guests[{number}].like: there is no guest {number}" for number in range(30)]
    found = refusal(PlanError("; ".join(mistakes), mistakes))
    assert (found.status, found.code, found.message) == (409, "plan", "The request is not as described.")
    assert found.details == mistakes[:20]
    assert refusal(PlanError("there is no guest 7")).details == []
