"""Reads that may fail: what PVE does not tell becomes a sentence of the snapshot and not the end of it."""

from __future__ import annotations

from collections.abc import Mapping

from prs.errors import ApiError, Unreachable
from prs.pve.api import Api
from prs.pve.read.values import Row, rows, table

GIVE_UP = 3  # unanswered requests after which the API itself is taken for dead (each may have cost the full timeout)


class Reader:
    """Collects `problems`; LoginFailed, and Unreachable once too many requests went unanswered, pass through."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.problems: list[str] = []
        self._unanswered = 0

    def rows(self, path: str, unknown: str, params: Mapping[str, object] | None = None) -> list[Row] | None:
        """A list; None if it cannot be read, and then `unknown` says what is not known."""
        data = self._get(path, unknown, params)
        return None if data is None else rows(data)

    def table(self, path: str, unknown: str, params: Mapping[str, object] | None = None) -> Row | None:
        """An object; None if it cannot be read."""
        data = self._get(path, unknown, params)
        return None if data is None else table(data)

    def _get(self, path: str, unknown: str, params: Mapping[str, object] | None) -> object | None:
        try:
            data: object = self.api.get(path, params)
        except ApiError as error:
            self.problems.append(f"{unknown}: PVE answered {path} with: {error}")
            return None
        except Unreachable as error:
            self._unanswered += 1
            if self._unanswered >= GIVE_UP:
                raise
            self.problems.append(f"{unknown}: no answer to {path}: {error}")
            return None
        return data if isinstance(data, (list, dict)) else []
