"""Runs the rivals that are installed on the same instances in the same run, and scores them with the benchmark's own formulas.

ProxLB is looked for in ~/.cache/prs-test/proxlb (`pip install --target` it there), hbal (Debian: ganeti-htools) on the PATH.
A rival plans once: its plan for k moves is the first k of them, and its plan for tau is the shortest first part that reaches tau.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

HERE = Path(__file__).resolve().parent
PROXLB = Path.home() / ".cache" / "prs-test" / "proxlb"
SIZES = ("s1", "s2", "s3")  # sizes on which rivals run, beside one instance of s4
LIMIT = 60.0  # seconds a rival may take for one instance
STEP = re.compile(r"^\s*\d+\.\s+(\d+)\s+(\S+)\s*=>\s*(\S+)", re.MULTILINE)
HUGE = 10**8  # a limit that no instance reaches
Moves = list[tuple[int, str]]


@dataclass
class Rival:
    """One rival as it was fed: `missing` says why it does not run, "" when it does; `rows` are its figures by instance."""

    name: str
    missing: str
    plan: Callable[[Path, Mapping[str, Any]], Moves]
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    slow: list[str] = field(default_factory=list)  # instances on which it took longer than LIMIT


def everyone() -> list[Rival]:
    """All rivals, installed or not."""
    proxlb = "" if (PROXLB / "proxlb").is_dir() else f"not installed: pip install --target {PROXLB} proxlb==2.3.0"
    hbal = "" if shutil.which("hbal") else "not installed: apt-get install ganeti-htools"
    return [
        Rival("ProxLB 2.3.0, balanciness 10 (default)", proxlb, lambda path, _: ask_proxlb(path, 10)),
        Rival("ProxLB 2.3.0, balanciness 5", proxlb, lambda path, _: ask_proxlb(path, 5)),
        Rival("hbal", hbal, lambda _, instance: ask_hbal(instance, False)),
        Rival("hbal, memory only", hbal, lambda _, instance: ask_hbal(instance, True)),
    ]


def ask_proxlb(path: Path, balanciness: int) -> Moves:
    """ProxLB's moves; raises CalledProcessError when it fails and TimeoutExpired when it takes too long."""
    command = [sys.executable, str(HERE / "rival_proxlb.py"), str(path), str(balanciness)]
    run = subprocess.run(command, env={**os.environ, "PYTHONPATH": str(PROXLB)}, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                         text=True, timeout=LIMIT, check=True)
    return [(vmid, node) for vmid, node in json.loads(run.stdout.splitlines()[-1])["moves"]]


def hbal_text(instance: Mapping[str, Any], memory_only: bool) -> str:
    """The instance in hbal's text format: shared (`ext`) disks, and with `memory_only` memory in place of the virtual CPUs."""
    used = {node["name"]: node["mem_host"] for node in instance["nodes"]}
    tags: dict[int, list[str]] = {}
    for guest in instance["guests"]:
        used[guest["node"]] += guest["mem"]
    for number, group in enumerate(instance["anti_affinity"]):
        for vmid in group:
            tags.setdefault(vmid, []).append(f"apart:{number}")
    nodes, guests = [], []
    for node in instance["nodes"]:
        free, cores = max(0, node["mem"] - used[node["name"]]), node["mem"] if memory_only else node["cpu"]
        nodes.append(f"{node['name']}|{node['mem']}|{node['mem_host']}|{free}|{HUGE}|{HUGE}|{cores}|N|group|1||N|0|1|1.0")
    for guest in instance["guests"]:
        cores, tag = guest["mem"] if memory_only else guest["vcpu"], ",".join(tags.get(guest["id"], ()))
        guests.append(f"{guest['id']}|{guest['mem']}|1|{cores}|running|Y|{guest['node']}||ext|{tag}|1")
    most = ",".join([str(HUGE)] * 6)
    policy = f"|1,1,1,1,1,1|0,0,0,0,0,0;{most}|ext|{HUGE}.0|{HUGE}.0"
    return "\n".join(["default|group|preferred||", "", *nodes, "", *guests, "", "", policy, ""])


def ask_hbal(instance: Mapping[str, Any], memory_only: bool) -> Moves:
    """hbal's moves; ignored and pinned guests are excluded from moving, and it knows no affinity and no local disks."""
    fixed = {guest["id"] for guest in instance["guests"] if guest.get("ignore") or guest.get("pin")}
    command = ["hbal", "--ignore-dynu", "--exclusion-tags=apart"]
    if fixed:
        command.append("--exclude-instances=" + ",".join(map(str, sorted(fixed))))
    with tempfile.TemporaryDirectory() as directory:
        data = Path(directory) / "cluster.data"
        data.write_text(hbal_text(instance, memory_only))
        run = subprocess.run([*command, "-t", str(data)], capture_output=True, text=True, timeout=LIMIT, check=True)
    return hbal_moves(run.stdout)


def hbal_moves(text: str) -> Moves:
    """The moves in hbal's numbered list of steps."""
    return [(int(guest), target) for guest, _, target in STEP.findall(text)]


def figures(score: ModuleType, instance: Mapping[str, Any], reference: Mapping[str, Any], moves: Moves) -> dict[str, Any]:
    """E and C of one plan by the formulas of the benchmark's README, and the limits that it breaks as a whole."""
    gains, start = [], reference["before"]["sd"]
    for budget in score.BUDGETS:
        reach = start - reference["sd_at_k"][str(budget)]
        if reach >= 0.002:
            walk = score.Walk(instance, moves[:budget])
            gains.append(0.0 if walk.broken else max(-1.0, (start - walk.path[-1]["sd"]) / reach))
    whole = score.Walk(instance, moves)
    first = next((number for number, row in enumerate(whole.path) if row["spread"] <= reference["tau"] + 1e-6), None)
    cheap, best = 0.0, reference["cost"]
    if first is not None and not score.Walk(instance, moves[:first]).broken:
        cost = whole.path[first]["cost"]
        cheap = float(not moves) if not best else best / cost if cost else 0.0
    return {"E": statistics.fmean(gains) if gains else None, "C": cheap, "moves": whole.count, "broken": whole.broken}


def quality(rows: Iterable[Mapping[str, Any]]) -> float:
    """Q of these rows, as the benchmark's README defines it; 0 without any."""
    kept = list(rows)
    if not kept:
        return 0.0
    gains = [row["E"] for row in kept if row["E"] is not None]
    return 50 * ((statistics.fmean(gains) if gains else 0.0) + statistics.fmean(row["C"] for row in kept))


def chosen(names: Iterable[str]) -> list[str]:
    """The instances on which rivals run: all of the small sizes and the first of s4."""
    every = sorted(names)
    return [name for name in every if name.split("-")[1] in SIZES] + [name for name in every if name.split("-")[1] == "s4"][:1]


def compare(score: ModuleType, directory: Path, ours: Mapping[str, Mapping[str, Any]], rivals: Sequence[Rival]) -> list[str]:
    """Runs the rivals where our rows are balancing instances; the lines of the table."""
    references = json.loads((directory / "references.json").read_text())
    names = chosen(name for name, row in ours.items() if "C" in row)
    for name in names:
        path = directory / "instances" / f"{name}.json"
        instance = json.loads(path.read_text())
        for rival in rivals:
            if not rival.missing:
                _run(rival, score, path, instance, references[name])
    lines = [f"Rivals in this run, on {len(names)} instances ({', '.join(SIZES)} and one of s4)",
             f"  {'rival':40} {'instances':>9} {'Q':>7} {'our Q':>7} {'ratio':>7} {'limits broken':>14}"]
    return lines + [_line(rival, ours) for rival in rivals]


def _run(rival: Rival, score: ModuleType, path: Path, instance: Mapping[str, Any], reference: Mapping[str, Any]) -> None:
    try:
        moves = rival.plan(path, instance)
    except subprocess.TimeoutExpired:
        rival.slow.append(path.stem)
        return
    rival.rows[path.stem] = figures(score, instance, reference, moves)


def _line(rival: Rival, ours: Mapping[str, Mapping[str, Any]]) -> str:
    if rival.missing:
        return f"  {rival.name:40} {rival.missing}"
    theirs, own = quality(rival.rows.values()), quality(ours[name] for name in rival.rows)
    broken = sum(bool(row["broken"]) for row in rival.rows.values())
    ratio = f"{own / theirs:.1f}" if theirs > 0 else "-"
    late = f"   too slow on {', '.join(rival.slow)}" if rival.slow else ""
    return f"  {rival.name:40} {len(rival.rows):9} {theirs:7.1f} {own:7.1f} {ratio:>7} {broken:14}{late}"
