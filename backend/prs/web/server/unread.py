"""The answer to what never became a request: the API's own error in JSON, where gunicorn would send a page that repeats parts of it."""

from __future__ import annotations

from gunicorn.http.errors import LimitRequestHeaders, LimitRequestLine, ParseException

from prs.web.access.guard import security
from prs.web.api.answers import refused
from prs.web.api.refusal import Refusal

# gunicorn's own limits (limit_request_line, limit_request_field_size), and ours of the number of headers (prs.web.server.serve).
_LIMITS: dict[type[ParseException], str] = {
    LimitRequestLine: "the request line is longer than 4094 bytes",
    LimitRequestHeaders: "there are more than 50 headers, or one of them is longer than 8190 bytes",
}
_BROKEN = "its head is not one of HTTP/1.1, or can be read in two ways"


def unread(error: BaseException) -> bytes:
    """Head and body of the answer, after which the connection is closed; anything but gunicorn's ParseException is a fault of ours."""
    answer = refused(_refusal(error))
    answer.headers.update({**security(False), "Connection": "close"})
    head = [f"HTTP/1.1 {answer.status}", *(f"{name}: {value}" for name, value in answer.headers.items())]
    return "\r\n".join([*head, "", ""]).encode("ascii") + answer.get_data()


def _refusal(error: BaseException) -> Refusal:
    """400 with what was wrong, as far as it can be told in words of our own."""
    if not isinstance(error, ParseException):
        return Refusal(500, "fault", "The service made a mistake; its log says more.")
    return Refusal(400, "invalid", "The request cannot be understood.", [_LIMITS.get(type(error), _BROKEN)])
