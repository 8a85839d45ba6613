"""What the tests of prs.conf share: a login, the tables of options, and how a file's settings or mistakes are read."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import strategies as st

from prs.config.load import Settings, load_settings
from prs.config.options import DOMAIN, GUEST, OPTIONS, POOL_OPTIONS, STORAGE
from prs.errors import ConfigError

ALL = (*OPTIONS, *POOL_OPTIONS, DOMAIN, STORAGE, GUEST)
SHIPPED = Path(__file__).parents[3] / "backend" / "prs.conf"
LOGIN = "[proxmox]\napi_host: pve1\napi_user: root@pam\napi_pass: FooBar\n"
WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=40)


def load(directory: Path, text: str | bytes, mode: int = 0o600) -> Settings:
    path = directory / "prs.conf"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    path.chmod(mode)
    return load_settings(path)


def mistakes(directory: Path, text: str | bytes) -> list[str]:
    """Load what must not load; give the mistakes without the name of the file."""
    with pytest.raises(ConfigError) as caught:
        load(directory, text)
    return [mistake.replace(f"{directory}/prs.conf", "FILE") for mistake in caught.value.mistakes]
