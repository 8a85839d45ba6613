"""The dependency rule of the product, walked over the syntax tree of every module: package by package, and room by room inside one."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

BACKEND = Path(__file__).parents[2] / "backend"

# Every module belongs to the first of these prefixes, longest first, that its dotted name (without `prs.`) begins with.
# Rooms stand from the ground floor up; a room may import those of its own package named behind it.
ROOMS: dict[str, tuple[str, ...]] = {
    "planner.quantities": (),
    "planner.problem": ("planner.quantities",),
    "planner.objective": ("planner.problem", "planner.quantities"),
    "planner.search": ("planner.objective", "planner.problem", "planner.quantities"),
    "planner.day": ("planner.search", "planner.objective", "planner.problem", "planner.quantities"),
    "planner.explain": ("planner.objective", "planner.problem", "planner.quantities"),
    "planner.verify": ("planner.problem", "planner.quantities"),
    "planner": (
        "planner.day", "planner.explain", "planner.search", "planner.objective", "planner.problem", "planner.quantities", "planner.verify",
    ),
    "pve.api": (),
    "pve.http": ("pve.api",),
    "pve.read": ("pve.api",),
    "pve.roster": ("pve.read",),
    "pve.kernels": ("pve.read",),
    "pve.act": ("pve.read", "pve.api"),
    "pve.check": ("pve.read", "pve.http", "pve.api"),
    "engine.clock": (),
    "engine.waits": ("engine.clock",),
    "engine.planning": (),
    "engine.loads": ("engine.clock",),
    "engine.placing": ("engine.planning",),
    "engine.supposing": ("engine.planning",),
    "engine.journal": ("engine.clock",),
    "engine.drain": ("engine.journal", "engine.planning", "engine.waits", "engine.clock"),
    "engine.execution": ("engine.drain", "engine.journal", "engine.planning", "engine.waits", "engine.clock"),
    "engine.rolling": ("engine.execution", "engine.drain", "engine.journal", "engine.planning", "engine.waits", "engine.clock"),
    "engine.daemon": (
        "engine.loads",
        "engine.rolling", "engine.execution", "engine.drain", "engine.journal", "engine.planning", "engine.waits", "engine.clock",
    ),
    "helper.root_policy": (),
    "helper.root_account": ("helper.root_policy",),
    "helper.root_request": (),
    "helper.root_hooks": ("helper.root_request",),
    "helper.root_notify": ("helper.root_request",),
    "helper.notify": (),
    "helper.root": ("helper.root_account", "helper.root_policy", "helper.root_request"),
    "helper.client": (),
    "helper.hooks": (),
    "helper.cluster_log": (),
    "web.api": (),
    "web.certificate": (),
    "web.site": (),
    "web.cache": (),
    "web.access": ("web.api", "web.cache"),
    "web.later": ("web.access", "web.api"),
    "web.pveproxy": ("web.certificate",),
    "web.visible": ("web.access",),
    "web.json_of": ("web.access", "web.api"),
    "web.round_json": ("web.json_of", "web.access"),
    "web.inbox": ("web.round_json", "web.json_of", "web.visible", "web.pveproxy", "web.certificate", "web.access", "web.api"),
    "web.peers": ("web.access", "web.api", "web.certificate", "web.cache"),
    "web.facts": ("web.access", "web.api", "web.cache"),
    "web.context": ("web.inbox", "web.facts", "web.later", "web.peers", "web.access", "web.site", "web.cache"),
    "web.pages": ("web.context",),
    "web.openmetrics": (),
    "web.metrics": ("web.openmetrics",),
    "web.load_history": (),
    "web.routes": (
        "web.metrics", "web.openmetrics", "web.load_history",
        "web.round_json",
        "web.inbox", "web.context", "web.later", "web.json_of", "web.visible", "web.peers", "web.access", "web.api", "web.cache",
    ),
    "web.app": ("web.routes", "web.pages", "web.context", "web.access", "web.api"),
    "web.server": (
        "web.app", "web.inbox", "web.pages", "web.context", "web.access", "web.api", "web.pveproxy", "web.certificate", "web.site",
    ),
    "cli.exits": (),
    "cli": ("cli.exits",),
    "cli.verbs": ("cli", "cli.exits"),
}  # fmt: skip
# Package -> packages it may import; the ground is every module that stands beside the packages, and the nouns.
GROUND = ("model", "errors", "codec", "endpoint", "similar", "terminal", "logs", "audit", "snapshot_file")
PACKAGES: dict[str, tuple[str, ...]] = {
    "config": GROUND,
    "planner": GROUND,
    "setup": GROUND,
    "pve": GROUND,
    "engine": (*GROUND, "config", "planner", "pve"),
    "helper": (*GROUND, "engine"),
    "cli": (*GROUND, "config", "planner", "pve", "engine", "helper", "setup"),
    "web": (*GROUND, "config", "planner", "pve", "engine", "helper", "setup"),
}
# What the ground's own modules may import of it: no arrow runs back up.
FLOOR: dict[str, tuple[str, ...]] = {
    "errors": (), "endpoint": (), "similar": (), "terminal": (), "model": ("errors",), "codec": ("errors", "model"), "logs": ("terminal",),
    "audit": (),
    "snapshot_file": ("codec", "errors", "model"),
}  # fmt: skip
# Library -> the modules that may import it; a name ending in a dot stands for a whole package.
LIBRARIES = {
    "proxmoxer": {"prs.pve.http."},
    "requests": {"prs.pve.http."},
    "urllib3": {"prs.pve.http."},
    "systemd": {"prs.logs"},
    "flask": {"prs.web."},
    "werkzeug": {"prs.web."},
    "jsonschema": {"prs.web.api."},
    "gunicorn": {"prs.web.server."},
    "gevent": {"prs.web.server."},
}
# What runs as root on a node, or decides, keeps away from the rest of the product.
BARE = {
    "helper.root": ("helper.root_account", "helper.root_policy", "helper.root_request"), "helper.root_account": ("helper.root_policy",),
    "helper.root_policy": (), "helper.root_request": (), "helper.root_hooks": ("helper.root_request",),
    "helper.root_notify": ("helper.root_request",),
    "planner": ("model", "errors", "similar"),
}  # fmt: skip


def within(name: str, prefix: str) -> bool:
    """Whether a dotted name is the prefix or lies below it."""
    return name == prefix or name.startswith(prefix + ".")


def room_of(name: str) -> str:
    """The room of a module such as `engine.journal.jobs`; its package where it has no room."""
    return next((room for room in sorted(ROOMS, key=len, reverse=True) if within(name, room)), name.split(".")[0])


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
            # `from prs.engine import planning` names a module, `from prs.engine.planning import make_plan` does not: both forms are given
            if base == "prs" or (BACKEND / base.replace(".", "/")).is_dir():
                yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)
            else:
                yield node.lineno, base
        elif isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in ("import_module", "__import__"):
            yield node.lineno, "a dynamic import"


def allowed(module: str, name: str) -> bool:
    """Whether a module of the product may import what bears this name."""
    root = name.split(".")[0]
    if name == "a dynamic import":
        return module == "prs.cli.main"
    if root != "prs":
        places = LIBRARIES.get(root, ())
        listed = any(module == place or (place[-1] == "." and module.startswith(place)) for place in places)
        return listed or root in sys.stdlib_module_names
    here, there = module.removeprefix("prs").removeprefix("."), name.removeprefix("prs").removeprefix(".")
    if there in ("", "__version__"):
        return not within(here, "helper.root")
    mine, other = here.split(".")[0], there.split(".")[0]
    if mine == other:
        return room_of(here) == room_of(there) or room_of(there) in ROOMS.get(room_of(here), ())
    bare = next((found for place, found in BARE.items() if within(here, place)), None)
    return other in (FLOOR[mine] if mine in FLOOR else PACKAGES.get(mine, ()) if bare is None else bare)


def breaches(source: str, module: str, package: bool = False) -> list[str]:
    """Give each import of a module's source that the rule forbids, with its line."""
    found = imports(ast.parse(source), module, package)
    return [f"{module} line {line}: imports {name}" for line, name in found if not allowed(module, name)]


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
    parts = {module.split(".")[1] for module, _ in modules() if "." in module}
    assert parts == {*PACKAGES, *FLOOR}
    assert set(FLOOR) == set(GROUND)
    rooms = {room_of(module.removeprefix("prs.")) for module, _ in modules()}
    assert set(ROOMS) - rooms == set()


@pytest.mark.parametrize("table", [ROOMS, PACKAGES, FLOOR], ids=["rooms", "packages", "ground"])
def test_no_arrow_runs_back_up(table: dict[str, tuple[str, ...]]) -> None:
    """The tables themselves have no circle: each name stands below those that import it."""
    done = set[str]()
    for room, lower in table.items():
        below = {name for name in lower if name in table} - done
        assert not below, f"{room} stands before {below}"
        done.add(room)


def test_folders_stay_small_enough_to_look_through() -> None:
    for folder in {path.parent for _, path in modules()}:
        here = [path for path in folder.glob("*.py") if path.name != "__init__.py"]
        assert len(here) <= (10 if folder == BACKEND / "prs" else 16), f"{folder} holds {len(here)} modules"


def test_unit_tests_stand_where_the_code_does() -> None:
    """Each folder of tests/unit that bears a name of the product's tree lies where the tree has it."""
    unit, product = BACKEND.parent / "tests" / "unit", BACKEND / "prs"
    others = {"simcluster", "benchmark", "play"}
    folders = {path.parent.relative_to(unit) for path in unit.rglob("test_*.py")} - {Path(".")}
    assert [str(folder) for folder in sorted(folders) if folder.parts[0] not in others and not (product / folder).is_dir()] == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("prs.planner.plan", "import random, logging\nfrom prs.pve.http import client"),
        ("prs.planner.plan", "from prs.config.load import Settings"),
        ("prs.planner.plan", "from prs import engine"),
        ("prs.planner.plan", "from ..engine.journal import journal"),
        ("prs.planner.plan", "def f():\n    import prs.pve.http.client"),
        ("prs.planner.plan", "import importlib\nimportlib.import_module('prs.pve')"),
        ("prs.planner.problem.board", "from prs.planner.search import order"),
        ("prs.model.cluster", "import prs.planner"),
        ("prs.pve.read.snapshot", "import proxmoxer"),
        ("prs.pve.read.snapshot", "from prs.pve.act.migration import start"),
        ("prs.pve.read.snapshot", "from prs.engine.journal.jobs import Job"),
        ("prs.pve.http.client", "from prs.config.load import Settings"),
        ("prs.engine.journal.journal", "from prs.engine.drain.holds import Holds"),
        ("prs.engine.drain.holds", "from prs.engine.execution import executor"),
        ("prs.engine.daemon.service", "from prs.cli.main import main"),
        ("prs.engine.daemon.service", "from prs.cli.plan_view import plan_page"),
        ("prs.engine.daemon.service", "import requests"),
        ("prs.config.load", "from prs.pve.http.hosts import caller"),
        ("prs.cli.plan_view", "from prs.cli.verbs import plan"),
        ("prs.cli.main", "from prs.web import app"),
        ("prs.web.app", "from prs.cli.verbs import plan"),
        ("prs.web.peers", "from prs.web.context import Context"),
        ("prs.web.access.auth", "from prs.web.context import Context"),
        ("prs.web.inbox.serve", "from prs.web.context import Context"),
        ("prs.web.inbox.serve", "from prs.web.peers import Peers"),
        ("prs.helper.root", "from prs.errors import HelperError"),
        ("prs.cli.main", "import yaml"),
    ],
)
def test_the_walk_finds(module: str, source: str) -> None:
    assert breaches(source, module)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("prs.planner.plan", "from prs.model import Plan\nfrom prs.errors import PlanError\nfrom prs.planner.objective import score"),
        ("prs.planner.search.order", "from . import anneal\nfrom .anneal import Anneal"),
        ("prs.pve.http.client", "import proxmoxer\nimport requests"),
        ("prs.engine.daemon.service", "from prs.config.load import Settings\nfrom prs.planner.plan import plan_balance"),
        ("prs.cli.main", "from prs import __version__\nfrom prs.cli import exits\nimport importlib\nimportlib.import_module('x')"),
        ("prs.web.app", "import flask\nfrom prs.engine.journal.journal import Journal"),
    ],
)
def test_the_walk_allows(module: str, source: str) -> None:
    assert breaches(source, module) == []
