"""One question at a time per key: callers who ask the same while it is being asked get the same answer."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from typing import Generic, TypeVar

T = TypeVar("T")


class SingleFlight(Generic[T]):
    """Shares the answer, or the error, of a question among all who ask it while it is under way; keeps nothing after that."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._under_way: dict[str, Future[T]] = {}

    def ask(self, key: str, question: Callable[[], T]) -> T:
        """The answer to the question of this key: asked now, or by somebody who is already asking it."""
        with self._lock:
            asked = self._under_way.get(key)
            mine = self._under_way[key] = Future() if asked is None else asked
        if asked is not None:
            try:
                return asked.result()
            except CancelledError:
                return self.ask(key, question)
        try:
            answer = question()
        except Exception as error:
            mine.set_exception(error)
            raise
        except BaseException:
            mine.cancel()  # whoever asked had no more time, which says nothing about the answer
            raise
        else:
            mine.set_result(answer)
            return answer
        finally:
            with self._lock:
                del self._under_way[key]
