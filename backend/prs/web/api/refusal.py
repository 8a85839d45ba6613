"""What is answered instead of data: one exception with the status, a word for programs and a sentence for people."""

from __future__ import annotations

from collections.abc import Sequence

from prs.errors import (
    ApiError,
    ConfigError,
    CredentialError,
    HelperError,
    JobConflict,
    JournalError,
    LoginFailed,
    NotFound,
    PlanError,
    PolicyChanged,
    PrsError,
    Unreachable,
)  # fmt: skip


class Refusal(PrsError):
    """The request is not carried out; `retry` is the number of seconds after which it may be tried again (0 = says nothing)."""

    def __init__(self, status: int, code: str, message: str, details: Sequence[str] = (), retry: int = 0) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.details, self.retry = status, code, message, list(details), retry


def refusal(error: PrsError) -> Refusal:
    """Any error of the product as a refusal, with PVE's own words where PVE said no."""
    if isinstance(error, Refusal):
        return error
    if isinstance(error, ApiError):
        details = [f"{name}: {words}" for name, words in sorted(error.errors.items())]
        return Refusal(403, "forbidden", error.message) if error.status == 403 else Refusal(502, "pve", error.message, details)
    if isinstance(error, PlanError) and error.mistakes:
        return Refusal(409, "plan", "The request is not as described.", error.mistakes[:20])
    for kind, status, code in _TABLE:
        if isinstance(error, kind):
            return Refusal(status, code, str(error), [f"job {error.job}"] if isinstance(error, JobConflict) else [])
    return Refusal(500, "fault", str(error))


_TABLE: tuple[tuple[type[PrsError], int, str], ...] = (
    (LoginFailed, 401, "ticket"),
    (Unreachable, 502, "pve"),
    (NotFound, 404, "not_found"),
    (JobConflict, 409, "conflict"),
    (HelperError, 409, "helper"),
    (PlanError, 409, "plan"),
    (PolicyChanged, 409, "changed"),
    (JournalError, 503, "unavailable"),
    (CredentialError, 503, "unavailable"),
    (ConfigError, 503, "unavailable"),
)
