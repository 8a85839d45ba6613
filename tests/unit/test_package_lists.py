"""Every module of the product goes into exactly one Debian package, as the packages' install lists say."""
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PREFIX = "usr/lib/python3*/dist-packages/"
LISTS = ("proxmox-rebalancing-service", "pve-proxmox-rebalancing-service-ui")


def patterns(package: str) -> list[str]:
    """Return the patterns of a package's install list that lie in Python's directory, relative to it."""
    lines = (ROOT / f"debian/{package}.install").read_text().split("\n")
    return [line.removeprefix(PREFIX) for line in lines if line.startswith(PREFIX + "prs/")]


def takes(pattern: str, module: str) -> bool:
    """Say whether dh_install takes the module for this pattern: as a directory above it, or by name, where * ends at a slash."""
    parts, wanted = module.split("/"), pattern.split("/")
    if not all(fnmatch(part, want) for part, want in zip(parts, wanted, strict=False)):
        return False
    return len(parts) == len(wanted) or (len(parts) > len(wanted) and "*" not in wanted[-1])


@pytest.mark.parametrize("module", sorted(str(path.relative_to(ROOT / "backend")) for path in (ROOT / "backend/prs").rglob("*.py")))
def test_a_module_is_in_one_package(module: str) -> None:
    owners = [package for package in LISTS if any(takes(pattern, module) for pattern in patterns(package))]
    assert len(owners) == 1, f"{module} goes into {owners or 'no package'}: name its room in debian/*.install"
