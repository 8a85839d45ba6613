"""What PVE does not check before a migration, asked of the nodes themselves: CPU, architecture, version and QEMU, memory, bridges."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from ipaddress import ip_interface, ip_network
from typing import Any

from prs.errors import ApiError, Unreachable
from prs.model import Cluster, Node
from prs.pve.api import Api, quote
from prs.pve.read.values import Row, flag, number, properties, rows, table, text, whole

# What a CPU must have for a model, in the kernel's names (qemu-server QemuServer/CPUConfig.pm, QEMU target/i386/cpu.c): what tells one
# generation from another, not every feature. pni is SSE3.
_V2 = frozenset({"popcnt", "pni", "sse4_1", "sse4_2", "ssse3"})
_V2_AES = _V2 | {"aes"}
_V3 = _V2_AES | {"avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe", "xsave"}
_V4 = _V3 | {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}
_SANDY = _V2_AES | {"avx", "xsave", "pclmulqdq"}
_IVY = _SANDY | {"f16c", "rdrand"}
_BROADWELL = _V3 | {"rdrand", "adx", "rdseed"}
_SKYLAKE_SERVER = _V4 | {"rdrand", "clwb"}
_CASCADE = _SKYLAKE_SERVER | {"avx512_vnni"}
_ICELAKE = _CASCADE | {"avx512_vbmi2", "gfni", "vaes"}
_ZEN = _V3 | {"sse4a", "sha_ni", "rdrand"}
_ZEN2 = _ZEN | {"clwb", "umip"}
_ZEN3 = _ZEN2 | {"vaes", "erms"}
_ZEN4 = _ZEN3 | _V4 | {"avx512_vnni"}
MODELS: dict[str, frozenset[str]] = {
    "x86-64-v2": _V2, "x86-64-v2-AES": _V2_AES, "x86-64-v3": _V3, "x86-64-v4": _V4,
    "Conroe": frozenset({"ssse3"}), "Penryn": frozenset({"ssse3", "sse4_1"}), "Nehalem": _V2, "Westmere": _V2_AES | {"pclmulqdq"},
    "SandyBridge": _SANDY, "IvyBridge": _IVY, "Haswell": _V3 | {"rdrand"}, "Broadwell": _BROADWELL, "Skylake-Client": _BROADWELL,
    "Skylake-Server": _SKYLAKE_SERVER, "Cascadelake-Server": _CASCADE, "Cooperlake": _CASCADE | {"avx512_bf16"},
    "Icelake-Client": _V3 | {"gfni", "vaes"}, "Icelake-Server": _ICELAKE, "SapphireRapids": _ICELAKE | {"amx_tile", "avx512_fp16"},
    "GraniteRapids": _ICELAKE | {"amx_tile", "avx512_fp16", "amx_fp16"}, "KnightsMill": _V3 | {"avx512f", "avx512cd"},
    "SierraForest": _V3 | {"avx_vnni", "gfni", "vaes"},
    "Opteron_G3": frozenset({"sse4a", "abm"}), "Opteron_G4": frozenset({"sse4a", "avx", "xop", "fma4"}),
    "Opteron_G5": frozenset({"sse4a", "avx", "xop", "fma4", "fma", "tbm"}),
    "EPYC": _ZEN, "EPYC-Rome": _ZEN2, "EPYC-Milan": _ZEN3, "EPYC-Genoa": _ZEN4, "EPYC-Turin": _ZEN4 | {"avx_vnni"},
}  # fmt: skip
# pvestatd keeps a node that is short of memory at 80 % by taking memory back from balloons (pve-manager Service/pvestatd.pm
# auto_ballooning); a node that is kept there may show a little less.
SQUEEZES = 0.79
NO_SUCH_CALL = 501  # of a release that is older than the call
GIVE_UP = 3  # silent nodes after which no further one is asked (each may have cost the full timeout)
# What marketing and the kernel add to the name of a CPU.
_ADDED = re.compile(r"\((?:R|TM|tm)\)|\bCPU\b|\bProcessor\b|\b\d+-Core\b|@ ?[\d.]+ ?GHz")

Read = Callable[[Node, Any], Node]


class NodeFacts:
    """Asks each node of one plan at most once for each thing, whether or not it answers; LoginFailed passes through."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._asked: set[str] = set()
        self._sizes: dict[tuple[str, str], dict[str, int]] = {}
        self._known: set[str] = set()
        self.silent: dict[str, str] = {}  # node that did not answer -> PVE's words

    def known_with(self, names: Iterable[str]) -> list[str]:
        """Those nodes and all that were named before, ascending: what is told of nodes is told beside each other."""
        self._known |= set(names)
        return sorted(self._known)

    def unknown(self, names: Iterable[str]) -> set[str]:
        """Those of the nodes that have not been named yet."""
        return set(names) - self._known

    def hardware(self, cluster: Cluster, names: Iterable[str], qemu: bool = False) -> Cluster:
        """The cluster with CPU, architecture, version and shortage of memory of the usable ones among these nodes.

        With their QEMU where the versions of PVE differ, or where `qemu` asks for it.
        """
        names = tuple(names)
        found, missing = self._each(cluster, names, "status", with_status)
        if qemu or len({node.version for node in found.nodes if node.version}) > 1:
            found, older = self._each(found, names, "capabilities/qemu/machines", with_machines)
            missing = {**older, **missing}
        return _noted(found, "CPU and version of {} are not known, so nothing is judged by them", missing)

    def network(self, cluster: Cluster, names: Iterable[str]) -> Cluster:
        """The cluster with the bridges and SDN vnets of the usable ones among these nodes, as far as the caller may see them."""
        found, missing = self._each(cluster, names, "network", with_bridges, {"type": "any_bridge"})
        return _noted(found, "The bridges of {} are not known, so nothing is judged by them", missing)

    def connections(self, cluster: Cluster, names: Iterable[str]) -> Cluster:
        """The cluster with which of the usable ones among these nodes can take connections along; one without that call cannot."""
        return self._each(cluster, names, "capabilities/qemu/migration", with_connections)[0]

    def scripts(self, cluster: Cluster, storage: str, names: Iterable[str]) -> Cluster:
        """The cluster with the hook scripts that the usable ones among these nodes show on that storage."""
        return self._each(cluster, names, f"storage/{quote(storage)}/content", with_scripts, {"content": "snippets"})[0]

    def sizes(self, node: str, storage: str) -> Mapping[str, int]:
        """Bytes by volume id of what the node's storage lists for this account; empty if it cannot be listed. Unreachable."""
        found = self._sizes.get((node, storage))
        if found is None:
            try:
                listed = rows(self._api.get(f"/nodes/{quote(node)}/storage/{quote(storage)}/content"))
            except ApiError:
                listed = []
            found = {text(row, "volid"): whole(row, "size") or whole(row, "approximate-size") for row in listed}
            self._sizes[node, storage] = found
        return found

    def _each(
        self, cluster: Cluster, names: Iterable[str], what: str, read: Read, params: Mapping[str, object] | None = None
    ) -> tuple[Cluster, dict[str, str]]:
        """Ask those of the nodes that have not been asked for this; also why a node told nothing, by its name."""
        nodes, missing = {node.name: node for node in cluster.nodes}, dict[str, str]()
        for name in sorted(set(names) & set(nodes)):
            path, node = f"/nodes/{quote(name)}/{what}", nodes[name]
            if path in self._asked or name in self.silent or node.problem or not node.online:
                continue
            if len(self.silent) >= GIVE_UP:
                missing[name] = f"{len(self.silent)} nodes did not answer, so no more were asked"
                continue
            self._asked.add(path)
            try:
                data = self._api.get(path, params)
                if isinstance(data, list | dict):
                    nodes[name] = read(node, data)
                else:
                    missing[name] = f"what PVE answered {path} with cannot be read"
            except ApiError as error:
                if error.status == NO_SUCH_CALL:
                    nodes[name] = read(node, None)
                    continue
                missing[name] = f"PVE answered {path} with: {error}"
            except Unreachable as error:
                missing[name] = self.silent[name] = str(error)
        return replace(cluster, nodes=tuple(nodes[node.name] for node in cluster.nodes)), missing


def _noted(cluster: Cluster, words: str, missing: Mapping[str, str]) -> Cluster:
    """One sentence for all nodes that told nothing, with the reason of the first."""
    if not missing:
        return cluster
    sentence = f"{words.format(', '.join(missing))}: {next(iter(missing.values()))}"
    return replace(cluster, problems=(*cluster.problems, sentence))


def with_status(node: Node, data: Any) -> Node:
    """Read GET /nodes/{node}/status (pve-manager PVE/API2/Nodes.pm)."""
    status = table(data)
    cpu, memory = table(status.get("cpuinfo")), table(status.get("memory"))
    flags = set(text(cpu, "flags").split())
    used, total = number(memory, "used"), number(memory, "total")
    version = text(status, "pveversion").split("/")
    return replace(
        node,
        version=version[1] if len(version) > 1 else node.version,
        machine=text(table(status.get("current-kernel")), "machine"),
        cpu_model=" ".join(_ADDED.sub(" ", text(cpu, "model")).split()),
        cpu_vendor=vendor(text(cpu, "vendor"), text(cpu, "model")),
        cpu_types=standing_for(flags) if flags else None,
        squeezes=bool(total and used is not None and used / total >= SQUEEZES),
    )


def with_machines(node: Node, data: Any) -> Node:
    """Read GET /nodes/{node}/capabilities/qemu/machines (qemu-server PVE/API2/Qemu/Machine.pm), whose newest version is its QEMU's."""
    found = [re.match(r"(\d+)\.(\d+)", text(row, "version")) for row in rows(data)]
    newest = max(((int(version[1]), int(version[2])) for version in found if version), default=None)
    return replace(node, qemu=f"{newest[0]}.{newest[1]}") if newest else node


def with_bridges(node: Node, data: Any) -> Node:
    """Read GET /nodes/{node}/network?type=any_bridge (pve-manager PVE/API2/Network.pm), which leaves out what the caller may not see."""
    return replace(node, bridges=tuple(sorted({text(row, "iface") for row in rows(data)} - {""})))


def with_connections(node: Node, data: Any) -> Node:
    """Read GET /nodes/{node}/capabilities/qemu/migration (qemu-server PVE/API2/NodeCapabilities/Qemu/Migration.pm)."""
    return replace(node, connections=flag(table(data), "has-dbus-vmstate"))


def with_scripts(node: Node, data: Any) -> Node:
    """Read GET /nodes/{node}/storage/{storage}/content?content=snippets, which shows none without Datastore.Allocate (Storage.pm)."""
    return replace(node, scripts=tuple(sorted({*(node.scripts or ()), *(text(row, "volid") for row in rows(data))})))


def migration_network(options: Row) -> str:
    """The network of /cluster/options that migrations go through, as CIDR; "" when there is none or the caller may not see it."""
    return text(properties(options.get("migration")), "network")


def outside(api: Api, network: str, names: Iterable[str]) -> tuple[str, ...]:
    """A sentence for each of these nodes that shows no address in the migration network; one call for each, none without a network.

    A target looks for its address in the task (pve-cluster CLI/pvecm.pm mtunnel), which PVE's precondition call does not make it do.
    """
    words = f"shows no address in the migration network {network} of the datacenter's options: Proxmox VE fails every migration to it"
    return tuple(f"{name} {words}" for name in sorted(set(names)) if network and _outside(api, network, name))


def _outside(api: Api, network: str, name: str) -> bool:
    """True when its interfaces are seen, have fixed addresses, and none is in the network; what is not told is not judged."""
    try:
        wanted = ip_network(network, strict=False)
        found = rows(api.get(f"/nodes/{quote(name)}/network"))
        addresses = [ip_interface(value).ip for row in found for key in ("cidr", "cidr6") if (value := text(row, key))]
    except (ApiError, Unreachable, ValueError):
        return False
    asked = any(text(row, key) in ("dhcp", "auto") for row in found for key in ("method", "method6"))
    return bool(addresses) and not asked and not any(address in wanted for address in addresses)


def standing_for(flags: set[str]) -> tuple[str, ...]:
    """The CPU types that a CPU with these features can stand for."""
    return tuple(name for name, needs in MODELS.items() if needs <= flags)


def vendor(said: str, model: str) -> str:
    """The maker of a CPU in one word: as CPUID says it, which PVE tells from 9 on, else as it stands in the model's name."""
    for name, signs in (("AMD", ("AuthenticAMD", "AMD")), ("Intel", ("GenuineIntel", "Intel")), ("Hygon", ("HygonGenuine", "Hygon"))):
        if said == signs[0] or (not said and signs[1] in model):
            return name
    return said
