"""A machine that is not booted, for what dpkg does to files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from debianlab.debs import Packages, dependencies
from debianlab.roots import fresh, layer, run_in


@dataclass
class Machine:
    """One machine that is not booted, with the packages' folder in it."""

    root: Path
    shell: str
    binds: tuple[str, ...]

    def run(self, command: str) -> str:
        """Run a command that must succeed, or with a leading "!" fail, and give its output."""
        done = run_in(self.root, f"{self.shell}; {command.removeprefix('!')}", binds=self.binds)
        assert (done.returncode != 0) == command.startswith("!"), f"{command}: exit {done.returncode}\n{done.stdout}"
        return done.stdout

    def state(self, package: str) -> str:
        """dpkg's two letters for a package, "un" when it knows none."""
        output = run_in(self.root, f"dpkg-query -W -f '${{db:Status-Abbrev}}' {package} 2>/dev/null || :").stdout
        return output[:2].replace("rc", "un") or "un"

    def files(self) -> dict[str, str]:
        """Every path with its kind and mode, and its content's beginning where it is small; without what any installation leaves behind."""
        found = {}
        for path in sorted(self.root.rglob("*")):
            name = str(path.relative_to(self.root))
            if not re.match(r"(var/(lib/(dpkg|apt)|log|cache)|proc|sys|dev|run|tmp)(/|$)", name):
                content = path.read_bytes()[:200_000] if path.is_file() and not path.is_symlink() else b""
                found[name] = f"{path.lstat().st_mode:o} {path.lstat().st_uid}:{path.lstat().st_gid} {hash(content)}"
        return found


@contextmanager
def machine_of(release: str, packages: Packages, folder: Path) -> Iterator[Machine]:
    """A fresh machine of a release."""
    with fresh(layer(release, "depends", dependencies()), folder / "machine") as root:
        yield Machine(root, packages.shell("/debs"), (f"--bind-ro={folder / 'debs'}:/debs",))
