"""The table of all options of prs.conf: name, default, what is allowed, and one line of documentation each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from prs.config import accounts, addresses, times, values
from prs.config.windows import windows


@dataclass(frozen=True, slots=True)
class Option:
    """One option: `read` turns its text into a value or raises ValueError; `default` is text as written in the file."""

    section: str
    name: str
    read: Callable[[str], Any]
    default: str
    allowed: str
    doc: str
    example: str = ""  # what prs.conf shows when the default is empty
    secret: bool = False

    @property
    def may_be_empty(self) -> bool:
        """True when an empty value is the same as leaving the option out."""
        return self.default == ""


_SWITCH = "1 (yes) or 0 (no)"

OPTIONS = (
    Option(
        "proxmox", "api_host", values.items(addresses.host), "",
        "a host name or IP address, host:port, [IPv6]:port, or a comma list of them",
        "Hosts of the Proxmox VE API, tried in this order; the port is 8006 unless given as host:port.",
        "hypervisor01.example.org,hypervisor02.example.org",
    ),
    Option(
        "proxmox", "api_user", accounts.user, "", "user@realm",
        "User that logs in, with its realm; not needed when api_token names the user.", "root@pam",
    ),
    Option(
        "proxmox", "api_pass", values.text, "", "the user's password",
        "Password of api_user, literally as it is; put it in quotes if it begins or ends with a blank or a quote.",
        "FooBar", secret=True,
    ),
    Option(
        "proxmox", "api_token", accounts.token, "", "user@realm!name=secret, or name=secret beside api_user",
        "API token instead of a password (better: it can be limited and revoked on its own).",
        "prs@pve!service=01234567-89ab-cdef-0123-456789abcdef", secret=True,
    ),
    Option(
        "proxmox", "verify_ssl", values.switch, "1", _SWITCH,
        "Check the TLS certificate of the API (1), or trust anyone who answers (0).",
    ),
    Option(
        "proxmox", "ca_file", values.readable_file, "", "the absolute path of a readable file with PEM certificates",
        "Certificate authorities to trust instead of the system's; the cluster's own is /etc/pve/pve-root-ca.pem.",
        "/etc/pve/pve-root-ca.pem",
    ),
    Option(
        "proxmox", "timeout", values.number(5, 600), "40", "seconds from 5 to 600",
        "Seconds to wait for an answer; Proxmox VE itself waits 30 seconds for another node before it reports a failure.",
    ),
    Option(
        "balancing", "method", values.choice("memory", "disk", "cpu", "all", "pressure"), "memory", "memory, disk, cpu, all or pressure",
        "What is levelled: memory, local disk, CPU, all three, or what a node's tasks wait for (Proxmox VE 9).",
    ),
    Option(
        "balancing", "weights", values.weights, "",
        "a weight from 0 to 100 for each resource (memory 1, cpu 0.5, disk 0), one of them above 0",
        "With method all: how much a point of each resource's spread counts; 1 where nothing is said, and with 0 it is not levelled.",
        "memory 1, cpu 0.5, disk 0",
    ),
    Option(
        "balancing", "memory", values.choice("used", "assigned", "reserved"), "used", "used, assigned or reserved",
        "What counts of a guest's memory: what it uses, all that it is assigned, or what its balloon leaves it at least.",
    ),
    Option(
        "balancing", "overcommit", values.number(10, 1000, 0.01, "%"), "100", "percent of a node's memory from 10 to 1000",
        "What assigned or reserved memory may add up to on a node that receives a guest; what is in use has to fit as well.",
    ),
    Option(
        "balancing", "ignore_nodes", values.but(values.items(values.node_pattern)), "",
        "a comma list of node names, * and ? allowed, ! before an exception",
        "Nodes left alone: no guest leaves or enters them; * stands for any characters, ? for any one, ! excepts one.", "node01,node02",
    ),
    Option(
        "balancing", "ignore_vms", values.but(values.items(values.guest_pattern)), "",
        "a comma list of guest names, VMIDs or ranges of them, * and ? allowed, ! before an exception",
        "Guests left alone, by name, VMID or range (100-199); * stands for any characters, ? for any one, ! excepts one.",
        "testvm01,100-199,!150",
    ),
    Option(
        "balancing", "tags", values.switch, "1", _SWITCH,
        "Tags of ProxLB are rules: plb_ignore_*, plb_affinity_*, plb_anti_affinity_*, plb_pin_NODE (1), or mean nothing (0).",
    ),
    Option(
        "balancing", "spread", values.number(0, 100, 0.01, "%"), "5", "percentage points from 0 to 100",
        "Nothing is moved while the fullest and the emptiest node differ by no more than these percentage points.",
    ),
    Option(
        "balancing", "only_over", values.thresholds, "", "a percentage (80), or one for each resource (memory 80, cpu 90)",
        "Nothing is levelled unless a node uses more than this of a resource; empty for no such limit.", "memory 80, cpu 90",
    ),
    Option(
        "balancing", "idle_under", values.number(0, 100, 0.01, "%"), "0", "percent from 0 to 100",
        "A cluster is left alone while every node uses less than this of what is levelled.",
    ),
    Option(
        "balancing", "pressure_over", values.number(0, 100, 0.01, "%"), "20", "percent of the time from 0 to 100",
        "With method pressure: nothing is levelled unless tasks of a node wait for memory or CPU more than this.",
    ),
    Option(
        "balancing", "hot", values.number(1, 100, 0.01, "%"), "85", "percent of a node's memory from 1 to 100",
        "A node that uses more of its memory is relieved at once, whatever is expected and whenever the schedule's next run is.",
    ),
    Option(
        "balancing", "max_moves", values.limit(values.count(1, 100000)), "", "a whole number from 1, or nothing for no limit",
        "Most migrations of one balancing run; empty for no limit.", "10",
    ),
    Option(
        "balancing", "max_gib", values.limit(values.gib), "", "GiB (100, 1.5TiB), or nothing for no limit",
        "Most GiB that one balancing run copies; empty for no limit.", "200",
    ),
    Option(
        "balancing", "containers", values.switch, "0", _SWITCH,
        "Move running containers too (1): each move restarts the container, so they stay by default (0).",
    ),
    Option(
        "balancing", "memory_reserve", values.size, "1GiB", "a size such as 512MiB or 2GiB (a plain number is GiB)",
        "Memory kept free on every node that receives a guest, beside what the node itself uses.",
    ),
    Option(
        "balancing", "unlike_cpus", values.choice("exclude", "warn"), "exclude", "exclude or warn",
        "Running VMs of CPU type host (or with args or affinity) and nodes with another CPU model: never moved there, or with a warning.",
    ),
    Option(
        "balancing", "ha_guests", values.choice("leave", "move"), "leave", "leave or move",
        "Guests under HA while PVE's own auto-rebalance is on: leave them to it, or move them too. Guests excluded from it are moved.",
    ),
    Option(
        "balancing", "spare", values.choice("warn", "require"), "warn", "warn or require",
        "Room for the loss of one more node: warn of plans that leave none, or refuse them (drains too).",
    ),
    Option(
        "balancing", "link_speed", values.gib, "1GiB", "a size such as 110MiB (1 GbE) or 1GiB (10 GbE); a plain number is GiB",
        "What one migration copies in a second, between nodes where no finished one has shown it: expected times and costs come from it.",
    ),
    Option(
        "balancing", "parallel", values.count(1, 64), "4", "a whole number from 1 to 64",
        "Migrations that run at the same time in the whole cluster.",
    ),
    Option(
        "balancing", "parallel_node", values.count(1, 64), "2", "a whole number from 1 to 64",
        "Migrations that run at the same time from or to one node.",
    ),
    Option(
        "service", "daemon", values.switch, "1", _SWITCH,
        "Keep running and balance by the schedule (1), or make one pass and end (0).",
    ),
    Option(
        "service", "schedule", times.schedule, "24",
        "hours (24), a time from 1m to 366d (30m, 12h, 1d), or a calendar event of Proxmox VE (02:30, sat 03:00, mon..fri 0/6:00, daily)",
        "When the daemon balances: so long after its last run, or at the times of a calendar event; a plain number is hours.",
    ),
    Option(
        "service", "quiet", windows, "", "[WEEKDAYS] HH:MM-HH:MM, or WEEKDAYS for whole days, with ; between two of them",
        "Windows of the week in which no run by schedule begins, in the node's time; one that is due waits for the end.",
        "mon..fri 08:00-18:00; sat,sun",
    ),
    Option(
        "service", "wait_for_backups", values.switch, "0", _SWITCH,
        "Let a run by schedule wait while a backup runs, or a backup job is due within half an hour.",
    ),
    Option(
        "service", "after_return", times.minutes, "0", "minutes (15), or a time such as 30m or 2h; up to 24h",
        "Let a run by schedule wait until every node has been up for so long.",
    ),
    Option(
        "service", "on_return", values.switch, "0", _SWITCH,
        "Run once more when a node has come back, after the time of after_return.",
    ),
    Option(
        "service", "paused_until", times.moment, "", "YYYY-MM-DD HH:MM in the node's time, or with a Z behind it in UTC",
        "No run by schedule begins before this moment.", "2026-12-24 18:00",
    ),
    Option(
        "service", "run_at", times.moment, "", "YYYY-MM-DD HH:MM in the node's time, or with a Z behind it in UTC",
        "One run more at this moment, whatever the schedule, windows and pauses say; it is forgotten when a day has passed.",
        "2026-12-24 18:00",
    ),
    Option(
        "service", "automation", values.choice("off", "suggest", "on"), "on", "off, suggest or on",
        "Runs by schedule: none is made (off), the plan waits for somebody who carries it out (suggest), or it is started (on).",
    ),
    Option(
        "service", "notify", values.choice("info", "notice", "warning", "error", "off"), "notice", "info, notice, warning, error or off",
        "The least grave that Proxmox VE notifies of: jobs done (info), plans suggested (notice), jobs done in part, failures; or nothing.",
    ),
    Option(
        "service", "dry_run", values.switch, "0", _SWITCH,
        "Only say what would be moved (1), or move it (0).",
    ),
    Option(
        "service", "log_level", values.choice("debug", "info", "warning", "error"), "info", "debug, info, warning or error",
        "The least important messages that are still logged.",
    ),
    Option(
        "service", "state_dir", values.directory, "/var/lib/prs", "an absolute path",
        "Directory of the journal: the history of plans and jobs, needed to resume after a restart.",
    ),
    Option(
        "service", "run_dir", values.directory, "/run/prs", "an absolute path",
        "Directory in memory where the tickets of web users wait for their jobs to end.",
    ),
    Option(
        "service", "keep_days", values.count(1, 3650), "90", "a whole number of days from 1 to 3650",
        "Days that jobs stay in the journal after their end; plans that nobody carries out stay for one day.",
    ),
    Option(
        "service", "keep_size", values.gib, "256MiB", "a size such as 256MiB or 1GiB (a plain number is GiB)",
        "Size that the journal's content may reach before the oldest ended jobs go earlier.",
    ),
    Option(
        "web", "address", addresses.listen_address, "", "an IP address of this machine, or nothing for all of them",
        "Address the web interface listens on; empty for all.", "192.0.2.10",
    ),
    Option(
        "web", "port", values.count(0, 65535), "8017", "a port number from 1 to 65535, or 0",
        "Port of the web interface, the same on every node; 0 for none, when the bridge package leads through Proxmox VE's own port.",
    ),
    Option(
        "web", "url", addresses.page_address, "", "https://host or https://host:port, or nothing for this host",
        "Address of the web interface in a browser, when a reverse proxy stands before it; empty for this host and port.",
        "https://rebalancing.example.org",
    ),
    Option(
        "web", "origins", values.items(addresses.origin), "", "a comma list of https://host or https://host:port",
        "Addresses in a browser, beside this host's own, whose pages may use the web interface (a reverse proxy).",
        "https://pve.example.org",
    ),
    Option(
        "web", "api_host", values.items(addresses.host), "", "a host name or IP address, host:port, [IPv6]:port, or a comma list of them",
        "API that the web interface uses; empty for the node it runs on.", "127.0.0.1:8006",
    ),
)  # fmt: skip

# What sections with a name of the administrator's choice hold; no [pool NAME] and no line of [domains] is there by default.
POOL_OPTIONS = (
    Option(
        "pool NAME", "ignore", values.switch, "0", _SWITCH,
        "Leave the pool's guests where they are (1), or not those of one that is nested in such a pool (0).",
    ),
    Option(
        "pool NAME", "keep", values.choice("together", "apart"), "", "together or apart",
        "Keep the pool's guests together on one node, or apart on different ones.", "apart",
    ),
    Option(
        "pool NAME", "apart_from", values.items(values.pool_name), "", "a comma list of names of pools",
        "Pools with whose guests the pool's own never share a node; the pool's own guests may share one.", "db,web/front",
    ),
    Option(
        "pool NAME", "nodes", values.items(values.node_name), "", "a comma list of node names",
        "Nodes on which the pool's guests may be.", "node01,node02",
    ),
    Option(
        "pool NAME", "strict", values.switch, "1", _SWITCH,
        "The pool's guests may be on no other nodes (1), or these are only preferred (0).",
    ),
)  # fmt: skip
DOMAIN = Option(
    "domains", "NAME", values.some(values.node_name), "", "a comma list of node names",
    "A rack or room and its nodes: guests that are to be apart then get different ones, as long as there are enough of them.",
    "node01,node02",
)  # fmt: skip

STORAGE = Option(
    "storages", "NAME", values.some(values.storage_name), "", "a comma list of storages, or any",
    "Storages on which local disks of storage NAME may land on another node, in this order; any is every local storage there.",
    "local-lvm,fast",
)  # fmt: skip

GUEST = Option(
    "guests", "VMID", values.choice("automatic", "ask", "drains", "never"), "", "automatic, ask, drains or never",
    "How the guest with this VMID may be moved: as plans want it, not by the schedule alone, only to empty its node, or never.", "ask",
)  # fmt: skip

SECTIONS = tuple(dict.fromkeys(option.section for option in OPTIONS))
BY_NAME = {(option.section, option.name): option for option in OPTIONS}
