"""Bodies are held against the description, with all mistakes at once and none of what was sent in the words."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from prs.web.api.reflect import ref
from prs.web.api.validate import MOST, mistakes

LIMITED = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "pattern": "^[a-z]+$", "maxLength": 5},
        "count": {"type": "integer", "minimum": 1, "maximum": 9},
        "list": {"type": "array", "items": {"type": "integer", "minimum": 1}, "minItems": 1, "maxItems": 3, "uniqueItems": True},
        "flag": {"type": "boolean"},
        "word": {"type": "string", "enum": ["a", "b"]},
    },
    "required": ["name"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(("value", "words"), [
    ({"name": "ab", "count": 9.0, "list": [1, 2], "flag": False, "word": "a"}, []),
    ([], ["body: object is expected"]),
    ({}, ["name: is missing"]),
    ({"name": "ab\n"}, ["name: is not of the expected form"]),
    ({"name": "abcdef"}, ["name: at most 5 characters are expected"]),
    ({"name": "ab", "count": True}, ["count: integer is expected"]),
    ({"name": "ab", "count": 10}, ["count: a number up to 9 is expected"]),
    ({"name": "ab", "list": [1, 1]}, ["list: an item is there twice"]),
    ({"name": "ab", "list": []}, ["list: at least 1 items are expected"]),
    ({"name": "ab", "list": [0, "x"]}, ["list[0]: a number from 1 on is expected", "list[1]: integer is expected"]),
    ({"name": "ab", "word": "c", "more": 1}, ["more: is not known", "word: one of a, b is expected"]),
    ({"name": "ab", "flag": 1}, ["flag: boolean is expected"]),
])  # fmt: skip
def test_values_are_held_against_their_schema(value: object, words: list[str]) -> None:
    assert mistakes(LIMITED, value) == words


def test_the_kind_of_a_request_chooses_what_it_is_held_against() -> None:
    choices = {"oneOf": [ref("BalanceRequest"), ref("DrainRequest")]}
    assert mistakes(choices, {"kind": "drain"}) == ["node: is missing"]
    assert mistakes(choices, {"kind": "balance", "node": "pve1"}) == ["node: is not known"]
    values: tuple[object, ...] = ({"kind": "x"}, {"kind": []}, {}, [], None, "drain")
    for value in values:
        assert mistakes(choices, value) == ["kind: one of balance, drain is expected"]


@pytest.mark.parametrize("item", [lambda number: {str(number): 1}, lambda number: None, lambda number: [[number]], lambda number: {}])
def test_what_is_wrong_many_times_is_not_looked_for_to_the_end(item: Callable[[int], object]) -> None:
    """The web's loop stands still meanwhile: a body of 64 KiB must cost little, which is counted in calls."""
    moves, steps = [item(number) for number in range(6000)], 0

    def count(frame: object, event: str, argument: object) -> None:
        nonlocal steps
        steps += event == "call"

    mistakes(ref("JobRequest"), {})  # what is made once is made
    before = sys.getprofile()
    sys.setprofile(count)
    try:
        found = mistakes(ref("JobRequest"), {"plan": "0123456789ab", "moves": moves})
    finally:
        sys.setprofile(before)
    assert 0 < len(found) <= MOST + 14
    assert steps < 20 * len(moves)


def test_what_was_sent_is_not_repeated() -> None:
    secret = "correct horse battery staple"
    for wrong in ({"username": "a@pve", "password": [secret]}, {"username": "a@pve", "password": secret * 400}):
        assert secret not in " ".join(mistakes(ref("LoginRequest"), wrong))
