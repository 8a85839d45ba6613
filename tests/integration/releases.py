"""Other releases of the libraries than those of the environment: fetched once, kept outside the tree, put in front by PYTHONPATH."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "prs-test"
# What the web interface is served with on Debian 12. Not what it has: pyrsistent, the first one that needs no compiler, and setuptools,
# which has to know the names under which pip installs packages today.
DEBIAN_12 = (
    "gunicorn==20.1.0", "gevent==22.10.2", "greenlet==2.0.2", "setuptools==78.1.0", "flask==2.2.2", "werkzeug==2.2.2", "jinja2==3.1.2",
    "itsdangerous==2.1.2", "click==8.1.3", "markupsafe==2.1.2", "jsonschema==4.10.3", "attrs==22.2.0", "pyrsistent==0.19.3",
    "proxmoxer==1.2.0", "requests==2.28.1", "urllib3==1.26.12",
)  # fmt: skip
# Release -> its libraries, none for those of the environment, which are Debian 13's (requirements-dev.txt); Debian 12's need its Python.
WEB: dict[str, tuple[str, ...]] = {**({"Debian 12": DEBIAN_12} if sys.version_info[:2] == (3, 11) else {}), "Debian 13": ()}


def installed(name: str, libraries: tuple[str, ...]) -> Path:
    """The folder with these libraries; an installation that failed leaves nothing that looks complete."""
    folder = CACHE / f"{name}-py{sys.version_info.major}.{sys.version_info.minor}"
    recipe, wanted = folder / ".complete", "\n".join(libraries)
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f".{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another process may be fetching them
        if not recipe.exists() or recipe.read_text(encoding="utf-8") != wanted:
            shutil.rmtree(folder, ignore_errors=True)
            quietly = ["--quiet", "--disable-pip-version-check", "--target", str(folder)]
            subprocess.run([sys.executable, "-m", "pip", "install", *quietly, *libraries], check=True, timeout=300)
            recipe.write_text(wanted, encoding="utf-8")
    return folder
