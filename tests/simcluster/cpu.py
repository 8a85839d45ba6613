"""CPUs: what features a node's has, and which of QEMU's models it can stand for (qemu-server QemuServer/CPUConfig.pm, QEMU cpu.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simcluster.nouns import Guest, Node

if TYPE_CHECKING:
    from simcluster.world import World

LEVELS = ("", "x86-64-v2", "x86-64-v2-AES", "x86-64-v3", "x86-64-v4")  # generic CPU types, each with all features of those before it
# What each level of LEVELS adds, in the kernel's names; pni is SSE3.
FLAGS = (
    "fpu vme cx16 lahf_lm", "pni ssse3 sse4_1 sse4_2 popcnt", "aes pclmulqdq", "xsave avx f16c rdrand bmi1 avx2 bmi2 fma movbe abm",
    "avx512f avx512dq avx512cd avx512bw avx512vl",
)  # fmt: skip
# Models of makers: the level that has their features, and those beyond it that decide between generations.
MODELS = {
    "Conroe": ("", "ssse3"), "Nehalem": ("x86-64-v2", ""), "Westmere": ("x86-64-v2-AES", ""), "SandyBridge": ("x86-64-v2-AES", "avx"),
    "IvyBridge": ("x86-64-v2-AES", "avx f16c rdrand"), "Haswell": ("x86-64-v3", ""), "Broadwell": ("x86-64-v3", "adx rdseed"),
    "Skylake-Client": ("x86-64-v3", "adx rdseed xsavec"), "Skylake-Server": ("x86-64-v4", "clwb"),
    "Cascadelake-Server": ("x86-64-v4", "clwb avx512_vnni"), "Icelake-Server": ("x86-64-v4", "clwb avx512_vnni avx512_vbmi2 gfni vaes"),
    "SapphireRapids": ("x86-64-v4", "clwb avx512_vnni avx512_vbmi2 gfni vaes amx_tile avx512_fp16"),
    "EPYC": ("x86-64-v3", "sse4a sha_ni"), "EPYC-Rome": ("x86-64-v3", "sse4a sha_ni clwb umip"),
    "EPYC-Milan": ("x86-64-v3", "sse4a sha_ni clwb umip vaes erms"), "EPYC-Genoa": ("x86-64-v4", "sse4a sha_ni clwb umip vaes avx512_vnni"),
}  # fmt: skip
CHIPS = {  # a part of the name of a CPU -> the newest of MODELS that it can stand for
    "Gold 63": "Icelake-Server", "Gold 61": "Skylake-Server", "Gold 62": "Cascadelake-Server", "EPYC 75": "EPYC-Milan",
    "EPYC 77": "EPYC-Rome", "EPYC 72": "EPYC-Rome", "EPYC 9": "EPYC-Genoa", "EPYC": "EPYC",
}  # fmt: skip


def flags(node: Node) -> set[str]:
    """Give the features of a node's CPU: of its level, and of the model its name belongs to where that is not above the level."""
    found = _level(node.cpu_level)
    name = next((model for part, model in CHIPS.items() if part in node.cpu_model), "")
    if name and LEVELS.index(MODELS[name][0]) <= LEVELS.index(node.cpu_level):
        found |= set(MODELS[name][1].split())
    return found


def _level(level: str) -> set[str]:
    return set(" ".join(FLAGS[: LEVELS.index(level) + 1]).split())


def model_of(world: World, guest: Guest) -> str:
    """Give QEMU's or PVE's name of the VM's CPU; a custom one stands for what its definition reports."""
    words = str(guest.config.get("cpu", ""))
    name = next((word.removeprefix("cputype=") for word in words.split(",") if "=" not in word or word.startswith("cputype=")), "")
    return world.cpu_models.get(name.removeprefix("custom-"), "") if name.startswith("custom-") else name


def stands_for(node: Node, model: str) -> bool:
    """True when QEMU, which PVE has `enforce` it, starts that model on the node's CPU; unknown names are not judged."""
    if model in LEVELS:
        return LEVELS.index(model) <= LEVELS.index(node.cpu_level)
    level, more = MODELS.get(model.removesuffix("-noTSX").removesuffix("-IBRS").removesuffix("-IBPB"), ("", ""))
    return _level(level) | set(more.split()) <= flags(node) if level or more else True
