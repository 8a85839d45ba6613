"""One `setup` for a cluster of three booted nodes: every service gets the account, and the leader balances, whichever it is, as the tab
on any node says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from debianlab.cluster import TOKEN, Cluster, booted_cluster
from debianlab.debs import CORE, UI, Packages
from simcluster.access import User

ADMIN = "admin@pve"  # may change the cluster, and is not root
PRIVATE = "/etc/pve/priv/proxmox-rebalancing-service"
PATIENCE = 300.0  # seconds for what others, on a machine that is busy, do in a few
LEVEL = 5  # of twelve equal guests no node has more, once their nodes are within the default spread


@pytest.fixture(scope="module")
def cluster(packages: Packages, folder: Path) -> Iterator[Cluster]:
    """Twelve guests of one size, nine of them on pve2."""
    with booted_cluster("trixie", packages, folder) as found:
        for machine in found.machines.values():
            machine.wait_active(CORE)
        yield found


def status(cluster: Cluster, name: str) -> str:
    """What systemd shows of a node's service."""
    return cluster.machines[name].run(f"systemctl show --value -p StatusText {CORE}")


def scheduling(cluster: Cluster, name: str) -> bool:
    """Whether a node's service has an account to schedule with."""
    return "no scheduled runs" not in status(cluster, name)


def idle(cluster: Cluster, name: str) -> bool:
    """Whether it has none."""
    return not scheduling(cluster, name)


def stands_by_pve1(cluster: Cluster, name: str) -> bool:
    """Whether a node's service leaves the runs to pve1."""
    return status(cluster, name).startswith("standing by: pve1 is the online node with the lowest id")


def look_now(cluster: Cluster) -> None:
    """Have every service that runs look at the cluster at once; by itself each does within 5 minutes."""
    for machine in cluster.machines.values():
        machine.try_run(f"systemctl reload {CORE}")


def balanced(cluster: Cluster, name: str, jobs: int = 1) -> None:
    """Wait for the node's own service to have levelled the cluster, by as many jobs in all."""
    machine = cluster.machines[name]
    machine.wait("a balancing job", lambda: [job["state"] for job in cluster.jobs(name)] == ["done"] * jobs, PATIENCE)
    assert {job["kind"] for job in cluster.jobs(name)} == {"balance"}
    assert cluster.fullest() <= LEVEL


def test_one_setup_for_all(cluster: Cluster) -> None:
    """The account comes to every service by its own root helper, although setup ran on the node that leads last."""
    assert not any(scheduling(cluster, name) for name in cluster.machines)
    output = cluster.machines["pve3"].run("proxmox-rebalancing-service setup")
    assert f"created API token {TOKEN}" in output
    assert "! " not in output
    for name, machine in cluster.machines.items():
        machine.wait(f"the account on {name}", partial(scheduling, cluster, name), PATIENCE)
        machine.wait(f"a sign of life of {name}", (cluster.pve / "proxmox-rebalancing-alive" / name).exists, PATIENCE)
        assert machine.try_run(f"setpriv --reuid=prs --regid=prs --init-groups cat {PRIVATE}/{name}.conf")[0] != 0
        assert "the account of the cluster" in machine.run("proxmox-rebalancing-service config show")
        assert "created" not in machine.run("proxmox-rebalancing-service setup"), "one account is enough"
    assert not cluster.world.migrations, "nothing moves within 5 minutes of setup"


def strip(cluster: Cluster, name: str) -> tuple[Any, ...]:
    """What the tab's strip on a node is made of: who tells it, who leads, what it waits for, and how its last job ended."""
    told = cluster.web(name, ADMIN, "GET", "/status")["balancing"]
    return told["host"], told["state"]["leader"], told["state"]["waiting"], told["outcome"].partition(":")[0]


def history(cluster: Cluster, name: str) -> list[tuple[str, str, str]]:
    """The jobs in the tab on a node: which node's, kind, state."""
    return [(job["host"], job["kind"], job["state"]) for job in cluster.web(name, ADMIN, "GET", "/jobs")["jobs"]]


@contextmanager
def quiet(cluster: Cluster) -> Iterator[None]:
    """Whoever is at pve2 saves a quiet window of three days, and takes it out again, whatever comes of it."""
    days = ",".join(f"{datetime.now(UTC) + timedelta(days=days):%a}".lower() for days in (-1, 0, 1))
    save(cluster, set={"service.quiet": days})
    try:
        yield
    finally:
        save(cluster, unset=["service.quiet"])


def save(cluster: Cluster, **changes: Any) -> None:
    """Change the policy on pve2, against the version that is there now."""
    digest = cluster.web("pve2", ADMIN, "GET", "/policy")["digest"]
    cluster.web("pve2", ADMIN, "PUT", "/policy", {"digest": digest, **changes})


def test_the_online_node_with_the_lowest_id_balances(cluster: Cluster) -> None:
    """What an administrator saves on pve2 makes pve1, which leads, wait and then act; the tab on pve3 shows both."""
    cluster.world.access.add(User(ADMIN, "admin-secret"), ("/", "PRS"))
    for machine in cluster.machines.values():
        machine.wait_active(f"{UI}.service")
    here, waits = cluster.machines["pve3"], ("pve1", "pve1", "the end of the quiet window", "")
    with quiet(cluster):
        look_now(cluster)
        here.wait("the wait of pve1", lambda: strip(cluster, "pve3") == waits, PATIENCE)
        assert not cluster.world.migrations
    balanced(cluster, "pve1")
    here.wait("the job in the history", lambda: history(cluster, "pve3") == [("pve1", "balance", "done")], PATIENCE)
    ended = f"job {cluster.jobs('pve1')[0]['id']} is done"
    here.wait("its end in the strip", lambda: strip(cluster, "pve3") == ("pve1", "pve1", "its time", ended), PATIENCE)
    for name in ("pve2", "pve3"):
        assert cluster.jobs(name) == []
        cluster.machines[name].wait(f"{name} standing by", partial(stands_by_pve1, cluster, name), PATIENCE)


def test_the_manager_of_ha_balances(cluster: Cluster) -> None:
    """It is neither the node with the lowest id nor the one on which setup has made the account."""
    cluster.world.ha.node_status = dict.fromkeys(cluster.machines, "online")
    cluster.world.ha.lock_holder = "pve2"
    cluster.crowd("pve1")
    look_now(cluster)
    balanced(cluster, "pve2")
    assert len(cluster.jobs("pve1")) == 1
    assert cluster.jobs("pve3") == []


def test_who_has_no_service_does_not_lead(cluster: Cluster) -> None:
    """A manager of HA whose service is stopped keeps nobody from balancing; nor does the node with the lowest id."""
    for name in ("pve1", "pve2"):
        cluster.machines[name].run(f"systemctl stop {CORE}")
    cluster.crowd("pve1")
    look_now(cluster)
    balanced(cluster, "pve3")


def test_a_broken_policy_stops_no_service(cluster: Cluster) -> None:
    """What one node has written comes to all; each goes on with the last good one, also after a restart, and says where the mistake is."""
    policy, machine = cluster.pve / "proxmox-rebalancing-service/policy.conf", cluster.machines["pve3"]
    machine.run(f"printf '[balancing]\\nspread: 9\\n' > /etc/pve/{policy.relative_to(cluster.pve)}")
    kept = machine.root / "var/lib/prs/last-good-settings/policy"
    machine.wait("the policy to be kept", lambda: kept.exists() and "spread: 9" in kept.read_text(), PATIENCE)
    machine.run(f"printf '[balancing]\\nspraed: 9\\n' > /etc/pve/{policy.relative_to(cluster.pve)}")
    machine.wait("a word about it", lambda: "policy.conf line 2: [balancing] has no option 'spraed'" in status(cluster, "pve3"), PATIENCE)
    machine.run(f"systemctl restart {CORE}")
    machine.wait_active(CORE)
    machine.wait("a word about it", lambda: "policy.conf line 2: [balancing] has no option 'spraed'" in status(cluster, "pve3"), PATIENCE)
    code, told = machine.try_run("proxmox-rebalancing-service check")
    assert code == 6
    assert "/etc/pve/proxmox-rebalancing-service/policy.conf line 2: [balancing] has no option 'spraed'" in told
    assert "policy.conf is not in force: until it is mended, what it said on" in machine.run("proxmox-rebalancing-service status")
    shown = machine.run("proxmox-rebalancing-service config show")
    assert re.search(r"spread +9 +/var/lib/prs/last-good-settings/policy line 2", shown)
    policy.unlink()
    machine.wait("silence about it", lambda: "policy.conf" not in status(cluster, "pve3"), PATIENCE)


def test_removed_on_one_node_is_removed_everywhere(cluster: Cluster) -> None:
    """Another node than the one that has set it up takes the account away; no service schedules from then on."""
    cluster.machines["pve1"].run(f"systemctl start {CORE}")
    cluster.machines["pve1"].wait_active(CORE)
    assert f"removed API token {TOKEN}" in cluster.machines["pve2"].run("proxmox-rebalancing-service setup --remove")
    for name in ("pve1", "pve3"):
        cluster.machines[name].wait("a service without account", partial(idle, cluster, name), PATIENCE)
    assert not (cluster.pve / "priv/proxmox-rebalancing-service").exists()
