"""The envelope of every answer: data or an error, with an ETag where it is polled."""

from __future__ import annotations

import gzip
import hashlib
import json
from typing import Any

from flask import Response, has_request_context, request

from prs.web.api.refusal import Refusal
from prs.web.api.said import said

Json = dict[str, Any]
LEAST = 1400  # bytes that fit into one packet as they are


def answer(data: object, status: int = 200) -> Response:
    """{data: ...}, with the codes of the sentences in it"""
    return Response(json.dumps({"data": data, **_coded(data)}, ensure_ascii=False), status, mimetype="application/json")


def _coded(data: object) -> Json:
    """{said: ...} where there is anything to say; another node that asks for what is here says it itself."""
    found = {} if has_request_context() and request.args.get("scope") == "node" else said(data)
    return {"said": found} if found else {}


def tagged(data: Json, but: str = "") -> Response:
    """The answer with an ETag, or 304 when the client has it already; of the value `but`, such as when it was read, no change counts."""
    return conditional(*marked(data, but))


def marked(data: Json, but: str = "") -> tuple[bytes, str]:
    """The same in two parts, which may be kept: the body of the answer, and its ETag."""
    found = answer(data).get_data()
    told = found if not but else json.dumps({**data, but: None}).encode()
    return found, hashlib.sha256(told).hexdigest()[:32]


def conditional(body: bytes, etag: str) -> Response:
    """The answer of such parts, or 304."""
    found = Response(body, mimetype="application/json")
    found.set_etag(etag, weak=True)  # the same whether it is compressed or not
    found.make_conditional(request)
    return found


def compressed(found: Response) -> Response:
    """The answer to a GET packed where that is worth it; those with a ticket in them answer a POST and never are."""
    plain = found.mimetype == "application/json" and "Content-Encoding" not in found.headers
    worth = request.method == "GET" and found.status_code == 200 and plain
    if worth and request.accept_encodings["gzip"] > 0 and len(found.get_data()) > LEAST:
        found.set_data(gzip.compress(found.get_data(), 5, mtime=0))
        found.headers["Content-Encoding"] = "gzip"
    return found


def refused(error: Refusal) -> Response:
    """{error: ...}"""
    told = {"code": error.code, "message": error.message, "details": error.details}
    body = {"error": told, **_coded(told)}
    found = Response(json.dumps(body, ensure_ascii=False), error.status, mimetype="application/json")
    if error.retry:
        found.headers["Retry-After"] = str(error.retry)
    return found
