"""Reads that may fail: what PVE does not tell becomes a sentence of the snapshot and not the end of it."""

from __future__ import annotations

from collections.abc import Mapping

from prs.errors import ApiError, Unreachable
from prs.pve.api import Api
from prs.pve.read.values import Row, rows, table

FAILED = object()  # in place of an answer
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
        if not isinstance(data, list):
            self._of_another_shape(path, unknown, data)
            return None
        found = rows(data)
        if len(found) < len(data):
            self.problems.append(f"{unknown}: not all that PVE answered {path} with can be read")
        return found

    def table(self, path: str, unknown: str, params: Mapping[str, object] | None = None) -> Row | None:
        """An object; None if it cannot be read."""
        data = self._get(path, unknown, params)
        if not isinstance(data, dict):
            self._of_another_shape(path, unknown, data)
            return None
        return table(data)

    def _of_another_shape(self, path: str, unknown: str, data: object) -> None:
        if data is not FAILED:
            self.problems.append(f"{unknown}: {_unreadable(path)}")

    def _get(self, path: str, unknown: str, params: Mapping[str, object] | None) -> object:
        """The answer, FAILED where there is none, which then has been told."""
        try:
            data: object = self.api.get(path, params)
        except ApiError as error:
            self.problems.append(f"{unknown}: PVE answered {path} with: {error}")
            return FAILED
        except Unreachable as error:
            self._unanswered += 1
            if self._unanswered >= GIVE_UP:
                raise
            self.problems.append(f"{unknown}: no answer to {path}: {error}")
            return FAILED
        return data


def told(api: Api, path: str, params: Mapping[str, object] | None = None) -> Row:
    """An object that has something in it; ApiError (status 200), as if PVE had refused, for any other answer."""
    data = table(api.get(path, params))
    if not data:
        raise ApiError(200, _unreadable(path))
    return data


def listed(api: Api, path: str, params: Mapping[str, object] | None = None) -> list[Row]:
    """The objects of a list; ApiError (status 200) for an answer that is none: no task is not the same as no answer."""
    data = api.get(path, params)
    if not isinstance(data, list):
        raise ApiError(200, _unreadable(path))
    return rows(data)


def _unreadable(path: str) -> str:
    return f"what PVE answered {path} with cannot be read"
