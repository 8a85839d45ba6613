"""How often the service has asked PVE since it began, as it tells whoever asks: a note in the journal."""

from __future__ import annotations

import json
from collections.abc import Mapping

from prs.engine.journal.journal import Journal

_NOTE = "requests"


def tell_requests(journal: Journal, sent: Mapping[str, int]) -> None:
    """Write it; `sent` are requests by outcome (prs.pve.http.tally)."""
    journal.note(_NOTE, json.dumps(sent))


def requests(journal: Journal) -> dict[str, int]:
    """What was last told, empty where nothing was."""
    try:
        found = json.loads(journal.note(_NOTE) or "{}")
    except ValueError:
        return {}
    return {str(name): count for name, count in found.items() if isinstance(count, int)} if isinstance(found, dict) else {}
