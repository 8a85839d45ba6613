"""Asked by the package before it is removed: is a job of this host not at its end? Exit code 1 and a sentence if so."""

from __future__ import annotations

import sys

from prs.cli.journal_of import at_work
from prs.config.load import DEFAULT_PATH, Settings, load_settings
from prs.errors import ConfigError


def main() -> int:
    """Look into the journal that the configuration names; one that cannot be read keeps nobody from removing anything."""
    try:
        settings = load_settings(DEFAULT_PATH)
    except ConfigError:
        settings = Settings(DEFAULT_PATH)
    if not at_work(settings.state_dir):
        return 0
    sys.stderr.write("A job of this host is not at its end: wait for it or cancel it (proxmox-rebalancing-service status shows it).\n")
    sys.stderr.write("PRS_REMOVE_ANYWAY=1 in the environment removes the package all the same; Proxmox VE then ends what is migrating.\n")
    return 1


if __name__ == "__main__":
    raise SystemExit(main())
