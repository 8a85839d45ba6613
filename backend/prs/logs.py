"""Sets logging up: fields in the systemd journal, syslog prefixes under another supervisor, plain lines for people; no secrets anywhere.

A record may carry `extra={"node": ..., "vmid": ..., "upid": ..., "job": ...}`.
"""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Callable, Iterable, Mapping
from logging.handlers import SysLogHandler
from typing import Any, Literal
from urllib.parse import quote, quote_plus

from prs.terminal import Stream, clean, write

FIELDS = ("node", "vmid", "upid", "job", "caller", "client", "action", "allowed")
HIDDEN = "[hidden]"
Form = Literal["journal", "prefix", "person"]

_PRIORITY = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3, logging.CRITICAL: 2}
_WORDS = {logging.WARNING: "warning: ", logging.ERROR: "error: ", logging.CRITICAL: "error: "}
_SHORTEST = 4  # a shorter secret is not looked for: it would black out ordinary words
_LONG = 16  # a shorter one is hidden where it stands alone, and not as a part of other words
# What a secret looks like when nobody registered it: tokens, tickets (pve-access-control PVE/AccessControl.pm, PVE/Ticket.pm), form fields.
_PATTERNS = tuple(
    re.compile(pattern, flags)
    for pattern, flags in (
        (r"(PVEAPIToken[=\s][^\s=]+=)[^\s'\",]+", re.IGNORECASE),
        (r"(PVE:[^\s:'\"]+:[0-9A-F]{8}::?)[A-Za-z0-9+/=%]{16,}", 0),
        (r"(PVE%3A[^\s'\"]{1,80}%3A[0-9A-F]{8}%3A%3A)[A-Za-z0-9+/=%]{16,}", re.IGNORECASE),
        (r"(CSRFPreventionToken['\"]?\s*[:=]\s*['\"]?)[^\s'\",&]+", re.IGNORECASE),
        (r"\b((?:password|api_pass|api_token|token_value)['\"]?\s*[:=]\s*['\"]?)[^\s'\",&]+", re.IGNORECASE),
        (r"(https?://[^\s/:@]+:)[^\s/@]+(?=@)", re.IGNORECASE),
    )
)


class Redactor(logging.Filter):
    """Takes known secrets, and text that looks like one, out of every record; a second line of defence behind not logging them."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        super().__init__()
        self._secrets: tuple[str, ...] = ()
        self._pattern: re.Pattern[str] | None = None
        self.add(*secrets)

    def add(self, *secrets: str) -> None:
        """Hide these from now on, also in their URL-encoded forms."""
        forms = {form for secret in secrets if len(secret) >= _SHORTEST for form in (secret, quote(secret, ""), quote_plus(secret))}
        self._secrets = tuple(sorted({*self._secrets, *forms}, key=lambda form: (-len(form), form)))
        self._pattern = re.compile("|".join(map(_searched, self._secrets))) if self._secrets else None

    def redact(self, text: str) -> str:
        """Give text with every secret replaced."""
        text = self._pattern.sub(HIDDEN, text) if self._pattern else text
        for pattern in _PATTERNS:
            text = pattern.sub(lambda found: found[1] + HIDDEN, text)
        return text

    def filter(self, record: logging.LogRecord) -> bool:
        """Redact the record in place and let it pass."""
        record.msg, record.args = self.redact(_message(record)), None
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        record.exc_text = self.redact(record.exc_text) if record.exc_text else None
        record.exc_info = None  # a handler must not format the exception again
        for name in FIELDS:
            if isinstance(value := getattr(record, name, None), str):
                setattr(record, name, self.redact(value))
        return True


def _searched(secret: str) -> str:
    """The pattern that finds a secret: a short one has no letter, digit or joining sign right beside its own ends."""
    if len(secret) >= _LONG:
        return re.escape(secret)
    before = r"(?<![\w-])" if re.match(r"\w", secret) else ""
    return before + re.escape(secret) + (r"(?![\w-])" if re.search(r"\w\Z", secret) else "")


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError, KeyError):  # arguments that do not fit; the arguments might be secret, the format is not
        return f"{record.msg} (its arguments do not fit)"


class JournalHandler(logging.Handler):
    """Sends records to the systemd journal with NODE=, VMID=, UPID= and JOB= fields through python3-systemd's `send`."""

    def __init__(self, send: Callable[..., Any]) -> None:
        super().__init__()
        self._send = send

    def emit(self, record: logging.LogRecord) -> None:
        """Send one record; what fails goes where logging reports its own errors."""
        try:
            fields = {name.upper(): str(value) for name, value in _fields(record).items()}
            text = "\n".join(filter(None, [record.getMessage(), record.exc_text]))
            code = {"CODE_FILE": record.pathname, "CODE_LINE": record.lineno, "CODE_FUNC": record.funcName}
            self._send(text, PRIORITY=str(priority(record.levelno)), LOGGER=record.name, SYSLOG_IDENTIFIER="prs", **code, **fields)
        except Exception:  # noqa: BLE001 - logging must never end the program
            self.handleError(record)


class LineHandler(logging.Handler):
    """Writes records as lines, for a supervisor (`<6>text vmid=102`) or for people (`12:30:01 text`)."""

    def __init__(self, stream: Stream, form: Form) -> None:
        super().__init__()
        self._stream, self._form = stream, form

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record; what fails goes where logging reports its own errors."""
        try:
            write(self._stream, self.text(record))
        except Exception:  # noqa: BLE001 - logging must never end the program
            self.handleError(record)

    def text(self, record: logging.LogRecord) -> str:
        """Give the lines of a record; each line of a traceback gets the same beginning."""
        body = clean(record.getMessage())
        if self._form == "prefix":
            fields = "".join(f" {name}={clean(str(value))}" for name, value in _fields(record).items())
            lines, start = [body + fields], f"<{priority(record.levelno)}>"
        else:
            moment = time.strftime("%H:%M:%S", time.localtime(record.created))
            lines, start = [_WORDS.get(record.levelno, "") + body], f"{moment} "
        lines += [line.rstrip() for line in (record.exc_text or "").splitlines()]
        return "".join(f"{start}{line}\n" for line in lines)


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    return {name: value for name in FIELDS if (value := getattr(record, name, None)) not in (None, "")}


def priority(level: int) -> int:
    """Give syslog's number, 7 (debug) to 2 (critical), for a logging level."""
    return next((number for least, number in sorted(_PRIORITY.items(), reverse=True) if level >= least), 7)


def form_of(stream: Stream, environ: Mapping[str, str], daemon: bool) -> Form:
    """Choose how to log to a stream: `journal` when systemd connects it to the journal, `prefix` for a daemon without a terminal."""
    if stream.isatty():
        return "person"
    if _is_journal(stream, environ):
        return "journal"
    return "prefix" if daemon else "person"


def _is_journal(stream: Stream, environ: Mapping[str, str]) -> bool:
    """True when the stream is the one that systemd.exec(5) names in JOURNAL_STREAM (device:inode)."""
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):  # a stream without a file, such as a string buffer
        return False
    return environ.get("JOURNAL_STREAM", "") == f"{status.st_dev}:{status.st_ino}"


def handler_for(stream: Stream, form: Form) -> logging.Handler:
    """Make the handler of a form; without python3-systemd the journal gets prefixed lines, which it understands as well."""
    if form == "journal":
        try:
            from systemd.journal import send
        except ImportError:
            return LineHandler(stream, "prefix")
        return JournalHandler(send)
    return LineHandler(stream, form)


def audit_handler() -> logging.Handler | None:
    """Where lines go that are to be kept although a person reads the log: the systemd journal, else syslog; None where there is neither."""
    try:
        from systemd.journal import send
    except ImportError:
        return SysLogHandler("/dev/log", SysLogHandler.LOG_AUTHPRIV) if os.path.exists("/dev/log") else None
    return JournalHandler(send)


def brief(error: BaseException | None) -> str:
    """An error and where it comes from in one line: its own place first, then who called."""
    places, trace = list[str](), error.__traceback__ if error else None
    while trace is not None:
        code = trace.tb_frame.f_code
        places.append(f"{code.co_filename.rpartition('/')[2]}:{trace.tb_lineno} in {code.co_name}")
        trace = trace.tb_next
    words = " ".join(str(error).split())[:300]
    return f"{type(error).__name__}: {words} ({' < '.join(places[:-6:-1])})"


def set_up(
    level: str, stream: Stream, secrets: Iterable[str] = (), daemon: bool = False, environ: Mapping[str, str] = os.environ
) -> Redactor:
    """Log everything from `level` (debug, info, warning, error) on to the stream in the form that fits it; may be called again."""
    redactor, root = Redactor(secrets), logging.getLogger()
    handler = handler_for(stream, form_of(stream, environ, daemon))
    handler.addFilter(redactor)
    for old in list(root.handlers):
        if isinstance(old, (JournalHandler, LineHandler)):
            root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level.upper())
    # proxmoxer logs request data at INFO, which includes the password of a login.
    for name in ("proxmoxer", "urllib3", "requests"):
        logging.getLogger(name).setLevel(logging.WARNING)
    return redactor
