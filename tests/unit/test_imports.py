"""The dependency rule of the product, walked over the syntax tree of every module."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

BACKEND = Path(__file__).parents[2] / "backend"

# Part of the product -> parts it may import. A part is the first name after `prs`; config_* modules are one part, and so are the views.
VALUES = {"errors", "model", "endpoint", "exits"}
ALLOWED: dict[str, set[str]] = {
    "errors": set(),
    "endpoint": set(),
    "exits": set(),
    "model": {"errors"},
    "codec": {"errors", "model"},
    "config": VALUES,
    "planner": {"errors", "model"},
    "setup": {"errors"},
    "pve": {"errors", "model", "endpoint"},
    "engine": {"errors", "model", "endpoint", "codec", "config", "planner", "pve"},
    "ha_helper": set(),
    "ha_client": {"errors", "engine"},
    "views": {*VALUES, "codec", "engine", "pve"},
}
TOP = {"cli", "web"}
VIEWS = {"terminal", "output", "output_jobs", "progress", "logs", "snapshot_file"}
CLI = {"cli", "cli_options", "verbs"}
# Library -> the modules that may import it; a name ending in a dot stands for a whole package.
LIBRARIES = {
    "proxmoxer": {"prs.pve.http.client"},
    "requests": {"prs.pve."},
    "urllib3": {"prs.pve."},
    "systemd": {"prs.logs"},
    "flask": {"prs.web."},
    "werkzeug": {"prs.web."},
    "gunicorn": {"prs.web."},
}


def part_of(module: str) -> str:
    """Give the part of the product that a module such as `prs.engine.jobs` belongs to; the bare package is none."""
    name = module.split(".")[1] if "." in module else ""
    if name == "config" or name.startswith("config_"):
        return "config"
    return "views" if name in VIEWS else "cli" if name in CLI else name


def imports(tree: ast.AST, module: str, package: bool) -> Iterator[tuple[int, str]]:
    """Give (line, dotted name) of everything a module imports, also inside functions and with relative names."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = module.split(".")[: None if package and node.level == 1 else -(node.level - package)]
                base = ".".join([*parents, *filter(None, [base])])
            # `from prs import config` names a module, `from prs.config import load` does not: both forms are given, the shorter first
            yield node.lineno, base
            if base == "prs":
                yield from ((node.lineno, f"prs.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in ("import_module", "__import__"):
            yield node.lineno, "a dynamic import"


def breaches(source: str, module: str, package: bool = False) -> list[str]:
    """Give each import of a module's source that the rule forbids, with its line."""
    found, here = [], part_of(module)
    for line, name in imports(ast.parse(source), module, package):
        root, there = name.split(".")[0], part_of(name)
        if name == "a dynamic import":
            allowed = module == "prs.cli.main"
        elif root != "prs":
            allowed = root in sys.stdlib_module_names or any(
                module == place or (place.endswith(".") and module.startswith(place)) for place in LIBRARIES.get(root, ())
            )
        elif here in TOP:
            allowed = there not in TOP - {here}
        else:
            # `prs` itself holds the version only
            allowed = there in ("", here, "__version__") or there in ALLOWED.get(here, set())
        if not allowed:
            found.append(f"{module} line {line}: imports {name}")
    return found


def modules() -> list[tuple[str, Path]]:
    """Give (dotted name, file) of every module of the product."""
    return [
        (".".join(path.relative_to(BACKEND).with_suffix("").parts).removesuffix(".__init__"), path)
        for path in sorted(BACKEND.rglob("*.py"))
    ]


def test_every_module_keeps_the_rule() -> None:
    found = [
        breach
        for module, path in modules()
        for breach in breaches(path.read_text(encoding="utf-8"), module, path.name == "__init__.py")
    ]
    assert found == []


def test_every_part_is_in_the_table() -> None:
    parts = {part_of(module) for module, _ in modules()} - {""}
    assert parts - set(ALLOWED) - TOP == set()


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("prs.planner.plan", "import random, logging\nfrom prs.pve import client"),
        ("prs.planner.plan", "from prs.config import Settings"),
        ("prs.planner.plan", "from prs import engine"),
        ("prs.planner.plan", "from ..engine import journal"),
        ("prs.planner.plan", "def f():\n    import prs.pve.client"),
        ("prs.planner.plan", "import importlib\nimportlib.import_module('prs.pve')"),
        ("prs.model", "import prs.planner"),
        ("prs.pve.read.snapshot", "import proxmoxer"),
        ("prs.pve.read.snapshot", "from prs.engine.jobs import Job"),
        ("prs.pve.http.client", "from prs.config import Settings"),
        ("prs.engine.daemon.service", "from prs.cli import main"),
        ("prs.engine.daemon.service", "from prs.output import plan_page"),
        ("prs.engine.daemon.service", "import requests"),
        ("prs.config.load", "from prs.pve.endpoint import Endpoint"),
        ("prs.cli.plan_view", "from prs.verbs.call import Call"),
        ("prs.cli.main", "from prs.web import app"),
        ("prs.web.app", "from prs.verbs import plan"),
        ("prs.cli.main", "import yaml"),
    ],
)
def test_the_walk_finds(module: str, source: str) -> None:
    assert breaches(source, module)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("prs.planner.plan", "from prs.model import Plan\nfrom prs.errors import PlanError\nimport math\nfrom prs.planner import score"),
        ("prs.planner.plan", "from . import score\nfrom .score import total"),
        ("prs.pve.http.client", "import proxmoxer\nimport requests"),
        ("prs.engine.daemon.service", "from prs.config import Settings\nfrom prs.planner.plan import plan_balance"),
        ("prs.cli.main", "from prs import __version__, exits\nimport importlib\nimportlib.import_module('x')"),
        ("prs.web.app", "import flask\nfrom prs.engine.journal import Journal"),
    ],
)
def test_the_walk_allows(module: str, source: str) -> None:
    assert breaches(source, module) == []
