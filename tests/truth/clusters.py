"""Random small clusters with all that makes planning hard: rules, pins, tags, pools, local disks, locks, hidden guests, budgets."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random

from prs.model import RESOURCES, Cluster, Guest, Memory, Method, Node, Policy, Pool, Rule

GIB = 2**30
PLACEMENTS = 5000  # of a cluster, so that its truth is known in a second
METHODS: tuple[Method, ...] = ("memory", "memory", "memory", "cpu", "disk", "all")


@dataclass(frozen=True)
class Case:
    """A question to the planner: a cluster, a policy, and the node to empty ("" = balance)."""

    seed: int
    cluster: Cluster
    policy: Policy
    drain: str = ""


def case(seed: int) -> Case:
    """The cluster of this number, always the same."""
    chance = Random(seed)
    names = [f"n{number}" for number in range(1, chance.choice((2, 3, 3, 3, 4, 4)) + 1)]
    nodes = _nodes(chance, names)
    most = next(count for count in range(12, 0, -1) if len(names) ** count <= PLACEMENTS)
    guests = _guests(chance, nodes, chance.randint(2, most))
    nodes, guests = _hidden(chance, nodes, guests)
    rules = _rules(chance, names, guests)
    policy = _policy(chance, names, guests)
    drain = chance.choice(names) if chance.random() < 0.4 else ""
    return Case(seed, Cluster(nodes=tuple(nodes), guests=tuple(guests), rules=tuple(rules)), policy, drain)


def counted(seed: int) -> Case:
    """The same cluster where not what guests use of memory counts, but what they are assigned, or what balloons leave some of them."""
    chance, plain = Random(f"counted {seed}"), case(seed)
    memory: Memory = chance.choice(("assigned", "reserved"))
    guests = []
    for guest in plain.cluster.guests:
        most = max(1, round(max(guest.memory, GIB // 4) * chance.choice((1.0, 1.3, 2.0, 3.0))))
        balloon = round(most * chance.choice((0.2, 0.5, 0.9, 1.5))) if guest.kind == "qemu" and chance.random() < 0.6 else 0
        guests.append(replace(guest, memory_max=most, reserved=balloon))
    policy = replace(plain.policy, memory=memory, overcommit=chance.choice((0.8, 1.0, 1.5, 3.0)))
    return replace(plain, cluster=replace(plain.cluster, guests=tuple(guests)), policy=policy)


def named(seed: int) -> Case:
    """The same cluster with pools in pools, and with ignore lists as people write them: ranges, patterns, exceptions, any case."""
    chance, plain = Random(f"named {seed}"), case(seed)
    tree = ("", "p", "p/q", "P/q/r", "pq")
    guests = tuple(replace(guest, pool=chance.choice(tree)) for guest in plain.cluster.guests)
    pools = [
        Pool(name, ignore=(ignore := chance.random()) < 0.15, included=ignore > 0.6, keep=chance.choice(("", "", "together", "apart")),
             nodes=tuple(chance.sample([node.name.upper() for node in plain.cluster.nodes], 2)) if chance.random() < 0.2 else (),
             strict=chance.random() < 0.7)
        for name in chance.sample(tree[1:], chance.randint(1, 3))
    ]  # fmt: skip
    words = chance.sample(("100-102", "!101", "G10?", "!g103", "g100", "104", "!*5", "103-999"), chance.choice((0, 0, 0, 1, 2)))
    policy = replace(plain.policy, pools=tuple(pools), ignore_guests=tuple(words))
    return replace(plain, cluster=replace(plain.cluster, guests=guests), policy=policy)


def weighed(seed: int) -> Case:
    """The same cluster, levelled by all three resources of which some count for more or less than once."""
    chance, plain = Random(f"weighed {seed}"), case(seed)
    weights = tuple((r, chance.choice((0.0, 0.3, 1.5, 4.0))) for r in RESOURCES if chance.random() < 0.6)
    weights = weights if any(dict(weights).get(r, 1.0) for r in RESOURCES) else weights[1:]
    return replace(plain, policy=replace(plain.policy, method="all", weights=weights))


def _nodes(chance: Random, names: list[str]) -> list[Node]:
    """Nodes of one size or of several, some with local disks, now and then one that takes no part."""
    alike, disks = chance.random() < 0.5, chance.random() < 0.5
    size, found = chance.choice((8, 16, 32, 64)), list[Node]()
    for name in names:
        memory = size if alike else chance.choice((size, size, 2 * size))
        host, cores = round(memory * GIB * chance.uniform(0.02, 0.12)), chance.choice((4, 8, 16))
        disk = chance.choice((100, 200)) * GIB if disks else 0
        state = chance.random()
        found.append(Node(name, memory=memory * GIB, memory_host=host, cpu=float(cores), cpu_host=chance.uniform(0, 0.5), disk=disk,
                          online=state > 0.03, ha="maintenance" if 0.03 < state < 0.05 else ""))  # fmt: skip
    return found


def _guests(chance: Random, nodes: list[Node], count: int) -> list[Guest]:
    """Guests that fill the cluster more or less, most of them on a few of the nodes."""
    fill, weights = chance.choice((0.3, 0.5, 0.6, 0.7, 0.8, 0.88)), [chance.random() ** 2 + 0.05 for _ in nodes]
    shares = [chance.random() ** 1.5 + 0.03 for _ in range(count)]
    whole = fill * sum(node.memory - node.memory_host for node in nodes) / sum(shares)
    load = {node.name: node.memory_host for node in nodes}
    disk = dict.fromkeys(load, 0)
    found = []
    for number, share in enumerate(shares):
        memory = min(round(whole * share), max(node.memory for node in nodes) * 4 // 5)
        node = chance.choices(nodes, weights)[0]
        if load[node.name] + memory > node.memory:
            node = max(nodes, key=lambda one: one.memory - load[one.name])
        if load[node.name] + memory > node.memory * (1.0 if chance.random() < 0.9 else 1.05):
            continue
        size = chance.choice((5, 10, 20, 50)) * GIB if node.disk and chance.random() < 0.5 else 0
        size = size if disk[node.name] + size <= node.disk else 0
        found.append(_guest(chance, 100 + number, node.name, memory, size))
        load[node.name] += found[-1].memory
        disk[node.name] += size
    return found


def _guest(chance: Random, vmid: int, node: str, memory: int, disk: int) -> Guest:
    """One guest, in one of ten cases stopped, locked, tied to its node or of a load that is not known."""
    guest = Guest(vmid, f"g{vmid}", "lxc" if chance.random() < 0.1 else "qemu", node, memory=memory, memory_max=memory, disk=disk,
                  cpu=chance.choice((0.02, 0.1, 0.3, 0.6, 1.2)), cpu_max=4.0)  # fmt: skip
    tags = chance.choice(("plb_affinity_a", "plb_anti_affinity_b", "plb_ignore_c", "plb_pin_n1", "plb_pin_n2", "web"))
    guest = replace(guest, tags=(tags,) if chance.random() < 0.2 else (), pool=chance.choice(("", "", "", "", "p")))
    odd = chance.random()
    if odd < 0.06:
        return replace(guest, status="stopped", memory=0, cpu=0.0)
    if odd < 0.08:
        return replace(guest, lock=chance.choice(("backup", "migrate")))
    if odd < 0.10:
        return replace(guest, blockers=("has a device of its node",))
    return replace(guest, memory=memory // 2, problem="no metrics for 5 minutes") if odd < 0.11 else guest


def _hidden(chance: Random, nodes: list[Node], guests: list[Guest]) -> tuple[list[Node], list[Guest]]:
    """Without the guests that the account does not see: their load is part of their node's, which PVE measures as a whole."""
    if chance.random() > 0.15:
        return nodes, guests
    seen = [guest for guest in guests if chance.random() < 0.8]
    unseen = [guest for guest in guests if guest not in seen]
    load = {node.name: [guest for guest in unseen if guest.node == node.name] for node in nodes}
    return [
        replace(node, memory_host=node.memory_host + sum(g.memory for g in load[node.name]),
                cpu_host=node.cpu_host + sum(g.cpu for g in load[node.name]), disk_host=sum(g.disk for g in load[node.name]))
        for node in nodes
    ], seen  # fmt: skip


def _rules(chance: Random, names: list[str], guests: list[Guest]) -> list[Rule]:
    """HA rules: guests bound to nodes, apart and together; some of them are broken at the start."""
    vmids, found = [guest.vmid for guest in guests], list[Rule]()
    for vmid in vmids:
        if chance.random() < 0.15:
            nodes = chance.sample(names, chance.randint(1, len(names)))
            home = next(guest.node for guest in guests if guest.vmid == vmid)
            nodes = nodes if home in nodes or chance.random() < 0.2 else [*nodes, home]
            ranks = tuple((name, chance.choice((0, 0, 0, 1))) for name in sorted(nodes))
            found.append(Rule(f"pin{vmid}", "nodes", (vmid,), ranks, strict=chance.random() < 0.8, avoid=chance.random() < 0.1))
    for number in range(chance.choice((0, 0, 1, 1, 2, 3))):
        bound = chance.sample(vmids, min(len(vmids), chance.choice((2, 2, 3))))
        found.append(Rule(f"apart{number}", "apart", tuple(bound)))
    if chance.random() < 0.25 and vmids:
        node = chance.choice(guests).node
        bound = [guest.vmid for guest in guests if guest.node == node][:2]
        if chance.random() < 0.1:
            bound = chance.sample(vmids, min(len(vmids), 2))
        found.append(Rule("together", "together", tuple(bound)))
    return [rule for rule in found if rule.kind == "nodes" or len(rule.guests) > 1]


def _policy(chance: Random, names: list[str], guests: list[Guest]) -> Policy:
    """What the administrator wants: a method, a spread, and perhaps a budget, something ignored and a pool."""
    pools: tuple[Pool, ...] = ()
    if chance.random() < 0.2:
        nodes = tuple(chance.sample(names, min(len(names), 2))) if chance.random() < 0.4 else ()
        pools = (Pool("p", keep=chance.choice(("", "together", "apart")), nodes=nodes, strict=chance.random() < 0.7),)
    budget = chance.random()
    return Policy(
        method=chance.choice(METHODS), spread=chance.choice((0.05, 0.05, 0.05, 0.03, 0.1)), aim=chance.choice((0.8, 0.8, 1.0)),
        containers=chance.random() < 0.8, memory_reserve=chance.choice((0, 0, GIB // 4)), pools=pools,
        ignore_guests=(str(chance.choice(guests).vmid),) if guests and chance.random() < 0.15 else (),
        ignore_nodes=(chance.choice(names),) if chance.random() < 0.05 else (),
        max_moves=chance.randint(1, 3) if budget < 0.15 else None,
        max_bytes=round(chance.choice((1, 4, 12)) * GIB) if 0.15 < budget < 0.25 else None,
        only_over=tuple((resource, (budget - 0.9) * 20) for resource in RESOURCES) if 0.9 < budget < 0.95 else (),
        idle_under=budget / 2 if budget > 0.95 else 0.0,
    )  # fmt: skip
