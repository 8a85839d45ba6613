"""One question for all who ask the same, and what becomes of it when whoever asks it may not wait any longer."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from prs.web.access.single_flight import SingleFlight


class OutOfTime(BaseException):
    """As gevent ends a greenlet: no Exception."""


def test_the_end_of_one_who_asks_is_not_the_answer_of_the_others() -> None:
    flight, asking, leave, tries = SingleFlight[int](), threading.Event(), threading.Event(), []

    def question() -> int:
        tries.append(1)
        if len(tries) > 1:
            return 7
        asking.set()
        leave.wait(10)
        raise OutOfTime

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(flight.ask, "key", question)
        asking.wait(10)
        second = pool.submit(flight.ask, "key", question)
        while not second.running():
            pass
        leave.set()
        assert second.result(10) == 7
        with pytest.raises(OutOfTime):
            first.result(10)


def test_an_error_is_everybodys_answer() -> None:
    with pytest.raises(ZeroDivisionError):
        SingleFlight[float]().ask("key", lambda: 1 / 0)
