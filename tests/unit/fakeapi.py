"""An Api whose answers are written down: path -> data, or the exception to raise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prs.errors import ApiError


class FakeApi:
    """Answers from a table and remembers what it was asked; a path that is not in the table is 501, as PVE says it."""

    user = "prs@pve!daemon"

    def __init__(self, answers: Mapping[str, Any]) -> None:
        self.answers = dict(answers)
        self.asked: list[tuple[str, str, dict[str, object]]] = []

    @property
    def calls(self) -> int:
        """How often it was asked."""
        return len(self.asked)

    def get(self, path: str, params: Mapping[str, object] | None = None) -> Any:
        """Answer a GET."""
        return self._answer("GET", path, params)

    def post(self, path: str, params: Mapping[str, object] | None = None) -> Any:
        """Answer a POST."""
        return self._answer("POST", path, params)

    def put(self, path: str, params: Mapping[str, object] | None = None) -> Any:
        """Answer a PUT."""
        return self._answer("PUT", path, params)

    def delete(self, path: str, params: Mapping[str, object] | None = None) -> Any:
        """Answer a DELETE."""
        return self._answer("DELETE", path, params)

    def _answer(self, method: str, path: str, params: Mapping[str, object] | None) -> Any:
        self.asked.append((method, path, dict(params or {})))
        answer = self.answers.get(path, ApiError(501, f"Method '{method} {path}' not implemented"))
        if isinstance(answer, Exception):
            raise answer
        return answer
