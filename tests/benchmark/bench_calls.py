"""How many calls to PVE, and how long, one `plan` takes at 32 nodes and 2000 guests, over HTTPS with the real client."""

from __future__ import annotations

import time

import lifeline
from prs.endpoint import Endpoint
from prs.engine.planning import PlanRequest, make_plan
from prs.model import Cluster, Method, Policy
from prs.pve.http.client import connect
from simcluster.scenes import large
from simcluster.simserver import SimServer

RIVAL = 6197  # calls of ProxLB 2.3 for a cluster of this size


def bound(cluster: Cluster, method: Method = "memory") -> int:
    """How many calls a plan that examined these guests may take.

    What a node is and which bridges it has, 2 calls for each that gives or takes a guest, is made up for by guests with nothing local,
    which take 1 call and not 2. Where the method looks at CPU each guest's mean is 1 more, and they are counted; where it looks at disks,
    every local storage is asked for the sizes of its volumes.
    """
    examined = [guest for guest in cluster.guests if guest.inspected]
    local = {(guest.node, volume.storage) for guest in examined for volume in guest.volumes}
    if method in ("disk", "all"):
        local |= {(storage.node, storage.name) for storage in cluster.storages if not storage.shared}
    return 10 + len(cluster.nodes) * per_node(method) + len(examined) * per_guest(method) + len(local)


def per_node(method: Method) -> int:
    """Calls for each node."""
    return 1 if method == "memory" else 3


def per_guest(method: Method) -> int:
    """Calls for each guest examined."""
    return 3 if method in ("cpu", "all") else 2


def main() -> None:
    """Print one row for each verb."""
    world = large(start=time.time() - 3600)
    world.clock.sleep(3600)
    print("One plan at 32 nodes and 2000 guests, over HTTPS (the simulated cluster shares the processor)")
    print(f"{'verb':16}{'calls':>7}{'cluster':>9}{'per node':>10}{'per guest':>11}{'guests examined':>17}{'seconds':>9}")
    with SimServer(world, speed=1.0) as server:
        endpoint = Endpoint((f"{server.host}:{server.port}",), "prs@pve", token_name="daemon", token_value=server.logins["prs@pve!daemon"],
                            ca_file=str(server.ca_file))  # fmt: skip
        drain = PlanRequest(drain="n01")
        verbs: list[tuple[str, PlanRequest, Method]] = [("plan", PlanRequest(), "memory"), ("plan --drain", drain, "memory")]
        verbs += [("plan, CPU", PlanRequest(), "cpu"), ("plan, all", PlanRequest(), "all")]
        for verb, request, method in verbs:
            before = dict(world.requests)
            api, began = connect(endpoint), time.perf_counter()
            cluster, plan = make_plan(api, Policy(method=method), time.time(), request)
            took = time.perf_counter() - began
            asked = {path: count - before.get(path, 0) for path, count in world.requests.items()}
            nodes = sum(count for path, count in asked.items() if "{node}" in path and "{vmid}" not in path)
            guests = sum(count for path, count in asked.items() if "{vmid}" in path)
            examined = sum(guest.inspected for guest in cluster.guests)
            print(f"{verb:16}{api.calls:>7}{api.calls - nodes - guests:>9}{nodes:>10}{guests:>11}{examined:>17}{took:>9.2f}")
            most = bound(cluster, method)
            print(f"  at most {most}: 10 + {per_node(method)} a node + {per_guest(method)} a guest examined + 1 a storage asked")
            print(f"  {plan.summary}")
            assert api.calls <= most, f"{api.calls} calls"
    print(f"(ProxLB 2.3: {RIVAL} calls)")


if __name__ == "__main__":
    lifeline.end_in_order()
    main()
