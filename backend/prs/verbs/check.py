"""`check`: say in plain words whether everything is as needed, and what to do where it is not; changes nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator

from prs import checks, checks_cluster, exits
from prs.config import Settings
from prs.errors import ConfigError
from prs.findings import Finding
from prs.output import finding_text, findings_summary
from prs.pve.api import Api
from prs.pve.snapshot import read_cluster
from prs.verbs.call import Call


def act(call: Call) -> int:
    """Show each finding as soon as it is known; the exit code says whether one of them is a problem."""
    found = []
    for finding in findings(call):
        found.append(finding)
        if not call.json:
            call.print(finding_text(finding, call.style))
    bad, warn = (sum(finding.state == state for finding in found) for state in ("bad", "warn"))
    if call.json:
        call.print_json({"findings": found, "problems": bad, "warnings": warn})
    else:
        call.print(f"\n{findings_summary(bad, warn)}\n")
    return exits.FOUND if bad else exits.DONE


def findings(call: Call) -> Iterator[Finding]:
    """Check from the outside in, and stop where nothing further can be seen."""
    try:
        settings = call.settings(quiet=True)
    except ConfigError as error:
        for mistake in error.mistakes:
            yield Finding("Configuration", "bad", mistake)
        return
    yield from checks.configuration(settings)
    yield checks.state_directory(settings.state_dir)
    if settings.endpoint is None:
        return
    yield from checks.hosts(settings.endpoint)
    api, bad = call.connect(settings.endpoint), False
    for finding in checks.login(api):
        bad = bad or (finding.subject == "Login" and finding.state == "bad")
        yield finding
    if not bad:
        yield from checks.harmless(checks_cluster.privileges(api, settings.policy.method), "Privileges")
        yield from checks.harmless(_cluster(api, settings), "Cluster")


def _cluster(api: Api, settings: Settings) -> Iterator[Finding]:
    yield from checks_cluster.cluster(read_cluster(api, time.time(), settings.policy.method))
