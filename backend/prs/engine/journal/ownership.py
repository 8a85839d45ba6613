"""Root's calls of the command line become the user that the journal belongs to, so that the service can go on with what they write."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

from prs.errors import JournalError


def become_owner(state_dir: Path) -> bool:
    """Give root's rights up for those of the owner of `state_dir`, for good; False where there is nothing to give up.

    Root must also not write where another user can put links. JournalError if the system refuses.
    """
    try:
        found = state_dir.stat()
        owner = found.st_uid
        if os.geteuid() != 0 or owner == 0:
            return False
        entry = pwd.getpwuid(owner)
        os.initgroups(entry.pw_name, entry.pw_gid)
        os.setgid(found.st_gid)  # whose members read the journal
        os.setuid(owner)
    except FileNotFoundError:
        return False
    except (OSError, KeyError) as error:
        raise JournalError(f"cannot work as the owner of {state_dir}: {error}") from error
    return True
