"""CPU models and what a node's CPU must have for each, in the kernel's names (qemu-server QemuServer/CPUConfig.pm, QEMU target/i386/cpu.c).

Listed is what tells one generation from another, not every feature: a model is taken as possible on a CPU that has all of these.
"""

from __future__ import annotations

_V2 = frozenset({"popcnt", "pni", "sse4_1", "sse4_2", "ssse3"})  # pni is SSE3
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


def standing_for(flags: set[str]) -> tuple[str, ...]:
    """The CPU types that a CPU with these features can stand for."""
    return tuple(name for name, needs in MODELS.items() if needs <= flags)


def vendor(said: str, model: str) -> str:
    """The maker of a CPU in one word: as CPUID says it, which PVE tells from 9 on, else as it stands in the model's name."""
    for name, signs in (("AMD", ("AuthenticAMD", "AMD")), ("Intel", ("GenuineIntel", "Intel")), ("Hygon", ("HygonGenuine", "Hygon"))):
        if said == signs[0] or (not said and signs[1] in model):
            return name
    return said
