"""Could the cluster lose one more node after a plan? A plain sum of memory over what is left. Pure."""

from __future__ import annotations

from prs.model import Cluster, Plan, Spare

GIB = 2**30


def spare(cluster: Cluster, plan: Plan) -> Spare | None:
    """Whether any one node's running guests would fit in the others' free memory after the plan; None with fewer than two usable nodes."""
    where = {guest.vmid: guest.node for guest in cluster.guests} | {move.vmid: move.target for move in plan.moves}
    usable = {node.name: node for node in cluster.nodes if node.online and not node.problem and node.name != plan.node}
    held = dict.fromkeys(usable, 0)
    for guest in cluster.guests:
        if where[guest.vmid] in held:
            held[where[guest.vmid]] += guest.memory
    free = {name: max(0, node.memory - node.memory_host - held[name]) for name, node in usable.items()}
    if len(usable) < 2:
        return None
    room = sum(free.values())
    short, node = max((held[name] - (room - free[name]), name) for name in usable)
    if short <= 0:
        return Spare(True, node, 0, "If any one more node fails, its guests fit on the others.")
    return Spare(False, node, short, f"If {node} fails as well, its guests do not all fit on the others ({short / GIB:.1f} GiB short).")
