"""The answer with the cluster is made once for all calls of a user, and anew when anything that it tells has changed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask

from prs.endpoint import Endpoint
from prs.web.access.auth import Caller
from prs.web.access.login import Login
from prs.web.access.rights import Rights
from prs.web.cache import Cache
from prs.web.routes import overview


def test_one_answer_for_all_calls_of_a_user(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    clusters: dict[str, object] = {"eve@pve": object(), "root@pam": object()}
    context: Any = SimpleNamespace(shown=Cache(60.0, 16), facts=SimpleNamespace(held={}), cluster=lambda who: clusters[who.name])

    def measured(_: Any, who: Caller) -> dict[str, object]:
        made.append(who.name)
        return {"taken": len(made), "for": who.name}

    monkeypatch.setattr(overview, "measured", measured)

    def ask(user: str = "eve@pve", ticket: str = "a", rights: dict[str, Any] | None = None, query: str = "") -> bytes:
        with Flask("test").test_request_context(query_string=query):
            return overview._shown(context, Caller(Login(user, ticket), Rights(rights or {}), Endpoint(("pve1",))))[0]

    assert ask() == ask(ticket="another of the same user") == ask(query="scope=other")
    assert made == ["eve@pve"]
    assert b"root@pam" in ask("root@pam")
    assert ask(rights={"/": {"Sys.Audit": 1}}) != ask()
    clusters["eve@pve"] = object()
    before = len(made)
    ask()
    context.facts.held = {"pve1": "a hold"}
    ask()
    assert len(made) == before + 2
