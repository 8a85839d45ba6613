"""The envelope of every answer: data or an error, with an ETag where it is polled."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from flask import Response, request

from prs.web.api.refusal import Refusal

Json = dict[str, Any]


def answer(data: object, status: int = 200) -> Response:
    """{data: ...}"""
    return Response(json.dumps({"data": data}, ensure_ascii=False), status, mimetype="application/json")


def tagged(data: object) -> Response:
    """The answer with an ETag, or 304 when the client has it already."""
    found = answer(data)
    found.set_etag(hashlib.sha256(found.get_data()).hexdigest()[:32])
    found.make_conditional(request)
    return found


def refused(error: Refusal) -> Response:
    """{error: ...}"""
    body = {"error": {"code": error.code, "message": error.message, "details": error.details}}
    found = Response(json.dumps(body, ensure_ascii=False), error.status, mimetype="application/json")
    if error.retry:
        found.headers["Retry-After"] = str(error.retry)
    return found
