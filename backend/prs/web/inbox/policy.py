"""Changes the cluster-wide policy for a caller who may."""

from __future__ import annotations

from typing import Any

from prs.codec import to_json
from prs.config.policy_edit import edit
from prs.config.policy_view import read_policy, view
from prs.errors import ConfigError, PolicyChanged
from prs.helper.client import write_policy
from prs.web.access.actions import require
from prs.web.access.auth import Caller
from prs.web.api.refusal import Refusal
from prs.web.inbox.desk import Desk
from prs.web.json_of import policy_json


def change_policy(desk: Desk, who: Caller, asked: dict[str, Any]) -> dict[str, Any]:
    """Write the policy with what is asked for, if all of it is good then, and give it; `about` is what the audit line says of it.

    Refusal 403, 400 with every mistake, 409 when it is another version by now or root's helper cannot write it.
    """
    require(who.rights.refusal("Sys.Modify"))
    try:
        text, digest = read_policy(desk.pve)
        if asked["digest"] != digest:
            raise PolicyChanged("Somebody else has changed the policy since it was read: nothing was written.")
        new, changes = edit(text, asked.get("set", {}), asked.get("unset", ()))
    except ConfigError as error:
        raise Refusal(400, "policy", "The policy would have mistakes: nothing was written.", error.mistakes[:50]) from None
    if changes:
        write_policy(desk.helper, digest, new)
    found = to_json(view(desk.settings.source, desk.pve))
    return {**policy_json(found, who, desk.node, desk.now()), "about": ("; ".join(change.words for change in changes) or "unchanged")[:400]}
