"""`drain NODE`: empty a node and prove it; with `--reboot`, and `--each` for several nodes, as rolling maintenance."""

from __future__ import annotations

from collections import Counter

from prs.cli.call import Call
from prs.cli.carry_out import plan_and_do
from prs.cli.planned import plan_request_of
from prs.cli.verbs import rolling
from prs.errors import UsageError


def act(call: Call) -> int:
    """Plan, show, carry out; the exit code tells a drain that cannot succeed from one that was only partly done."""
    options = call.options
    if options.others and not options.each:
        raise UsageError("several nodes are drained one after the other with --each --reboot")
    if options.each and not options.reboot:
        raise UsageError("--each needs --reboot: a node has to be back before the next one is emptied")
    if options.at_once > 1 and not options.each:
        raise UsageError("--at-once is for several nodes: it needs --each")
    if repeated := [node for node, times in Counter([options.node, *options.others]).items() if times > 1]:
        raise UsageError(f"a node is named twice: {', '.join(repeated)}")
    if options.reboot and options.leave_stopped:
        raise UsageError("--reboot empties the node of stopped guests too: leave --leave-stopped away")
    if options.reboot and options.leave_blocked:
        raise UsageError("--reboot takes an empty node only: leave --leave-blocked away")
    if options.reboot and (options.avoid or options.targets):
        raise UsageError("--avoid and --target are for one drain: leave them away with --reboot")
    if options.kill_after and not options.shut_down:
        raise UsageError("--kill-after belongs to --shut-down: name the guests that may be shut down")
    if options.reboot:
        return rolling.act(call, [options.node, *options.others], options.at_once)
    return plan_and_do(call, plan_request_of(call))
