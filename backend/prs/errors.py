"""The one exception tree: every error the product raises on purpose is a PrsError with words for the user."""

from __future__ import annotations

from collections.abc import Iterable


class PrsError(Exception):
    """Base of all: str(error) is a complete sentence for the user and never holds a secret."""


class ConfigError(PrsError):
    """The configuration cannot be used; `mistakes` holds every mistake found, one sentence each, `sources` the files that they are in."""

    def __init__(self, mistakes: list[str], sources: Iterable[str] = ()) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes, self.sources = mistakes, frozenset(sources)


class UsageError(PrsError):
    """The command line asks for something that makes no sense, whatever the cluster looks like."""


class ModelError(PrsError):
    """A saved snapshot or plan is not of the expected shape; the text names the field."""


class PlanError(PrsError):
    """A plan was asked for that makes no sense, such as the drain of a node that does not exist; `mistakes` are those of the request."""

    def __init__(self, words: str, mistakes: Iterable[str] = ()) -> None:
        super().__init__(words)
        self.mistakes = tuple(mistakes)


class JournalError(PrsError):
    """The journal cannot be read or written; nothing may be started without it."""


class CredentialError(PrsError):
    """The login that a job of a web user waits for cannot be stored or read."""


class HelperError(PrsError):
    """The HA manager could not be told: the root helper is missing, refuses or failed."""


class PolicyChanged(PrsError):
    """Somebody else has written the cluster's policy since it was read; nothing was written."""


class RoundUnknown(PrsError):
    """The cluster's round of maintenance cannot be read, so that nothing is known about it, not even that there is none."""


class RoundChanged(PrsError):
    """Another host has written the round of maintenance since it was read; nothing was written."""


class NotFound(JournalError):
    """The journal holds no plan or job of that id."""


class JobConflict(PrsError):
    """A job would move guests that an open job is already moving; `job` is that job's id, `vmids` the guests, `about` what it is."""

    def __init__(self, job: str, vmids: tuple[int, ...], about: str = "") -> None:
        self.job, self.vmids = job, vmids
        which = f"{job} ({about})" if about else job
        super().__init__(f"job {which} is already moving guest {', '.join(map(str, vmids))}; wait for it or cancel it")


class PveError(PrsError):
    """Base of everything that went wrong in talking to Proxmox VE."""


class Unreachable(PveError):
    """No usable answer: connection refused, timeout, TLS failure, HTTP 595/596/599. A POST may still have been carried out."""


class LoginFailed(PveError):
    """PVE refused the credentials (401); an expired ticket and a wrong password cannot be told apart."""


class ApiError(PveError):
    """PVE answered with an error: `status` is the HTTP status, `message` PVE's own words, `errors` its words by parameter."""

    def __init__(self, status: int, message: str, errors: dict[str, str] | None = None) -> None:
        self.status, self.message, self.errors = status, message.strip(), dict(errors or {})
        detail = "; ".join(f"{name}: {text}" for name, text in sorted(self.errors.items()))
        super().__init__(f"{self.message} ({detail})" if detail else self.message)
